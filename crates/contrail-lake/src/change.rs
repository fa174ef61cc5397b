//! What a commit shall do: files to add and to take away, properties to set, notes for the summary.

use std::collections::{BTreeMap, BTreeSet};

use contrail_types::Column;
use iceberg::spec::Operation;

use crate::schema::edit::Edit;
use crate::version::Version;
use crate::write::EncodedFile;

/// One change of a table, landed whole or not at all by [`crate::LakeTable::commit`].
///
/// Every change makes a snapshot, also one without files: the snapshot is what a catalog compares.
pub struct Change {
    pub(crate) operation: Operation,
    pub(crate) add: Vec<EncodedFile>,
    pub(crate) remove: Remove,
    pub(crate) settings: Vec<Settings>,
    pub(crate) unset: BTreeSet<String>,
    pub(crate) summary: BTreeMap<String, String>,
    pub(crate) edits: Vec<Edit>,
    /// The files to add are some snapshot's already: they stay if the change does not land.
    pub(crate) of_others: bool,
}

pub(crate) enum Remove {
    Nothing,
    /// Every live file of these partitions; refused if one of them has a data sequence number above `seen`.
    Partitions {
        values: BTreeSet<i32>,
        seen: i64,
    },
    /// Exactly these files; refused if one of them is not live.
    Paths(BTreeSet<String>),
}

type Fresh = Box<dyn Fn(&Version) -> Vec<(String, String)> + Send + Sync>;

pub(crate) enum Settings {
    Now(Vec<(String, String)>),
    Fresh(Fresh),
}

impl Change {
    fn new(operation: Operation, add: Vec<EncodedFile>, remove: Remove) -> Self {
        let (settings, unset, summary, edits) = (Vec::new(), BTreeSet::new(), BTreeMap::new(), Vec::new());
        Self { operation, add, remove, settings, unset, summary, edits, of_others: false }
    }

    /// Adds files. Without any, an empty snapshot: progress without rows.
    pub fn append(files: Vec<EncodedFile>) -> Self {
        Self::new(Operation::Append, files, Remove::Nothing)
    }

    /// Sets properties only, by an empty snapshot.
    pub fn properties() -> Self {
        Self::append(Vec::new())
    }

    /// Gives the table more columns, all optional and of plain types, by an empty snapshot. Those that it has by then
    /// are left out, whatever their type: look at the shape of what was committed.
    pub fn add_columns(columns: Vec<Column>) -> Self {
        Self::alter(columns.into_iter().map(Edit::Add))
    }

    /// Changes the table's columns or partitions, by an empty snapshot, in this order. Files that are there stay as they
    /// are: what was renamed or widened is read by its field id, what was dropped is seen no more, and only new files lie
    /// in new partitions. What is so already is no change.
    pub fn alter(edits: impl IntoIterator<Item = Edit>) -> Self {
        Self { edits: edits.into_iter().collect(), ..Self::properties() }
    }

    /// Replaces the content of the partitions `values` (hours or days since the epoch) by `files`, some of which may lie
    /// in other partitions and are then just added. A partition of `values` for which there is no file gets one without
    /// rows, so that consumers notice.
    ///
    /// `seen` is this table's sequence number of which the new content was computed: a live file in these partitions
    /// with a larger data sequence number makes the change [`crate::CommitFailed::Stale`].
    pub fn overwrite_partitions(values: impl IntoIterator<Item = i32>, seen: i64, files: Vec<EncodedFile>) -> Self {
        let values = values.into_iter().collect();
        Self::new(Operation::Overwrite, files, Remove::Partitions { values, seen })
    }

    /// Replaces files by others with the same rows (compaction). The new files take, partition by partition, the
    /// largest data sequence number of the old ones; all old ones must be live at every attempt, else
    /// [`crate::CommitFailed::Stale`].
    pub fn rewrite(old: impl IntoIterator<Item = impl Into<String>>, new: Vec<EncodedFile>) -> Self {
        Self::new(Operation::Replace, new, Remove::Paths(old.into_iter().map(Into::into).collect()))
    }

    /// Replaces files by others with other rows; both may be of any partition. All old ones must be live at every
    /// attempt, else [`crate::CommitFailed::Stale`].
    pub fn replace(old: impl IntoIterator<Item = impl Into<String>>, new: Vec<EncodedFile>) -> Self {
        Self::new(Operation::Overwrite, new, Remove::Paths(old.into_iter().map(Into::into).collect()))
    }

    /// The files that it adds belong to a snapshot already.
    pub(crate) fn of_others(self) -> Self {
        Self { of_others: true, ..self }
    }

    /// Takes files away with their rows (retention). All must be live at every attempt, else
    /// [`crate::CommitFailed::Stale`].
    pub fn delete(paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Operation::Delete, Vec::new(), Remove::Paths(paths.into_iter().map(Into::into).collect()))
    }

    /// Sets table properties in the same compare-and-set; each is copied into the snapshot's summary.
    pub fn set(mut self, properties: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let pairs = properties.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self.settings.push(Settings::Now(pairs));
        self
    }

    /// Like [`Change::set`], computed at every attempt from the freshly loaded table: for a map of which only one entry
    /// is ours, or a value that must never go down.
    pub fn set_from(mut self, fresh: impl Fn(&Version) -> Vec<(String, String)> + Send + Sync + 'static) -> Self {
        self.settings.push(Settings::Fresh(Box::new(fresh)));
        self
    }

    /// Removes a table property.
    pub fn unset(mut self, key: impl Into<String>) -> Self {
        self.unset.insert(key.into());
        self
    }

    /// Adds a note to the snapshot's summary alone, such as a run id.
    pub fn summary(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.summary.insert(key.into(), value.into());
        self
    }

    /// The files that this change adds.
    pub fn files(&self) -> &[EncodedFile] {
        &self.add
    }

    /// The properties to set on top of `base`.
    pub(crate) fn settings(&self, base: &Version) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for settings in &self.settings {
            match settings {
                Settings::Now(pairs) => all.extend(pairs.iter().cloned()),
                Settings::Fresh(fresh) => all.extend(fresh(base)),
            }
        }
        all
    }
}
