//! SQL models on DuckDB: what tables are derived from the raw states, how, and how people may ask questions of them.
//!
//! This crate is the only one that knows DuckDB. Reading order: [`project`] (what a model is: SQL with a header),
//! [`engine`] (runs models and our own statements in process), [`fold`] and [`winner`] (how a derived table grows
//! without looking at all of its input again), [`explore`] (the fixed questions of the Explore page), [`query`]
//! (statements that users write, in a child process under limits).
//!
//! Contract: a model's result depends on its input rows alone, not on their order or batching. Nothing that a user
//! wrote ever reaches the engine in this process.

pub mod engine;
pub mod explore;
pub mod fold;
pub mod project;
pub mod query;
pub mod reference;
pub mod winner;

pub use engine::{CheckFailure, Engine, EngineError, EngineOptions, Input, Value};
pub use fold::Fold;
pub use project::{Kind, Model, Project, ProjectError};
pub use query::{QueryError, QueryService, Tables};

#[cfg(test)]
mod tests;
