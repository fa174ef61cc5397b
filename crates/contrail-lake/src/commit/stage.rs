//! From a change and the version it goes on top of to files on disk and a proposal for the catalog.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use contrail_kit::crash;
use contrail_types::Micros;
use iceberg::TableRequirement;
use iceberg::spec::{
    MAIN_BRANCH, ManifestFile, ManifestListWriter, Operation, PartitionSpecRef, Schema, SchemaRef, Snapshot, Summary,
    TableMetadata, TableMetadataBuilder,
};
use uuid::Uuid;

use super::{CommitFailed, manifests, merge};
use crate::catalog::Proposal;
use crate::change::{Change, Remove};
use crate::error::{Doing, LakeError, TableError};
use crate::schema::edit::{Edited, edited};
use crate::table::LakeTable;
use crate::upkeep::thin;
use crate::version::{LiveFile, Manifest, Version};
use crate::write::EncodedFile;

/// One attempt of one change.
pub(super) struct Attempt<'a> {
    pub table: &'a LakeTable,
    pub base: &'a Version,
    pub change: &'a Change,
    /// Files to add: the change's own, and those that stand for emptied partitions.
    pub add: &'a [EncodedFile],
    pub snapshot_id: i64,
    /// Goes into every path, so that no attempt touches another's files.
    pub number: u32,
    pub id: Uuid,
    /// Paths that this attempt has written or begun to.
    pub written: Vec<String>,
}

/// An attempt that is ready for the catalog.
pub(super) struct Staged {
    /// Taken when it is sent.
    pub proposal: Option<Proposal>,
    /// The new snapshot's list and its data manifests, for the cache.
    pub list: Vec<ManifestFile>,
    pub manifests: Vec<Arc<Manifest>>,
    pub deletes: Vec<ManifestFile>,
    /// Snapshots that the proposal lets go of.
    pub retired: Vec<(i64, String)>,
}

/// What happens to the live files of the base.
struct Removal {
    /// By manifest path: the files that go.
    from: HashMap<String, BTreeSet<String>>,
    gone: Vec<Arc<LiveFile>>,
}

impl Attempt<'_> {
    pub fn path(&mut self, name: &str) -> String {
        let path = format!("{}/metadata/{name}", self.table.0.location);
        self.written.push(path.clone());
        path
    }

    fn stale(&self, reason: String) -> CommitFailed {
        CommitFailed::Stale { table: self.table.name().to_owned(), reason }
    }
}

/// Writes manifests and the list, and builds the new metadata.
pub(super) async fn stage(attempt: &mut Attempt<'_>) -> Result<Staged, CommitFailed> {
    let base = attempt.base;
    let sequence_number = base.metadata().next_sequence_number();
    let removal = removal(attempt)?;
    let added_numbers = data_sequence_numbers(attempt, &removal)?;

    crash::point("lake.commit.before_manifest")?;
    let (mut manifests, mut kept) = (Vec::new(), Vec::new());
    // A file that was encoded before the partitions changed still lies under the old ones.
    for spec_id in attempt.add.iter().map(|file| file.spec_id).collect::<BTreeSet<_>>() {
        manifests.push(manifests::added(attempt, spec_id, &added_numbers, sequence_number).await?);
    }
    for manifest in base.manifests() {
        match removal.from.get(&manifest.file.manifest_path) {
            Some(gone) => manifests.push(manifests::without(attempt, manifest, gone, sequence_number).await?),
            // A manifest that only says what was deleted has said it in its own snapshot.
            None if manifest.live.is_empty() => {}
            None => kept.push(manifest.clone()),
        }
    }
    manifests.extend(merge::merge(attempt, kept, sequence_number).await?);
    crash::point("lake.commit.after_manifest")?;

    let deletes = base.deletes().to_vec();
    let list: Vec<ManifestFile> = manifests.iter().map(|m| m.file.clone()).chain(deletes.iter().cloned()).collect();
    let list_path = write_list(attempt, &list, sequence_number).await?;
    crash::point("lake.commit.after_list")?;

    let summary = summary(attempt, &removal, &manifests);
    let (proposal, retired) = propose(attempt, list_path, summary, sequence_number)?;
    Ok(Staged { proposal: Some(proposal), list, manifests, deletes, retired })
}

