//! Decoded manifests in memory: decoding an entry costs more than anything else in planning, and they never change.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::try_join_all;
use iceberg::spec::{ManifestContentType, ManifestEntry, ManifestFile, ManifestList, Snapshot, TableMetadata};

use crate::error::{Doing, LakeError};
use crate::shape::TableShape;
use crate::table::Inner;
use crate::version::{LiveFile, Manifest};

/// The cache of one table: written through by commits, filled by loads, emptied by upkeep of what no kept snapshot
/// names.
#[derive(Default)]
pub(crate) struct Entries(Mutex<Cached>);

#[derive(Default)]
struct Cached {
    /// By path.
    manifests: HashMap<String, Arc<Manifest>>,
    /// Manifest lists by snapshot id.
    lists: HashMap<i64, Arc<Vec<ManifestFile>>>,
}

impl Entries {
    fn cached(&self) -> MutexGuard<'_, Cached> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Data manifests and delete manifests of a snapshot.
    pub async fn of(
        &self,
        table: &Inner,
        metadata: &TableMetadata,
        snapshot: &Snapshot,
    ) -> Result<(Vec<Arc<Manifest>>, Vec<ManifestFile>), LakeError> {
        let list = self.list(table, metadata, snapshot).await?;
        let (data, deletes): (Vec<_>, Vec<_>) =
            list.iter().partition(|manifest| manifest.content == ManifestContentType::Data);
        let manifests = try_join_all(data.into_iter().map(|file| self.manifest(table, metadata, file))).await?;
        Ok((manifests, deletes.into_iter().cloned().collect()))
    }

    /// The manifest list of a snapshot.
    pub async fn list(
        &self,
        table: &Inner,
        metadata: &TableMetadata,
        snapshot: &Snapshot,
    ) -> Result<Arc<Vec<ManifestFile>>, LakeError> {
        if let Some(list) = self.cached().lists.get(&snapshot.snapshot_id()) {
            return Ok(list.clone());
        }
        let path = snapshot.manifest_list();
        let list = Arc::new(read_list(table, metadata, path).await.map_err(|error| table.damaged(path, error))?);
        self.cached().lists.insert(snapshot.snapshot_id(), list.clone());
        Ok(list)
    }

    /// A manifest with its live entries.
    pub async fn manifest(
        &self,
        table: &Inner,
        metadata: &TableMetadata,
        file: &ManifestFile,
    ) -> Result<Arc<Manifest>, LakeError> {
        if let Some(manifest) = self.cached().manifests.get(&file.manifest_path) {
            return Ok(manifest.clone());
        }
        let doing = || format!("read manifest {}", file.manifest_path);
        let decoded = file.load_manifest(&table.store.files()).await.doing(doing);
        let decoded = decoded.map_err(|error| table.damaged(&file.manifest_path, error))?;
        let shape = table.shape();
        let live = decoded
            .into_parts()
            .0
            .into_iter()
            .filter(|entry| entry.is_alive())
            .map(|entry| Arc::new(live_file(Arc::unwrap_or_clone(entry), file, &shape, metadata)))
            .collect();
        let manifest = Arc::new(Manifest { file: file.clone(), live });
        self.put(manifest.clone());
        Ok(manifest)
    }

    /// Writes through what a commit has written.
    pub fn put(&self, manifest: Arc<Manifest>) {
        self.cached().manifests.insert(manifest.file.manifest_path.clone(), manifest);
    }

    pub fn put_list(&self, snapshot_id: i64, list: Vec<ManifestFile>) {
        self.cached().lists.insert(snapshot_id, Arc::new(list));
    }

    /// Keeps only what snapshots of `metadata` name. Lists that are not in memory do not count: what they name and
    /// nothing else does is read again when somebody asks.
    pub fn keep_only(&self, metadata: &TableMetadata) {
        let mut cached = self.cached();
        cached.lists.retain(|id, _| metadata.snapshot_by_id(*id).is_some());
        let Cached { manifests, lists } = &mut *cached;
        let named: HashSet<&str> =
            lists.values().flat_map(|list| list.iter().map(|file| file.manifest_path.as_str())).collect();
        manifests.retain(|path, _| named.contains(path.as_str()));
    }
}

pub(crate) async fn read_list(
    table: &Inner,
    metadata: &TableMetadata,
    location: &str,
) -> Result<Vec<ManifestFile>, LakeError> {
    let doing = || format!("read manifest list {location}");
    let bytes = async { table.store.files().new_input(location)?.read().await }.await.doing(doing)?;
    let list = ManifestList::parse_with_version(&bytes, metadata.format_version()).doing(doing)?;
    Ok(list.consume_entries().into_iter().collect())
}

pub(crate) fn live_file(
    entry: ManifestEntry,
    manifest: &ManifestFile,
    shape: &TableShape,
    metadata: &TableMetadata,
) -> LiveFile {
    let sequence_number = entry.sequence_number.unwrap_or(manifest.sequence_number);
    let spec = metadata.partition_spec_by_id(manifest.partition_spec_id);
    let units = shape.units.of(&entry.data_file, spec.map(Arc::as_ref));
    LiveFile {
        path: entry.data_file.file_path().to_owned(),
        partition: units.filter(|(first, last)| first == last).map(|(first, _)| first),
        units,
        spec_id: manifest.partition_spec_id,
        data_sequence_number: sequence_number,
        records: entry.data_file.record_count(),
        bytes: entry.data_file.file_size_in_bytes(),
        file_sequence_number: entry.file_sequence_number,
        snapshot_id: entry.snapshot_id.unwrap_or(manifest.added_snapshot_id),
        data: entry.data_file,
        columns: shape.columns.clone(),
    }
}
