//! The lake through its public face: writing, committing, racing, unknown outcomes, upkeep, and what PyIceberg sees.

#[path = "lake/commits.rs"]
mod commits;
#[path = "lake/support.rs"]
mod support;
