//! The seam `Registry`: Avro schemas under permanent ids, with versions a subject and rules for the next version.

use std::sync::Arc;

use async_trait::async_trait;
use contrail_kit::{Class, Classified};

pub mod compat;
pub mod http;
mod level;
mod verdict;

pub use compat::{Clash, normal};
pub use level::{BadLevel, Level};
pub use verdict::{Against, Verdict, judge, level, table, verdict};

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
    /// second half at once (a cluster whose replicas lag) returns [`RegistryError::Unavailable`] until it can.
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

    /// The schema with this id, for whoever has a message that names it: the answer that there is none is kept.
    async fn schema(&self, id: u32) -> Result<Lookup, RegistryError>;

    /// The schema that has this id now, for whoever is curious: promises nothing and leaves nothing behind.
    async fn peek(&self, id: u32) -> Result<Option<Arc<str>>, RegistryError>;

    /// Whether `schema` could be the subject's next version; the error names the field that clashes.
    async fn check(&self, subject: &str, schema: &str) -> Result<(), RegistryError>;

    /// All subjects in order of their names.
    async fn subjects(&self) -> Result<Vec<String>, RegistryError>;

    /// All versions of a subject, oldest first; none for a subject that does not exist.
    async fn versions(&self, subject: &str) -> Result<Vec<Version>, RegistryError>;

    /// The rule for the next version that is set for a subject, or for all that have none of their own: without a
    /// subject there always is one. (Some servers give that one for a subject that has none.) [`level`] gives the one
    /// that holds.
    async fn level(&self, subject: Option<&str>) -> Result<Option<Level>, RegistryError>;

    /// Sets a rule, or takes it away again.
    async fn set_level(&self, subject: Option<&str>, level: Option<Level>) -> Result<(), RegistryError>;
}

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("{subject} does not take this schema ({level}): {reason}")]
    Incompatible { subject: String, level: Level, reason: String },
    #[error("no Avro schema: {0}")]
    Invalid(String),
    /// Storage or network failed and may recover, or a schema may still turn up.
    #[error("the schema registry cannot answer now: {what}")]
    Unavailable { what: String, source: Option<Box<dyn std::error::Error + Send + Sync>> },
    /// What answers is no schema registry: a wrong address, or a proxy whose server is away.
    #[error("{target} answers, but not as a schema registry does ({what}): look at registry.url")]
    Foreign { target: String, what: String },
    #[error("the schema registry at {target} lets nobody in like this ({status}): {advice}")]
    Denied { target: String, status: u16, advice: String },
    #[error("the schema registry at {target} refuses: {message}")]
    Refused { target: String, message: String },
    #[error("{key}: {reason}")]
    Setting { key: &'static str, reason: String },
    #[error(
        "registry.register is off, and the registry at {target} does not have our schema under {subject}: register it \
         with POST {target}/subjects/{subject}/versions, or set registry.register = true"
    )]
    Unregistered { target: String, subject: String },
}

impl Classified for RegistryError {
    fn class(&self) -> Class {
        match self {
            Self::Incompatible { .. } | Self::Invalid(_) => Class::USER,
            Self::Denied { .. } | Self::Refused { .. } | Self::Setting { .. } | Self::Unregistered { .. } => {
                Class::USER
            }
            Self::Unavailable { .. } | Self::Foreign { .. } => Class::EXTERNAL,
        }
    }
}
