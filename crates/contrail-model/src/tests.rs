//! Tests over the shipped models: units, the law "incremental equals from scratch", and an independent calculation.

mod explore;
mod gained;
mod incremental;
mod marts;
mod query;
mod recording;
mod sample;
mod units;

use std::sync::Arc;

use crate::{Engine, EngineOptions, Project};

pub(crate) fn engine() -> Engine {
    Engine::in_memory(Arc::new(Project::embedded()), &EngineOptions::default()).unwrap()
}
