//! States to messages and back: Avro in Confluent framing (a zero byte, the schema's id in four, the record).
//!
//! [`SCHEMA`] is what is written and what everything is read as; `contrail_types::state` is its Arrow form, and a test
//! keeps the two equal. [`Encoder`] writes, [`Decoder`] reads and sorts out what cannot be read.

mod decoder;
mod encoder;
pub mod fields;
pub mod rejected;
mod resolve;
#[cfg(test)]
mod tests;

use contrail_kit::{Class, Classified};

use crate::registry::{Level, Registry, RegistryError, judge, normal, verdict};

pub use decoder::{Decoded, Decoder};
pub use encoder::Encoder;
pub use fields::{NewField, NotInTable, Unfit, not_in_table};

/// The Avro schema of a state.
pub const SCHEMA: &str = include_str!("../../../schemas/flight-state.avsc");
/// The topic of states.
pub const TOPIC: &str = "flight-states";
/// The registry's subject for the values of [`TOPIC`].
pub const SUBJECT: &str = "flight-states-value";

/// Bytes before the record: the magic byte and the schema's id.
const PREFIX: usize = 5;

/// Why states could not be written or read. A message that cannot be read is no error: it is a dead letter.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("schema {0} was not asked for before decoding")]
    NotPrepared(u32),
    #[error("column {column} of the states is {found}, expected {expected}")]
    Column { column: String, found: String, expected: String },
    #[error("states cannot be written as Avro")]
    Avro(#[from] arrow_avro::errors::AvroError),
    #[error("states cannot be put together")]
    Arrow(#[from] arrow::error::ArrowError),
}

/// Refuses a subject whose versions do not get along with [`SCHEMA`]: whoever writes asks before it begins.
pub async fn agree(registry: &dyn Registry, subject: &str) -> Result<(), CodecError> {
    Ok(verdict(registry, subject, SCHEMA).await?.agreed()?)
}

/// Refuses a subject whose latest version [`SCHEMA`] cannot read, whatever the subject's level: whoever reads asks before
/// it begins. Gained columns do not count: their clashes make dead letters, and a restart would not help.
pub async fn readable(registry: &dyn Registry, subject: &str) -> Result<(), CodecError> {
    let versions = registry.versions(subject).await?;
    let latest = &versions[versions.len().saturating_sub(1)..];
    Ok(judge(subject, Level::Backward, latest, &normal(SCHEMA)?).agreed()?)
}

impl Classified for CodecError {
    fn class(&self) -> Class {
        match self {
            Self::Registry(error) => error.class(),
            _ => Class::INTERNAL,
        }
    }
}
