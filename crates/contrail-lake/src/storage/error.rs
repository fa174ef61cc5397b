//! What an object store refuses or fails to do, told so that its user knows where to look.

use contrail_kit::{Class, Classified};

/// A request to the store that was not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{doing} {location}: {reason}")]
pub struct StoreError {
    doing: &'static str,
    location: String,
    reason: String,
    trouble: Trouble,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Keys, names or addresses that are wrong.
    Setting,
    /// The file is not there.
    Missing,
    /// A file of that name is there, and is another one.
    Exists,
    /// The store could not be reached, or failed.
    Outage,
}

impl StoreError {
    pub(crate) fn new(doing: &'static str, location: &str, trouble: Trouble, reason: impl Into<String>) -> Self {
        Self { doing, location: location.to_owned(), reason: reason.into(), trouble }
    }

    pub(crate) fn trouble(&self) -> Trouble {
        self.trouble
    }
}

impl Classified for StoreError {
    fn class(&self) -> Class {
        match self.trouble {
            Trouble::Setting => Class::USER,
            Trouble::Missing | Trouble::Outage => Class::EXTERNAL,
            Trouble::Exists => Class::INTERNAL,
        }
    }
}
