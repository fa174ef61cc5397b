//! Who lands: a name in each snapshot, so that whoever is overtaken can say by whom.

use std::fmt;

use contrail_lake::Version;
use uuid::Uuid;

use crate::rules::landing;

/// The snapshot summary's entry that names the lander.
pub const WRITER: &str = "contrail.writer";

/// A lander of one process. The ids of later ones are larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanderId {
    id: Uuid,
    place: String,
}

impl LanderId {
    /// A new one, in this process.
    pub fn here() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let host = host.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
        let host = if host.trim().is_empty() { "this machine" } else { host.trim() };
        Self { id: Uuid::now_v7(), place: format!("{host} process {}", std::process::id()) }
    }

    /// Whether the lander of this name was started after this one.
    fn is_older_than(&self, name: &str) -> bool {
        let id = name.split(' ').next().and_then(|id| id.parse::<Uuid>().ok());
        id.is_some_and(|id| id > self.id)
    }

    /// The later lander, if there is one, that moved a partition of `stream` beyond `at`.
    pub(super) fn successor(&self, version: &Version, stream: &str, partition: i32, at: i64) -> Option<String> {
        let key = landing::key(stream);
        let moved = |value: &String| {
            let offsets: Option<crate::rules::Offsets> = serde_json::from_str(value).ok();
            offsets.and_then(|offsets| offsets.get(&partition).copied()).is_some_and(|next| next > at)
        };
        let snapshots = version.snapshots();
        let names = snapshots.iter().filter(|s| s.summary.get(&key).is_some_and(moved));
        names.filter_map(|s| s.summary.get(WRITER)).find(|name| self.is_older_than(name)).cloned()
    }
}

impl fmt::Display for LanderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.id, self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_landers_are_told_by_their_names() {
        let (first, second) = (LanderId::here(), LanderId::here());
        assert!(first.is_older_than(&second.to_string()));
        assert!(!second.is_older_than(&first.to_string()));
        assert!(!first.is_older_than(&first.to_string()) && !first.is_older_than("somebody else"));
    }
}
