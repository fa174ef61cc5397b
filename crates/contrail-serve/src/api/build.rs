//! Builds on command.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// The body of `POST /api/v1/build`: hours of derived tables to compute anew from their inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BuildRequest {
    /// Names of models; none means all.
    pub models: Vec<String>,
    /// Any instant of each hour; none means only what has landed since the last build.
    pub hours: Vec<Time>,
}

/// What was built.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Built {
    /// Rows of `states` that were written anew.
    pub rows: u64,
}
