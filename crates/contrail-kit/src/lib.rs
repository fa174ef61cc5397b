//! What every long-running program needs and no aviation: error classes, retries, clock, secrets, the supervisor.
//!
//! Read [`class`] first: a stage says what kind of failure it met, and [`supervise`] alone decides what happens then.

pub mod class;
pub mod clock;
pub mod crash;
pub mod retry;
pub mod secret;
pub mod supervise;

pub use class::{Class, Classified, Who};
pub use clock::Clock;
pub use retry::Backoff;
pub use secret::Secret;
