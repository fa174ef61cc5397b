//! Explore: the three questions of the page, and their answers.

use serde::Serialize;

use super::{Density, Explore, Filters, Range};

#[derive(Clone, Debug, PartialEq)]
pub enum ExploreRequest {
    Figures(Filters),
    Density(Filters),
    Range,
}

/// The answer to the [`ExploreRequest`] of the same name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ExploreAnswer {
    Figures(Box<Explore>),
    Density(Density),
    Range(Range),
}
