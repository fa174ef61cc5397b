//! What runs when: the loops of the roles, the rules of progress, the ledger.
//!
//! Read [`rules`] first: pure functions that say what a commit may do. Then the roles in the order of the flow:
//! `source` (feeds into the log), `land` (log into `states_raw`), `build` (derived tables and marts), `maintain` (all tables
//! small and quick). [`evolve`] gives
//! `states_raw` columns that the stream has, [`letters`] is what can be done with dead letters, [`stream`] the stream
//! under observation, [`repair`] what is done about tables that have lost files; [`data_dir`] and [`ledger`] are what they share on disk.

pub mod build;
pub mod data_dir;
pub mod evolve;
pub mod land;
pub mod ledger;
pub mod letters;
pub mod maintain;
pub mod pulse;
pub mod repair;
pub mod rules;
pub mod source;
pub mod stream;
pub mod verify;

#[cfg(test)]
mod tests;
