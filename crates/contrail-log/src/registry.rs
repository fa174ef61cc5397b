//! The seam `Registry`: Avro schemas under permanent ids, with versions a subject and rules for the next version.

use std::sync::Arc;

use async_trait::async_trait;
use contrail_kit::{Class, Classified};

pub mod compat;

pub use compat::Level;

/// One version of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub subject: String,
    /// Counts from 1 without a gap.
    pub version: u32,
    pub id: u32,
    pub schema: Arc<str>,
}

/// What a registry says about an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    Found(Arc<str>),
    /// No schema has this id and none ever will: whoever uses it has sent rubbish. A registry that cannot promise the
    /// second half (a cluster whose replicas lag) must return [`RegistryError::Unavailable`] instead.
    Never,
}

/// Keeps schemas. An id names one schema for ever; the same schema text registered again gets the id that it has.
///
/// Everything may be retried: registering is idempotent, the rest reads. Schemas are compared by their canonical JSON
/// (no white space), so documentation and defaults count as a difference.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The id of `schema` under `subject`, made the next version if it is new there and the subject's level allows it.
    async fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError>;

    /// The schema with this id.
    async fn schema(&self, id: u32) -> Result<Lookup, RegistryError>;

    /// Whether `schema` could be the subject's next version; the error names the field that clashes.
    async fn check(&self, subject: &str, schema: &str) -> Result<(), RegistryError>;

    /// All subjects in order of their names.
    async fn subjects(&self) -> Result<Vec<String>, RegistryError>;

    /// All versions of a subject, oldest first; none for a subject that does not exist.
    async fn versions(&self, subject: &str) -> Result<Vec<Version>, RegistryError>;

    /// The rule for the subject's next version.
    async fn level(&self, subject: &str) -> Result<Level, RegistryError>;

    async fn set_level(&self, subject: &str, level: Level) -> Result<(), RegistryError>;
}

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("{subject} does not take this schema ({level}): {reason}")]
    Incompatible { subject: String, level: Level, reason: String },
    #[error("no Avro schema: {0}")]
    Invalid(String),
    /// Storage or network failed and may recover, or a schema may still turn up.
    #[error("the schema registry cannot be reached: {what}")]
    Unavailable { what: String, source: Option<Box<dyn std::error::Error + Send + Sync>> },
}

impl Classified for RegistryError {
    fn class(&self) -> Class {
        match self {
            Self::Incompatible { .. } | Self::Invalid(_) => Class::USER,
            Self::Unavailable { .. } => Class::EXTERNAL,
        }
    }
}
