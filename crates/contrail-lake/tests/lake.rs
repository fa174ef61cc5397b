//! The lake through its public face: writing, committing, racing, unknown outcomes, upkeep, and what PyIceberg sees, on
//! this machine and over an object store with a REST catalog.
// tidy: allow test-binary: the lake is tested by its own public face, and PyIceberg reads what that made.

#[path = "lake/cache_live.rs"]
mod cache_live;
#[path = "lake/columns.rs"]
mod columns;
#[path = "lake/commits.rs"]
mod commits;
#[path = "lake/evolution.rs"]
mod evolution;
#[path = "lake/full_disk.rs"]
mod full_disk;
#[path = "lake/history.rs"]
mod history;
#[path = "lake/keys_live.rs"]
mod keys_live;
#[path = "lake/proxy.rs"]
mod proxy;
#[path = "lake/pyiceberg.rs"]
mod pyiceberg;
#[path = "lake/races.rs"]
mod races;
#[path = "lake/relocate.rs"]
mod relocate;
#[path = "lake/remote_live.rs"]
mod remote_live;
#[path = "lake/repair.rs"]
mod repair;
#[path = "lake/skew.rs"]
mod skew;
#[path = "lake/support.rs"]
mod support;
#[path = "lake/travel.rs"]
mod travel;
#[path = "lake/upkeep.rs"]
mod upkeep;
