//! Files whose entries are lost, found again: from manifests that are left, and from the table's folder. What is found
//! counts only if it is as many files with as many rows in the same partitions as the metadata says are lost.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use iceberg::spec::{
    Manifest as Decoded, ManifestContentType, ManifestFile, ManifestStatus, SnapshotRef, TableMetadata,
};

use super::look::{Read, Seen, broken};
use crate::error::LakeError;
use crate::storage::plain;
use crate::table::LakeTable;
use crate::version::LiveFile;
use crate::write::EncodedFile;

/// What manifests that cannot be read held, by the lists that name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub files: u64,
    pub rows: u64,
    /// First and last partition.
    pub partitions: Option<(i32, i32)>,
}

impl Expected {
    pub fn of(lost: &[ManifestFile]) -> Self {
        let count = |get: fn(&ManifestFile) -> u64| lost.iter().map(get).sum();
        let files =
            count(|m| u64::from(m.added_files_count.unwrap_or(0)) + u64::from(m.existing_files_count.unwrap_or(0)));
        let rows = count(|m| m.added_rows_count.unwrap_or(0) + m.existing_rows_count.unwrap_or(0));
        let bounds = lost.iter().filter_map(|manifest| {
            let [field] = manifest.partitions.as_deref()? else { return None };
            let value = |bytes: &[u8]| Some(i32::from_le_bytes(bytes.try_into().ok()?));
            Some((value(field.lower_bound.as_ref()?)?, value(field.upper_bound.as_ref()?)?))
        });
        let partitions = bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        Self { files, rows, partitions }
    }

    fn fits(&self, found: &BTreeMap<String, EncodedFile>) -> bool {
        let values = || found.values().filter_map(|file| file.partition);
        self.files == found.len() as u64
            && self.rows == found.values().map(|file| file.records).sum::<u64>()
            && self.partitions == values().min().zip(values().max())
    }
}

/// The snapshot that a version is told from, and the files that it comes to.
type Rebuilt = (Option<i64>, BTreeMap<String, Arc<LiveFile>>);

/// Where to look.
pub(super) struct Search<'a> {
    pub table: &'a LakeTable,
    pub metadata: &'a TableMetadata,
    pub seen: &'a Seen,
    /// Manifests of the folder that no readable list names.
    strays: Vec<Read>,
    /// Data files of the folder that no manifest names that can be read, and that do not wait to be deleted.
    unnamed: BTreeMap<String, EncodedFile>,
}

impl<'a> Search<'a> {
    pub async fn new(table: &'a LakeTable, metadata: &'a TableMetadata, seen: &'a Seen) -> Result<Self, LakeError> {
        let listed = table.0.store.list(&table.0.location).await?;
        let strays = strays(table, metadata, seen, &listed).await;
        let mut known: HashSet<String> =
            table.0.lake.queue.queued(&table.0.location).await?.into_iter().map(|(path, _)| path).collect();
        let read = seen.manifests.values().flatten().chain(&strays);
        known.extend(read.flat_map(|read| &read.marked).map(|(_, file)| plain(&file.path)));
        let mut unnamed = BTreeMap::new();
        for path in listed.into_iter().filter(|path| path.ends_with(".parquet") && !known.contains(path)) {
            let Some(bytes) = table.0.store.size(&path).await? else { continue };
            let (reader, file) = (table.clone(), path.clone());
            let described = tokio::task::spawn_blocking(move || reader.describe(&file, bytes)).await;
            // What is no file of this table, or cannot be read, is none of those that are looked for.
            if let Ok(Ok(Some(file))) = described {
                unnamed.insert(path, file);
            }
        }
        Ok(Self { table, metadata, seen, strays, unnamed })
    }

    fn read(&self) -> impl Iterator<Item = &Read> {
        self.seen.manifests.values().flatten().chain(&self.strays)
    }

    /// The files that `lost` manifests held; none, unless all that they held are found.
    pub async fn files_of(
        &self,
        lost: &[ManifestFile],
        live: &BTreeSet<String>,
    ) -> Result<Vec<EncodedFile>, LakeError> {
        let expected = Expected::of(lost);
        // A file is written under the table's own spec; another's partitions would not be known.
        let spec_id = self.table.shape().spec.spec_id();
        if expected.files == 0 || lost.iter().any(|manifest| manifest.partition_spec_id != spec_id) {
            return Ok(Vec::new());
        }
        let mut named = BTreeMap::new();
        for (status, file) in self.read().flat_map(|read| &read.marked) {
            let within =
                expected.partitions.zip(file.partition).is_none_or(|((low, high), p)| (low..=high).contains(&p));
            let number = file.data_sequence_number;
            let since =
                lost.iter().any(|m| (m.min_sequence_number..=m.sequence_number).contains(&number) || number == 0);
            if *status != ManifestStatus::Deleted && within && since && !live.contains(&file.path) {
                named.insert(plain(&file.path), encoded(self.table, file));
            }
        }
        for (status, file) in self.read().flat_map(|read| &read.marked) {
            if *status == ManifestStatus::Deleted {
                named.remove(&plain(&file.path));
            }
        }
        let both: BTreeMap<_, _> = named.clone().into_iter().chain(self.unnamed.clone()).collect();
        for found in [self.unnamed.clone(), both, named] {
            if expected.fits(&found) && self.are_there(&found).await? {
                return Ok(found.into_values().collect());
            }
        }
        Ok(Vec::new())
    }

