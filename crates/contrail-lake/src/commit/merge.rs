//! Merging manifests by size class, so that a table of n files has some log(n) manifests and no commit rewrites much.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::CommitFailed;
use super::manifests;
use super::stage::Attempt;
use crate::version::Manifest;

/// This many manifests of one class become one of the next.
const FANOUT: usize = 16;
/// A manifest of this many files is big enough: a merge of sixteen of them would hold a commit up for seconds.
const FULL: usize = 4096;

/// Merges what is due among the manifests that the new snapshot carries over unchanged.
pub(super) async fn merge(
    attempt: &mut Attempt<'_>,
    mut manifests: Vec<Arc<Manifest>>,
    sequence_number: i64,
) -> Result<Vec<Arc<Manifest>>, CommitFailed> {
    // One class a commit is enough: each commit adds one manifest at most, and the next commit takes the next class.
    let sizes: Vec<(i32, usize)> = manifests.iter().map(|m| (m.file.partition_spec_id, m.live.len())).collect();
    let due = due(&sizes);
    let Some(first) = due.first() else { return Ok(manifests) };
    let spec_id = manifests[*first].file.partition_spec_id;
    let live = due.iter().flat_map(|at| manifests[*at].live.iter().cloned()).collect();
    let merged = manifests::merged(attempt, spec_id, live, sequence_number).await?;
    let first = *first;
    for at in due.into_iter().rev() {
        manifests.remove(at);
    }
    manifests.insert(first, merged);
    Ok(manifests)
}

fn class(files: usize) -> u32 {
    files.max(1).ilog(FANOUT)
}

/// Positions of the manifests to merge, from (partition spec, live files) of each: the lowest class that is full.
/// A manifest without live files is left alone.
fn due(sizes: &[(i32, usize)]) -> Vec<usize> {
    let mut classes: BTreeMap<(u32, i32), Vec<usize>> = BTreeMap::new();
    for (at, (spec, files)) in sizes.iter().enumerate() {
        if (1..FULL).contains(files) {
            classes.entry((class(*files), *spec)).or_default().push(at);
        }
    }
    classes.into_values().find(|positions| positions.len() >= FANOUT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_full_class_is_merged() {
        assert_eq!(due(&[(0, 1); 15]), Vec::<usize>::new());
        assert_eq!(due(&[(0, 1); 16]).len(), 16);
        let mut mixed = vec![(0, 20); 16];
        mixed.extend([(0, 1); 15]);
        assert_eq!(due(&mixed), (0..16).collect::<Vec<_>>());
        mixed.push((0, 1));
        assert_eq!(due(&mixed), (16..32).collect::<Vec<_>>());
        assert_eq!(due(&[(0, 5000); 40]), Vec::<usize>::new());
        assert_eq!(due(&[(0, 0); 40]), Vec::<usize>::new());
    }

    /// One manifest a commit for ten thousand commits: few manifests, and few entries written twice.
    #[test]
    fn manifests_stay_few_and_rewriting_cheap() {
        let (mut sizes, mut rewritten, mut most) = (Vec::new(), 0, 0);
        for _ in 0..10_000 {
            let merge = due(&sizes);
            if !merge.is_empty() {
                let files = merge.iter().map(|at: &usize| sizes[*at].1).sum();
                sizes = sizes.iter().enumerate().filter(|(at, _)| !merge.contains(at)).map(|(_, s)| *s).collect();
                rewritten += files;
                sizes.push((0, files));
            }
            sizes.push((0, 1));
            most = most.max(sizes.len());
        }
        assert!(most <= 3 * FANOUT + 3, "{most}");
        assert!(rewritten <= 3 * 10_000, "{rewritten}");
    }
}
