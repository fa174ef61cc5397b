//! What a catalog elsewhere refuses or fails to do, told so that its user knows what to do.

use contrail_kit::{Class, Classified};

#[derive(Debug, thiserror::Error)]
pub enum RestError {
    #[error("{key}: {reason}")]
    Setting { key: &'static str, reason: String },
    #[error("the catalog at {target} does not answer: {reason}")]
    Unavailable { target: String, reason: String },
    #[error("the catalog at {target} is out of order ({status}): {reason}")]
    Broken { target: String, status: u16, reason: String },
    #[error(
        "the catalog at {target} does not let us in ({status}: {reason}); check lake.catalog.token or lake.catalog.credential, \
         and what that user may do"
    )]
    Denied { target: String, status: u16, reason: String },
    #[error(
        "the catalog at {target} knows no such thing ({reason}); check lake.catalog.warehouse, and lake.catalog.prefix if \
         it is set"
    )]
    Nowhere { target: String, reason: String },
    #[error("the catalog at {target} refuses ({status}): {reason}")]
    Refused { target: String, status: u16, reason: String },
    #[error(
        "what answers at {target} is no Iceberg REST catalog: {reason}; check lake.catalog.uri, which ends before /v1"
    )]
    Foreign { target: String, reason: String },
}

impl Classified for RestError {
    fn class(&self) -> Class {
        match self {
            Self::Setting { .. } | Self::Denied { .. } | Self::Nowhere { .. } | Self::Foreign { .. } => Class::USER,
            Self::Unavailable { .. } | Self::Broken { .. } => Class::EXTERNAL,
            Self::Refused { status: 408 | 429, .. } => Class::EXTERNAL,
            Self::Refused { .. } => Class::EXTERNAL_FINAL,
        }
    }
}
