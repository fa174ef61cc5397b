//! For tests alone: the real services that some of them need.
//!
//! Contract: a test asks [`Services`] for what it needs and returns when there is none; the reason has been printed by
//! then, in the form that the test runner counts as a skip. On the build server (`CI=true`) it is a failure.
//!
//! Reading order: [`live`] (what runs, and fresh names in it), [`own`] (services of one's own, to be killed),
//! [`kit`] (what Iceberg asks of a REST catalog).

pub mod kit;
pub mod live;
pub mod own;

pub use live::{Catalog, Kafka, S3, Services};
pub use own::{Broker, Own, Service};
