//! The metadata file that the catalog names is gone: the newest one before it.

use contrail_types::Micros;
use iceberg::spec::{ManifestList, TableMetadata};
use serde_json::Value;

use super::{LostMetadata, RepairError};
use crate::catalog::Loaded;
use crate::edited::edited;
use crate::error::LakeError;
use crate::storage::{Store, local_files, plain};

/// The table as it was before, still named as the catalog names it so that the catalog's compare-and-set holds.
///
/// Its sequence number is moved on past those of the commits that are gone: what they numbered, tables made from this one
/// believe to have read.
pub(super) async fn before(table: &str, pointer: &str, reason: String) -> Result<(Loaded, LostMetadata), RepairError> {
    let hopeless = |reason: &str| RepairError::Hopeless { table: table.to_owned(), reason: reason.to_owned() };
    let path = plain(pointer);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let listed = Store::Local.list(folder).await?;
    let lost = number(&path);
    let mut readable: Vec<(i64, Option<u32>, Micros, String, TableMetadata)> = Vec::new();
    for file in listed.iter().filter(|file| file.ends_with(".metadata.json") && **file != path) {
        let Ok(metadata) = TableMetadata::read_from(&local_files(), file).await else { continue };
        // A file of this number or above was never the table's: a commit of that name did not land.
        if number(file).zip(lost).is_none_or(|(number, lost)| number < lost) {
            let (sequence, updated) = (metadata.last_sequence_number(), metadata.last_updated_ms());
            readable.push((sequence, number(file), updated, file.clone(), metadata));
        }
    }
    // A table that has moved leaves metadata with its old paths behind for a while.
    let here = |metadata: &TableMetadata| {
        folder.strip_suffix("/metadata") == Some(plain(metadata.location()).trim_end_matches('/'))
    };
    if readable.iter().any(|found| here(&found.4)) {
        readable.retain(|found| here(&found.4));
    }
    readable.sort_by_key(|found| (found.0, found.1, found.2));
    let (sequence, found, _, instead, metadata) =
        readable.pop().ok_or_else(|| hopeless("no metadata file of its folder can be read"))?;
    let commits = lost.zip(found).map_or(1, |(lost, found)| i64::from(lost.saturating_sub(found)).max(1));
    let rows = rows_after(&listed, &metadata).await;
    let moved_on = edited(&metadata, |json| json["last-sequence-number"] = (sequence + commits).into());
    let metadata = moved_on.map_err(|error| hopeless(&error))?;
    let lost = LostMetadata { path: pointer.to_owned(), reason, instead, commits, rows };
    Ok((Loaded::new(metadata, pointer.to_owned()), lost))
}

/// Rows added by commits after this metadata, by the manifest lists that still lie there.
async fn rows_after(listed: &std::collections::BTreeSet<String>, metadata: &TableMetadata) -> u64 {
    let (mut rows, mut seen) = (0, std::collections::BTreeSet::new());
    for path in listed.iter().filter(|path| path.rsplit('/').next().is_some_and(|name| name.starts_with("snap-"))) {
        let Ok(file) = local_files().new_input(path) else { continue };
        let Ok(bytes) = file.read().await else { continue };
        let Ok(list) = ManifestList::parse_with_version(&bytes, metadata.format_version()) else { continue };
        for manifest in list.consume_entries() {
            let later = manifest.sequence_number > metadata.last_sequence_number();
            if later && seen.insert(manifest.manifest_path) {
                rows += manifest.added_rows_count.unwrap_or(0);
            }
        }
    }
    rows
}

/// The number that the name of a metadata file begins with.
fn number(path: &str) -> Option<u32> {
    path.rsplit('/').next()?.split('-').next()?.parse().ok()
}

/// As [`edited`], where failing is a bug.
pub(super) fn edit(
    table: &str,
    metadata: &TableMetadata,
    edit: impl FnOnce(&mut Value),
) -> Result<TableMetadata, LakeError> {
    edited(metadata, edit).map_err(|reason| LakeError::Batch { table: table.to_owned(), reason })
}