    async fn are_there(&self, files: &BTreeMap<String, EncodedFile>) -> Result<bool, LakeError> {
        for file in files.values() {
            if broken(self.table, &file.path, file.bytes, true, false).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The live files of a snapshot whose list is lost: those of the nearest readable one before it (returned too; none is
    /// the empty table), changed by what each snapshot's own manifests say. `None` if the totals in the snapshot's summary
    /// are others.
    pub fn rebuilt(&self, lost: &SnapshotRef) -> Option<Rebuilt> {
        let (mut chain, mut base) = (vec![lost.snapshot_id()], None);
        let mut at = lost;
        while let Some(parent) = at.parent_snapshot_id() {
            at = self.metadata.snapshot_by_id(parent)?;
            if self.seen.is_readable(parent) {
                base = Some(parent);
                break;
            }
            chain.push(parent);
        }
        let mut live = BTreeMap::new();
        let manifests = base.and_then(|id| self.seen.manifests_of(id)).unwrap_or_default().0;
        for file in manifests.iter().flat_map(|manifest| &manifest.live) {
            live.insert(file.path.clone(), file.clone());
        }
        for id in chain.into_iter().rev() {
            let own = || self.read().flat_map(|read| &read.marked).filter(move |(_, file)| file.snapshot_id == id);
            for (status, file) in own() {
                match status {
                    ManifestStatus::Deleted => drop(live.remove(&file.path)),
                    ManifestStatus::Added => drop(live.insert(file.path.clone(), file.clone())),
                    ManifestStatus::Existing => {}
                }
            }
        }
        let rows = live.values().map(|file| file.records).sum::<u64>();
        (totals(lost) == Some((live.len() as u64, rows))).then_some((base, live))
    }

    /// Every data file of the folder, if they are just those that the snapshot says it has.
    pub fn everything(&self, lost: &SnapshotRef) -> Option<Vec<EncodedFile>> {
        let mut all = self.unnamed.clone();
        let named = self.read().flat_map(|read| &read.marked).filter(|(status, _)| *status != ManifestStatus::Deleted);
        all.extend(named.map(|(_, file)| (plain(&file.path), encoded(self.table, file))));
        let rows = all.values().map(|file| file.records).sum();
        (totals(lost) == Some((all.len() as u64, rows))).then(|| all.into_values().collect())
    }
}

/// Files and rows that a snapshot says it has.
fn totals(snapshot: &SnapshotRef) -> Option<(u64, u64)> {
    let of = |key: &str| snapshot.summary().additional_properties.get(key)?.parse().ok();
    Some((of("total-data-files")?, of("total-records")?))
}

/// A file that some manifest describes, to be added again.
pub(super) fn encoded(table: &LakeTable, file: &LiveFile) -> EncodedFile {
    EncodedFile {
        path: file.path.clone(),
        partition: file.partition,
        records: file.records,
        bytes: file.bytes,
        written_at: table.0.lake.clock.now(),
        spec_id: file.spec_id,
        data: file.data.clone(),
    }
}

/// Manifests in the folder that no list names that can be read: attempts that failed, and those of lists that are lost.
async fn strays(table: &LakeTable, metadata: &TableMetadata, seen: &Seen, listed: &BTreeSet<String>) -> Vec<Read> {
    let named: HashSet<String> = seen.manifests.keys().map(|path| plain(path)).collect();
    let shape = table.shape();
    let is_manifest = |path: &&String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.ends_with(".avro") && !name.starts_with("snap-") && !named.contains(*path)
    };
    let mut strays = Vec::new();
    for path in listed.iter().filter(is_manifest) {
        let Ok(input) = table.0.store.files().new_input(path) else { continue };
        let Ok(bytes) = input.read().await else { continue };
        let Ok(decoded) = Decoded::parse_avro(&bytes) else { continue };
        // Of a snapshot that is not kept, or never was, it says nothing that is wanted here.
        let (entries, about) = decoded.into_parts();
        let kept = |id: Option<i64>| id.is_some_and(|id| metadata.snapshot_by_id(id).is_some());
        let entries: Vec<_> = entries.into_iter().filter(|entry| kept(entry.snapshot_id())).collect();
        let file = ManifestFile {
            manifest_path: path.clone(),
            manifest_length: bytes.len() as i64,
            partition_spec_id: about.partition_spec.spec_id(),
            content: ManifestContentType::Data,
            sequence_number: 0,
            min_sequence_number: 0,
            added_snapshot_id: 0,
            added_files_count: None,
            existing_files_count: None,
            deleted_files_count: None,
            added_rows_count: None,
            existing_rows_count: None,
            deleted_rows_count: None,
            partitions: None,
            key_metadata: None,
            first_row_id: None,
        };
        strays.push(Read::new(&file, entries, &shape, metadata));
    }
    strays
}
