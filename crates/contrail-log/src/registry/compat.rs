//! Whether a schema may follow others: Avro's rules of resolution, in the direction that a level asks for.

use std::fmt;
use std::str::FromStr;

/// What the next version of a subject must get along with, as the Confluent registry names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Anything goes.
    None,
    /// The new schema reads what the latest version wrote: readers are upgraded first.
    #[default]
    Backward,
    /// The latest version reads what the new schema writes: writers are upgraded first.
    Forward,
    /// Both.
    Full,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::Forward => "FORWARD",
            Self::Full => "FULL",
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no compatibility level {0:?}: expected NONE, BACKWARD, FORWARD or FULL")]
pub struct BadLevel(String);

impl FromStr for Level {
    type Err = BadLevel;

    fn from_str(text: &str) -> Result<Self, BadLevel> {
        [Self::None, Self::Backward, Self::Forward, Self::Full]
            .into_iter()
            .find(|level| level.to_string() == text)
            .ok_or_else(|| BadLevel(text.into()))
    }
}
