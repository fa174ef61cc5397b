//! One version of a table as it was loaded: immutable, cheap to clone, with its live files decoded.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use contrail_types::{Micros, Transform};
use iceberg::spec::{
    DataFile, Datum, Literal, ManifestFile, PartitionSpec, PrimitiveLiteral, SnapshotRef, TableMetadata,
};

use crate::catalog::Loaded;

/// Names of a table's columns and their field ids, shared by all its files.
pub(crate) type ColumnIds = Arc<HashMap<String, i32>>;

/// A table at one moment.
#[derive(Clone, Debug)]
pub struct Version(Arc<View>);

#[derive(Debug)]
pub(crate) struct View {
    pub loaded: Loaded,
    /// Data manifests of the current snapshot, in the order of its list.
    pub manifests: Vec<Arc<Manifest>>,
    /// Manifests of delete files, which only other engines write.
    pub deletes: Vec<ManifestFile>,
}

/// A manifest with its live entries.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub file: ManifestFile,
    pub live: Vec<Arc<LiveFile>>,
}

/// A data file that is part of the table.
#[derive(Debug)]
pub struct LiveFile {
    /// Absolute path or URI.
    pub path: String,
    /// The hour or day since the epoch that all its rows lie in; `None` in an unpartitioned table, for rows without a
    /// partition time, and for a file of another program that holds several, see [`LiveFile::units`].
    pub partition: Option<i32>,
    /// First and last hour or day that rows of it may lie in, as far as that is known.
    pub(crate) units: Option<(i32, i32)>,
    /// The partition spec that it was written under.
    pub(crate) spec_id: i32,
    /// The commit that brought the file's rows; compaction keeps it.
    pub data_sequence_number: i64,
    pub records: u64,
    pub bytes: u64,
    pub(crate) file_sequence_number: Option<i64>,
    pub(crate) snapshot_id: i64,
    pub(crate) data: DataFile,
    pub(crate) columns: ColumnIds,
}

/// A snapshot as people see it.
#[derive(Clone, Debug)]
pub struct SnapshotInfo {
    pub id: i64,
    pub parent: Option<i64>,
    pub sequence_number: i64,
    pub at: Micros,
    /// `append`, `overwrite`, `replace` or `delete`.
    pub operation: String,
    pub summary: HashMap<String, String>,
}

impl Version {
    pub(crate) fn new(view: View) -> Self {
        Self(Arc::new(view))
    }

    pub(crate) fn loaded(&self) -> &Loaded {
        &self.0.loaded
    }

    pub(crate) fn manifests(&self) -> &[Arc<Manifest>] {
        &self.0.manifests
    }

    pub(crate) fn deletes(&self) -> &[ManifestFile] {
        &self.0.deletes
    }

    pub fn metadata(&self) -> &TableMetadata {
        &self.0.loaded.metadata
    }

    /// Where this version's metadata stands; equal locations are equal versions.
    pub fn metadata_location(&self) -> &str {
        &self.0.loaded.location
    }

    /// Grows by one with every snapshot; 0 for a table that never had one.
    pub fn sequence_number(&self) -> i64 {
        self.metadata().last_sequence_number()
    }

    pub fn snapshot_id(&self) -> Option<i64> {
        self.metadata().current_snapshot_id()
    }

    /// When this version was committed.
    pub fn updated_at(&self) -> Micros {
        self.metadata().last_updated_ms().saturating_mul(1000)
    }

    pub fn properties(&self) -> &HashMap<String, String> {
        self.metadata().properties()
    }

    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties().get(key).map(String::as_str)
    }

    /// What the newest snapshot on the current branch that mentions `key` in its summary says. It differs from
    /// [`Version::property`] after a foreign rollback. `None` if no kept snapshot mentions it.
    pub fn recorded(&self, key: &str) -> Option<&str> {
        let mut next = self.metadata().current_snapshot();
        while let Some(snapshot) = next {
            if let Some(value) = snapshot.summary().additional_properties.get(key) {
                return Some(value);
            }
            next = self.parent(snapshot);
        }
        None
    }

    /// The snapshot before this one; where upkeep has thinned the chain, the newest kept one that is older.
    fn parent(&self, snapshot: &SnapshotRef) -> Option<&SnapshotRef> {
        let parent = snapshot.parent_snapshot_id()?;
        self.metadata().snapshot_by_id(parent).or_else(|| {
            let older = |other: &&SnapshotRef| other.sequence_number() < snapshot.sequence_number();
            self.metadata().snapshots().filter(older).max_by_key(|other| other.sequence_number())
        })
    }

    /// All snapshots that are kept, oldest first.
    pub fn snapshots(&self) -> Vec<SnapshotInfo> {
        let mut all: Vec<_> = self.metadata().snapshots().map(|snapshot| SnapshotInfo::from(&**snapshot)).collect();
        all.sort_by_key(|snapshot| (snapshot.sequence_number, snapshot.id));
        all
    }

    /// Every data file of the current snapshot.
    pub fn live_files(&self) -> impl Iterator<Item = &Arc<LiveFile>> {
        self.0.manifests.iter().flat_map(|manifest| &manifest.live)
    }

    /// Files with rows of one hour or day; one of another program may hold rows of others as well.
    pub fn files_in(&self, partition: i32) -> impl Iterator<Item = &Arc<LiveFile>> {
        self.live_files().filter(move |file| file.units().contains(&partition))
    }

    /// Files whose rows came with commits after `sequence_number`.
    pub fn files_after(&self, sequence_number: i64) -> impl Iterator<Item = &Arc<LiveFile>> {
        let manifests = self.0.manifests.iter().filter(move |m| m.newest() > sequence_number);
        manifests.flat_map(|m| &m.live).filter(move |file| file.data_sequence_number > sequence_number)
    }

    /// Rows, files and bytes of the current snapshot.
    pub fn totals(&self) -> (u64, u64, u64) {
        self.0
            .manifests
            .iter()
            .flat_map(|m| &m.live)
            .fold((0, 0, 0), |(records, files, bytes), file| (records + file.records, files + 1, bytes + file.bytes))
    }

    /// Whether another engine has written row-level deletes, which this lake does not apply when it reads.
    pub fn has_foreign_deletes(&self) -> bool {
        self.0.deletes.iter().any(|m| m.has_added_files() || m.has_existing_files())
    }
}

