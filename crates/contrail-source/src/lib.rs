//! Feeds: where states come from. OpenSky, readsb, recorded answers, and the synthetic demo sky.
//!
//! Contract: a [`Feed`] waits until it is time, fetches once, and hands over one [`Answer`]: the rows that could be read
//! as one Arrow batch of [`contrail_types::state::schema`], the rows that could not, and a line for the ledger of
//! fetches. Whatever a server sends, nothing here panics: a bad field is null and counted, a bad row is kept as
//! received, a bad answer is an error that shows its beginning.
//!
//! Reading order: [`feed`] (the seam, configuration, [`open`]), [`wire`] (OpenSky's and readsb's JSON, both ways; nobody
//! else knows it), [`pacer`] (when to ask next, as a pure function), then the feeds: [`opensky`], [`readsb`],
//! [`replay`], [`demo`].

pub mod area;
pub mod demo;
#[cfg(test)]
mod fault_server;
pub mod feed;
mod http;
pub mod ledger;
pub mod meter;
pub mod opensky;
pub mod pacer;
pub mod readsb;
pub mod reference;
pub mod replay;
pub mod wire;

pub use feed::config::FeedConfig;
pub use feed::{Answer, Cause, Context, Feed, FeedHealth, FetchError, OpenError, open};
pub use ledger::{Fetch, Outcome};
pub use wire::{BadAnswer, Rejected};
