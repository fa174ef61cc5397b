//! Which partitions a lander takes, where several share a topic.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Of `of` landers the one with number `index`, from 0: it takes every partition whose number leaves that remainder.
/// Written `I/N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    index: u32,
    of: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no shard: write I/N, such as 0/3 for the first of three landers")]
pub struct BadShard(String);

impl Shard {
    /// One lander takes all.
    pub const ALL: Self = Self { index: 0, of: 1 };

    pub fn takes(self, partition: i32) -> bool {
        i64::from(partition).rem_euclid(i64::from(self.of)) == i64::from(self.index)
    }
}

impl FromStr for Shard {
    type Err = BadShard;

    fn from_str(text: &str) -> Result<Self, BadShard> {
        let bad = || BadShard(text.to_owned());
        let (index, of) = text.split_once('/').ok_or_else(bad)?;
        let (index, of) = (index.trim().parse().map_err(|_| bad())?, of.trim().parse().map_err(|_| bad())?);
        if index < of { Ok(Self { index, of }) } else { Err(bad()) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl TryFrom<String> for Shard {
    type Error = BadShard;

    fn try_from(text: String) -> Result<Self, BadShard> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_one_lander() {
        let shards: Vec<Shard> = ["0/3", "1/3", "2/3"].map(|text| text.parse().unwrap()).into();
        for partition in 0..20 {
            assert_eq!(shards.iter().filter(|shard| shard.takes(partition)).count(), 1, "{partition}");
            assert!(Shard::ALL.takes(partition));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "1", "3/3", "0/0", "-1/3", "a/b", "1/2/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