/// Finds the files to remove, and refuses if they are not what the change was made for.
fn removal(attempt: &Attempt<'_>) -> Result<Removal, CommitFailed> {
    let mut removal = Removal { from: HashMap::new(), gone: Vec::new() };
    let wanted: Box<dyn Fn(&LiveFile) -> bool> = match &attempt.change.remove {
        Remove::Nothing => return Ok(removal),
        Remove::Partitions { values, .. } => Box::new(|f| f.units().any(|unit| values.contains(&unit))),
        Remove::Paths(paths) => Box::new(|f| paths.contains(&f.path)),
    };
    for manifest in attempt.base.manifests() {
        let gone: Vec<_> = manifest.live.iter().filter(|file| wanted(file)).cloned().collect();
        if !gone.is_empty() {
            let paths = gone.iter().map(|file| file.path.clone()).collect();
            removal.from.insert(manifest.file.manifest_path.clone(), paths);
            removal.gone.extend(gone);
        }
    }
    match &attempt.change.remove {
        Remove::Partitions { seen, .. } => {
            if let Some(spanning) = removal.gone.iter().find(|file| file.is_spanning()) {
                let (table, path) = (attempt.table.name().to_owned(), spanning.path.clone());
                return Err(LakeError::from(TableError::Spanning { table, path }).into());
            }
            if let Some(newer) = removal.gone.iter().find(|file| file.data_sequence_number > *seen) {
                let (partition, number) = (newer.partition.unwrap_or_default(), newer.data_sequence_number);
                return Err(attempt.stale(format!(
                    "partition {partition} got a file with sequence number {number} after {seen} was read"
                )));
            }
        }
        Remove::Paths(paths) => {
            let live: BTreeSet<&str> = removal.gone.iter().map(|file| file.path.as_str()).collect();
            if let Some(missing) = paths.iter().find(|path| !live.contains(path.as_str())) {
                return Err(attempt.stale(format!("{missing} is no live file any more")));
            }
        }
        Remove::Nothing => {}
    }
    if attempt.change.operation == Operation::Replace && attempt.base.has_foreign_deletes() {
        // Row-level deletes apply to files by sequence number; a rewritten file must not slip out from under them.
        return Err(LakeError::from(TableError::ForeignDeletes { table: attempt.table.name().to_owned() }).into());
    }
    Ok(removal)
}

/// The data sequence number of each added file: the new snapshot's own (`None`), or for a rewrite the largest of the
/// files it replaces in that hour or day: reading a row again is harmless, missing one is not.
fn data_sequence_numbers(attempt: &Attempt<'_>, removal: &Removal) -> Result<Vec<Option<i64>>, CommitFailed> {
    if attempt.change.operation != Operation::Replace {
        return Ok(vec![None; attempt.add.len()]);
    }
    let may_hold = |old: &LiveFile, unit: Option<i32>| match (unit, old.partition) {
        (Some(unit), _) if old.units.is_some() => old.units().contains(&unit),
        (unit, partition) => unit == partition,
    };
    let largest = |unit: Option<i32>| {
        let old = removal.gone.iter().filter(|old| may_hold(old, unit));
        old.map(|old| old.data_sequence_number).max()
    };
    let before: u64 = removal.gone.iter().map(|file| file.records).sum();
    let after: u64 = attempt.add.iter().map(|file| file.records).sum();
    let whole = removal.gone.iter().all(|old| attempt.add.iter().any(|file| may_hold(old, file.partition)));
    let numbers: Option<Vec<_>> = attempt.add.iter().map(|file| largest(file.partition).map(Some)).collect();
    match numbers {
        // A partition that lost its last file would not be noticed by a consumer that has yet to read it.
        Some(numbers) if before == after && whole => Ok(numbers),
        _ => Err(LakeError::Batch {
            table: attempt.table.name().to_owned(),
            reason: format!("a rewrite must keep rows and partitions: {before} rows became {after}"),
        }
        .into()),
    }
}

