//! Which files a table's metadata names, and which lie in its folder. Paths are compared in their plain form.

use std::collections::HashSet;

use iceberg::spec::{ManifestFile, TableMetadata};

use super::queue::Retired;
use crate::entries::read_list;
use crate::error::{FilesError, LakeError};
use crate::storage::plain;
use crate::table::LakeTable;
use crate::version::Version;

/// Every file that the metadata, its log and the kept snapshots name.
pub(super) async fn reachable(table: &LakeTable, version: &Version) -> Result<HashSet<String>, LakeError> {
    let metadata = version.metadata();
    let mut named = HashSet::from([plain(version.metadata_location())]);
    named.extend(metadata.metadata_log().iter().map(|entry| plain(&entry.metadata_file)));
    named.extend(metadata.statistics_iter().map(|file| plain(&file.statistics_path)));
    named.extend(metadata.partition_statistics_iter().map(|file| plain(&file.statistics_path)));
    for manifest in kept_manifests(table, metadata, |list| {
        named.insert(plain(list));
    })
    .await?
    {
        add_entries(table, metadata, &manifest, &mut named).await?;
        named.insert(plain(&manifest.manifest_path));
    }
    Ok(named)
}

/// Takes out of `files` whatever some kept snapshot, or the metadata, names.
pub(super) async fn remove_reachable(
    table: &LakeTable,
    version: &Version,
    files: &mut HashSet<String>,
) -> Result<(), LakeError> {
    // The current snapshot first: mostly it names all that is left, and it is in memory.
    for file in version.live_files() {
        files.remove(&plain(&file.path));
    }
    let metadata = version.metadata();
    files.remove(&plain(version.metadata_location()));
    let manifests = kept_manifests(table, metadata, |list| {
        files.remove(&plain(list));
    })
    .await?;
    for manifest in &manifests {
        files.remove(&plain(&manifest.manifest_path));
    }
    if files.iter().all(|path| path.ends_with(".avro")) {
        return Ok(());
    }
    for manifest in manifests {
        for file in &table.0.entries.manifest(&table.0, metadata, &manifest).await?.live {
            files.remove(&plain(&file.path));
        }
    }
    Ok(())
}

/// The files of snapshots that are no longer in the metadata: their lists, and what only their manifests may name.
/// What has gone already is passed over.
pub(super) async fn files_of(
    table: &LakeTable,
    metadata: &TableMetadata,
    snapshots: &[Retired],
) -> Result<HashSet<String>, LakeError> {
    let mut files = HashSet::new();
    if snapshots.is_empty() {
        return Ok(files);
    }
    let kept: HashSet<String> =
        kept_manifests(table, metadata, |_| {}).await?.into_iter().map(|manifest| manifest.manifest_path).collect();
    let mut seen = HashSet::new();
    for snapshot in snapshots {
        files.insert(plain(&snapshot.manifest_list));
        if !table.0.store.exists(&snapshot.manifest_list).await? {
            continue;
        }
        // What cannot be read is left to the orphan sweep.
        let Ok(list) = read_list(&table.0, metadata, &snapshot.manifest_list).await else { continue };
        for manifest in list {
            // Live entries of a manifest that some kept snapshot has are live there.
            let path = plain(&manifest.manifest_path);
            if kept.contains(&manifest.manifest_path) || !seen.insert(path.clone()) {
                continue;
            }
            if !table.0.store.exists(&path).await? {
                continue;
            }
            match add_entries(table, metadata, &manifest, &mut files).await {
                Ok(()) => drop(files.insert(path)),
                Err(LakeError::Files(FilesError::Damaged { .. })) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(files)
}

/// All manifests that kept snapshots name, once each; `list` sees the location of every manifest list.
async fn kept_manifests(
    table: &LakeTable,
    metadata: &TableMetadata,
    mut list: impl FnMut(&str),
) -> Result<Vec<ManifestFile>, LakeError> {
    let (mut seen, mut manifests) = (HashSet::new(), Vec::new());
    for snapshot in metadata.snapshots() {
        list(snapshot.manifest_list());
        for manifest in table.0.entries.list(&table.0, metadata, snapshot).await?.iter() {
            if seen.insert(manifest.manifest_path.clone()) {
                manifests.push(manifest.clone());
            }
        }
    }
    Ok(manifests)
}

async fn add_entries(
    table: &LakeTable,
    metadata: &TableMetadata,
    manifest: &ManifestFile,
    files: &mut HashSet<String>,
) -> Result<(), LakeError> {
    let entries = table.0.entries.manifest(&table.0, metadata, manifest).await?;
    files.extend(entries.live.iter().map(|file| plain(&file.path)));
    Ok(())
}
