//! The rules for the next version of a subject, as the Confluent registry names them.

use std::fmt;
use std::str::FromStr;

/// What the next version of a subject must get along with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Anything goes.
    None,
    /// The new schema reads what the latest version wrote: readers are upgraded first.
    #[default]
    Backward,
    /// What every version wrote.
    BackwardTransitive,
    /// The latest version reads what the new schema writes: writers are upgraded first.
    Forward,
    /// Every version reads it.
    ForwardTransitive,
    /// Both.
    Full,
    /// Both, with every version.
    FullTransitive,
}

impl Level {
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
    ];

    /// Whether the new schema must read what versions before wrote.
    pub fn backward(self) -> bool {
        matches!(self, Self::Backward | Self::BackwardTransitive | Self::Full | Self::FullTransitive)
    }

    /// Whether versions before must read what the new schema writes.
    pub fn forward(self) -> bool {
        matches!(self, Self::Forward | Self::ForwardTransitive | Self::Full | Self::FullTransitive)
    }

    /// Whether all versions count, not only the latest.
    pub fn transitive(self) -> bool {
        matches!(self, Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no compatibility level {0:?}: expected NONE, BACKWARD, FORWARD or FULL, the last three also with _TRANSITIVE")]
pub struct BadLevel(String);

impl FromStr for Level {
    type Err = BadLevel;

    fn from_str(text: &str) -> Result<Self, BadLevel> {
        Self::ALL.into_iter().find(|level| level.to_string() == text).ok_or_else(|| BadLevel(text.into()))
    }
}
