//! The class of an error: who can mend it, and whether trying again may help. The supervisor reads nothing else.

use std::error::Error;

/// Who has to do something about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// Configuration or input: the message says what to do.
    User,
    /// Something outside this process: a server, the network, a disk.
    External,
    /// A broken promise of our own code.
    Internal,
}

/// Who, and whether the same thing tried again later may go well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Class {
    pub who: Who,
    pub retry: bool,
}

impl Class {
    pub const USER: Self = Self { who: Who::User, retry: false };
    pub const EXTERNAL: Self = Self { who: Who::External, retry: true };
    pub const EXTERNAL_FINAL: Self = Self { who: Who::External, retry: false };
    pub const INTERNAL: Self = Self { who: Who::Internal, retry: false };
    pub const INTERNAL_RETRY: Self = Self { who: Who::Internal, retry: true };
}

/// An error that knows its class.
pub trait Classified: Error + Send + Sync + 'static {
    fn class(&self) -> Class;
}

/// Any classified error, boxed for the supervisor.
pub type BoxError = Box<dyn Classified>;

impl<E: Classified> From<E> for BoxError {
    fn from(error: E) -> Self {
        Box::new(error)
    }
}

/// The message of an error and of everything that caused it, joined by colons, without repeating what a cause that is
/// already part of its parent's text says.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        source = cause.source();
    }
    text
}
