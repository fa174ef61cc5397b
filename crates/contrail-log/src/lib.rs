//! The stream between source and lake: durable messages in order, the Avro that is in them, the registry of schemas.
//!
//! Read [`log`] first (what any log promises), then [`codec`] (states to messages and back, dead letters), then
//! [`registry`] (and [`registry::http`], a registry elsewhere), then [`embedded`], the log for one machine, and
//! [`kafka`], with the [`spool`] before it. [`conformance`] holds the promises against any log and any registry.
//! No other crate of ours knows Avro or how a log is kept.

pub mod codec;
pub mod conformance;
pub mod embedded;
pub mod kafka;
pub mod log;
pub mod messages;
pub mod registry;
pub mod spool;

pub use codec::{CodecError, Decoded, Decoder, Encoder, NewField, NotInTable, Unfit, not_in_table};
pub use embedded::{EmbeddedLog, EmbeddedRegistry};
pub use kafka::{BrokerError, KafkaLog};
pub use log::{Append, Bounds, Chunk, DeadLetter, Log, LogError, LogReader, Offsets, Range, Shape};
pub use messages::{Message, Messages, MessagesBuilder};
pub use registry::{Level, Lookup, Registry, RegistryError, Version};
pub use spool::{Spool, SpoolState};