impl Manifest {
    /// The largest data sequence number that a live file here can have.
    fn newest(&self) -> i64 {
        self.file.sequence_number
    }
}

impl LiveFile {
    /// The hours or days since the epoch that rows of it may lie in; empty where that is not known.
    pub fn units(&self) -> RangeInclusive<i32> {
        self.units.map_or(RangeInclusive::new(1, 0), |(first, last)| first..=last)
    }

    /// Whether rows of several hours or days may stand in it.
    pub(crate) fn is_spanning(&self) -> bool {
        self.units.is_some_and(|(first, last)| first < last)
    }

    /// Lower and upper bound of a whole-number column: timestamps (µs), dates (days), integers.
    pub fn bounds(&self, column: &str) -> Option<(i64, i64)> {
        let whole = |datum: &Datum| match datum.literal() {
            PrimitiveLiteral::Int(value) => Some(i64::from(*value)),
            PrimitiveLiteral::Long(value) => Some(*value),
            _ => None,
        };
        let (lower, upper) = self.datums(column)?;
        Some((whole(lower)?, whole(upper)?))
    }

    /// Lower and upper bound of a text column. Long values are cut: the bounds hold, but may be no value of the column.
    pub fn text_bounds(&self, column: &str) -> Option<(&str, &str)> {
        let (lower, upper) = self.datums(column)?;
        match (lower.literal(), upper.literal()) {
            (PrimitiveLiteral::String(lower), PrimitiveLiteral::String(upper)) => Some((lower, upper)),
            _ => None,
        }
    }

    /// Lower and upper bound of a column of any type.
    pub fn datums(&self, column: &str) -> Option<(&Datum, &Datum)> {
        let id = self.columns.get(column)?;
        Some((self.data.lower_bounds().get(id)?, self.data.upper_bounds().get(id)?))
    }
}

/// The column whose hours or days a table's definition goes by, and which of the two. What a partition spec says may
/// differ: another program may have changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Units(pub Option<(i32, Transform)>);

impl Units {
    /// First and last unit that rows of a file may lie in: by its partition if that is of the same kind, else by its
    /// bounds, else by a wider partition.
    pub fn of(self, data: &DataFile, spec: Option<&PartitionSpec>) -> Option<(i32, i32)> {
        let (id, by) = self.0?;
        let fields = spec.map_or(&[][..], PartitionSpec::fields).iter().zip(data.partition().fields());
        let values = fields.filter(|(field, _)| field.source_id == id).filter_map(|(field, value)| match value {
            Some(Literal::Primitive(PrimitiveLiteral::Int(value))) => Some((field.transform, *value)),
            _ => None,
        });
        let values: Vec<(iceberg::spec::Transform, i32)> = values.collect();
        if let Some((_, value)) = values.iter().find(|(transform, _)| *transform == crate::schema::transform(by)) {
            return Some((*value, *value));
        }
        let bound = |bounds: &HashMap<i32, Datum>| match bounds.get(&id)?.literal() {
            PrimitiveLiteral::Long(value) => Some(by.value(*value)),
            _ => None,
        };
        if let (Some(lower), Some(upper)) = (bound(data.lower_bounds()), bound(data.upper_bounds())) {
            return Some((lower, upper));
        }
        values.into_iter().find_map(|(transform, value)| match (transform, by) {
            (iceberg::spec::Transform::Day, Transform::Hour) => Some((value * 24, value * 24 + 23)),
            (iceberg::spec::Transform::Hour, Transform::Day) => Some((value.div_euclid(24), value.div_euclid(24))),
            _ => None,
        })
    }
}

impl From<&iceberg::spec::Snapshot> for SnapshotInfo {
    fn from(snapshot: &iceberg::spec::Snapshot) -> Self {
        Self {
            id: snapshot.snapshot_id(),
            parent: snapshot.parent_snapshot_id(),
            sequence_number: snapshot.sequence_number(),
            at: snapshot.timestamp_ms().saturating_mul(1000),
            operation: snapshot.summary().operation.as_str().to_owned(),
            summary: snapshot.summary().additional_properties.clone(),
        }
    }
}