async fn write_list(
    attempt: &mut Attempt<'_>,
    list: &[ManifestFile],
    sequence_number: i64,
) -> Result<String, CommitFailed> {
    let (snapshot_id, number) = (attempt.snapshot_id, attempt.number);
    let path = attempt.path(&format!("snap-{snapshot_id}-{number}-{}.avro", attempt.id));
    let parent = attempt.base.snapshot_id();
    let files = attempt.table.0.store.files();
    let written = async {
        let output = files.new_output(&path)?.writer().await?;
        let mut writer = ManifestListWriter::v2(output, snapshot_id, parent, sequence_number);
        writer.add_manifests(list.iter().cloned())?;
        writer.close().await
    };
    written.await.doing(|| format!("write manifest list {path}"))?;
    Ok(path)
}

/// The summary: what was added and removed, totals counted from what is live now, the change's notes.
fn summary(attempt: &Attempt<'_>, removal: &Removal, manifests: &[Arc<Manifest>]) -> HashMap<String, String> {
    let mut summary: HashMap<String, String> = HashMap::new();
    let mut count = |key: &str, value: u64, always: bool| {
        if value > 0 || always {
            summary.insert(key.into(), value.to_string());
        }
    };
    count("added-data-files", attempt.add.len() as u64, false);
    count("added-records", attempt.add.iter().map(|file| file.records).sum(), false);
    count("added-files-size", attempt.add.iter().map(|file| file.bytes).sum(), false);
    count("deleted-data-files", removal.gone.len() as u64, false);
    count("deleted-records", removal.gone.iter().map(|file| file.records).sum(), false);
    count("removed-files-size", removal.gone.iter().map(|file| file.bytes).sum(), false);
    let changed: BTreeSet<Option<i32>> =
        attempt.add.iter().map(|f| f.partition).chain(removal.gone.iter().map(|f| f.partition)).collect();
    count("changed-partition-count", changed.len() as u64, false);
    let live = || manifests.iter().flat_map(|m| &m.live);
    count("total-data-files", live().count() as u64, true);
    count("total-records", live().map(|file| file.records).sum(), true);
    count("total-files-size", live().map(|file| file.bytes).sum(), true);
    // Delete files are carried over as they are; so are their totals.
    let before = attempt.base.metadata().current_snapshot().map(|s| &s.summary().additional_properties);
    for key in ["total-delete-files", "total-position-deletes", "total-equality-deletes"] {
        let value = before.and_then(|summary| summary.get(key)).cloned().unwrap_or_else(|| "0".into());
        summary.insert(key.into(), value);
    }
    summary.extend(attempt.change.summary.clone());
    summary
}

