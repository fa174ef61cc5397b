//! Which snapshots to let go of: the last hundred stay, then one an hour for a week, and those with a name.

use std::collections::{BTreeSet, HashSet};

use contrail_types::Micros;
use contrail_types::time::{DAY, HOUR};
use iceberg::spec::TableMetadata;

/// How many of the newest snapshots stay.
const LAST: usize = 100;
/// For how long one an hour stays.
const HOURLY: Micros = 7 * DAY;
/// A commit thins only when this many are due, so that it does so seldom.
pub(crate) const BATCH: usize = 20;

/// Snapshots to remove, with their manifest lists; none while fewer than `least` are due.
pub(crate) fn due(metadata: &TableMetadata, now: Micros, least: usize) -> Vec<(i64, String)> {
    if metadata.snapshots().len() <= LAST {
        return Vec::new();
    }
    let all: Vec<(i64, i64, Micros)> = metadata
        .snapshots()
        .map(|s| (s.sequence_number(), s.snapshot_id(), s.timestamp_ms().saturating_mul(1000)))
        .collect();
    let candidates = thin(all, now);
    if candidates.len() < least.max(1) {
        return Vec::new();
    }
    let named = named(metadata);
    candidates
        .into_iter()
        .filter(|id| !named.contains(id))
        .filter_map(|id| Some((id, metadata.snapshot_by_id(id)?.manifest_list().to_owned())))
        .collect()
}

/// Ids to remove among (sequence number, id, time).
fn thin(mut snapshots: Vec<(i64, i64, Micros)>, now: Micros) -> Vec<i64> {
    snapshots.sort_unstable_by(|a, b| b.cmp(a));
    let mut hours = BTreeSet::new();
    let older = snapshots.into_iter().skip(LAST);
    older.filter(|(_, _, at)| *at < now - HOURLY || !hours.insert(at.div_euclid(HOUR))).map(|(_, id, _)| id).collect()
}

/// Snapshots that a branch or tag points at. The format library keeps references to itself but writes them out.
fn named(metadata: &TableMetadata) -> HashSet<i64> {
    let mut named: HashSet<i64> = metadata.current_snapshot_id().into_iter().collect();
    let json = serde_json::to_value(metadata).unwrap_or_default();
    let references = json.get("refs").and_then(|refs| refs.as_object()).into_iter().flat_map(|refs| refs.values());
    named.extend(references.filter_map(|reference| reference.get("snapshot-id")?.as_i64()));
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = 1_000 * DAY;

    /// One snapshot a minute over `minutes`, ids from 1, the newest now.
    fn minutes(minutes: i64) -> Vec<(i64, i64, Micros)> {
        (1..=minutes).map(|n| (n, n, NOW - (minutes - n) * 60_000_000)).collect()
    }

    #[test]
    fn the_last_hundred_stay_whatever_their_age() {
        assert_eq!(thin(minutes(100), NOW + 400 * DAY), Vec::<i64>::new());
        assert_eq!(thin(minutes(101), NOW + 400 * DAY), [1]);
    }

    #[test]
    fn then_one_an_hour_for_a_week() {
        let removed: HashSet<i64> = thin(minutes(14 * 24 * 60), NOW).into_iter().collect();
        let kept = 14 * 24 * 60 - removed.len();
        assert!((100 + 7 * 24 - 3..=100 + 7 * 24 + 1).contains(&kept), "{kept}");
    }

    #[test]
    fn thinning_again_and_again_keeps_the_newest_of_each_hour() {
        let (mut snapshots, mut most) = (Vec::new(), 0);
        for n in 1..=3 * 24 * 60 {
            let at = NOW + n * 60_000_000;
            snapshots.push((n, n, at));
            let removed: HashSet<i64> = thin(snapshots.clone(), at).into_iter().collect();
            snapshots.retain(|(_, id, _)| !removed.contains(id));
            most = most.max(snapshots.len());
        }
        assert!(most <= LAST + 3 * 24 + 1, "{most}");
        let hours: BTreeSet<i64> = snapshots.iter().map(|(_, _, at)| at / HOUR).collect();
        assert_eq!(hours.len(), 3 * 24 + 1, "each hour has one left");
    }
}
