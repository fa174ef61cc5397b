//! The vocabulary of Contrail: what a state vector is, what a table is, units, geometry. No I/O, no async.
//!
//! Everything else in the tree depends on this crate and it depends on nothing of ours. Read [`state`] first (the one
//! Arrow schema of a state vector), then [`table`] (how a lake table is described), then the small rest. [`explore`] and
//! [`history`] are the answers that the model computes and the API shows: one shape, no copy between them.

pub mod explore;
pub mod geo;
pub mod history;
pub mod icao24;
pub mod state;
pub mod table;
pub mod time;
pub mod units;

pub use icao24::Icao24;
pub use table::{Column, TableDef, Transform};
pub use time::{Micros, Time};