fn propose(
    attempt: &Attempt<'_>,
    manifest_list: String,
    mut summary: HashMap<String, String>,
    sequence_number: i64,
) -> Result<(Proposal, Vec<(i64, String)>), CommitFailed> {
    let (base, metadata) = (attempt.base, attempt.base.metadata());
    let now = attempt.table.0.lake.clock.now();
    let settings = attempt.change.settings(base);
    summary.extend(settings.clone());
    let builder = metadata.clone().into_builder(Some(base.metadata_location().to_owned()));
    let edited = edited(attempt.table.name(), &attempt.change.edits, metadata)?;
    let (builder, schema_id) = reshaped(builder, edited, metadata)
        .doing(|| format!("change the columns or partitions of {}", attempt.table.name()))?;
    let snapshot = Snapshot::builder()
        .with_snapshot_id(attempt.snapshot_id)
        .with_parent_snapshot_id(base.snapshot_id())
        .with_sequence_number(sequence_number)
        .with_timestamp_ms(timestamp_ms(now, metadata.last_updated_ms()))
        .with_manifest_list(manifest_list)
        .with_summary(Summary { operation: attempt.change.operation.clone(), additional_properties: summary })
        .with_schema_id(schema_id)
        .build();
    let unset: Vec<String> =
        attempt.change.unset.iter().filter(|key| metadata.properties().contains_key(*key)).cloned().collect();
    let retired = thin::due(metadata, now, thin::BATCH);
    let ids: Vec<i64> = retired.iter().map(|(id, _)| *id).collect();
    let built = (|| {
        let mut builder = builder;
        if !unset.is_empty() {
            builder = builder.remove_properties(&unset)?;
        }
        builder
            .set_properties(settings.into_iter().collect())?
            .set_branch_snapshot(snapshot, MAIN_BRANCH)?
            .remove_snapshots(&ids)
            .build()
    })();
    let built = built.doing(|| format!("build the next metadata of {}", attempt.table.name()))?;
    let mut proposal = Proposal::on(base, built);
    if !attempt.change.edits.is_empty() {
        proposal.requirements.extend([
            TableRequirement::CurrentSchemaIdMatch { current_schema_id: metadata.current_schema_id() },
            TableRequirement::LastAssignedFieldIdMatch { last_assigned_field_id: metadata.last_column_id() },
            TableRequirement::DefaultSpecIdMatch { default_spec_id: metadata.default_partition_spec_id() },
            TableRequirement::LastAssignedPartitionIdMatch { last_assigned_partition_id: metadata.last_partition_id() },
        ]);
    }
    Ok((proposal, retired))
}

/// The columns and partitions that a change wants, and the id of the schema that its snapshot is under.
fn reshaped(
    mut builder: TableMetadataBuilder,
    edited: Edited,
    metadata: &TableMetadata,
) -> iceberg::Result<(TableMetadataBuilder, i32)> {
    let mut schema_id = metadata.current_schema_id();
    // Catalogs take no schema or spec twice: one that the table had before is taken up again.
    if let Some(schema) = edited.schema {
        let alike = |old: &&SchemaRef| old.as_struct() == schema.as_struct() && identity(old) == identity(&schema);
        builder = match metadata.schemas_iter().find(alike) {
            Some(old) => {
                schema_id = old.schema_id();
                builder.set_current_schema(schema_id)?
            }
            None => {
                let last = metadata.schemas_iter().map(|schema| schema.schema_id()).max();
                schema_id = last.map_or(0, |last| last + 1);
                builder.add_schema(schema)?.set_current_schema(TableMetadataBuilder::LAST_ADDED)?
            }
        };
    }
    if let Some(spec) = edited.spec {
        let new: Vec<_> = spec.fields().iter().map(|f| (f.source_id, f.transform, f.name.clone())).collect();
        let alike = |old: &&PartitionSpecRef| {
            old.fields().iter().map(|f| (f.source_id, f.transform, f.name.clone())).eq(new.iter().cloned())
        };
        builder = match metadata.partition_specs_iter().find(alike) {
            Some(old) => builder.set_default_partition_spec(old.spec_id())?,
            None => builder.add_partition_spec(spec)?.set_default_partition_spec(TableMetadataBuilder::LAST_ADDED)?,
        };
    }
    Ok((builder, schema_id))
}

fn identity(schema: &Schema) -> BTreeSet<i32> {
    schema.identifier_field_ids().collect()
}

/// A snapshot's time never goes back behind the version it stands on, whatever the clock does.
fn timestamp_ms(now: Micros, last_updated_ms: i64) -> i64 {
    (now / 1000).max(last_updated_ms)
}
