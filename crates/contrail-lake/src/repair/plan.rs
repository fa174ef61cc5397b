//! From what was seen of a table to what is to be done, and what that loses.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use iceberg::spec::{ManifestContentType, ManifestFile, SnapshotRef, TableMetadata};

use super::find::{Expected, Search, encoded};
use super::look::{Seen, broken};
use super::{Back, Broken, Damage, Look, LostFile, LostMetadata, LostVersion, MendedTag, RepairError, Unknown};
use super::{partition_name, time};
use crate::catalog::Loaded;
use crate::error::{LakeError, TableError};
use crate::table::LakeTable;
use crate::version::{LiveFile, Manifest, Version, View};
use crate::write::EncodedFile;

/// What the next commit is made of.
pub(super) struct Plan {
    /// The metadata to go on from, under the location that the catalog names.
    pub base: Loaded,
    pub main: Part,
    /// Tags whose version cannot be read whole, with that version and what is left of it.
    pub tags: Vec<(String, i64, Part)>,
    pub let_go: Vec<i64>,
    /// Properties as they are to be: those of now, or of the version that the table goes back to.
    pub properties: HashMap<String, String>,
    pub unset: Vec<String>,
    /// Entries of the metadata log that name nothing any more.
    pub log: Vec<String>,
    /// The metadata file that stands in for the one that is gone.
    pub instead: Option<String>,
}

/// Content of a version: manifests as they are, files to leave out, files to enter again.
#[derive(Default)]
pub(super) struct Part {
    pub manifests: Vec<Arc<Manifest>>,
    pub drop: BTreeSet<String>,
    pub add: Vec<EncodedFile>,
}

impl Part {
    fn live(&self) -> impl Iterator<Item = &Arc<LiveFile>> {
        self.manifests.iter().flat_map(|manifest| &manifest.live)
    }

    /// The files that it comes to.
    pub fn left(&self, table: &LakeTable) -> Vec<Arc<LiveFile>> {
        let columns = table.shape().columns.clone();
        let again = self.add.iter().map(|file| {
            Arc::new(LiveFile {
                path: file.path.clone(),
                partition: file.partition,
                units: file.partition.map(|unit| (unit, unit)),
                spec_id: file.spec_id,
                data_sequence_number: 0,
                records: file.records,
                bytes: file.bytes,
                file_sequence_number: None,
                snapshot_id: 0,
                data: file.data.clone(),
                columns: columns.clone(),
            })
        });
        self.live().filter(|file| !self.drop.contains(&file.path)).cloned().chain(again).collect()
    }

    /// What can be read of a snapshot whose list can.
    fn of(manifests: Vec<Arc<Manifest>>, seen: &Seen) -> Self {
        let part = Self { manifests, ..Self::default() };
        let drop =
            part.live().filter(|file| seen.files.contains_key(&file.path)).map(|file| file.path.clone()).collect();
        Self { drop, ..part }
    }
}

struct Planner<'a> {
    table: &'a LakeTable,
    metadata: &'a TableMetadata,
    seen: &'a Seen,
    look: Look<'a>,
    damage: Damage,
    properties: HashMap<String, String>,
    unset: Vec<String>,
}

pub(super) async fn plan(
    table: &LakeTable,
    base: Loaded,
    lost: Option<LostMetadata>,
    seen: &Seen,
    look: Look<'_>,
) -> Result<(Plan, Damage), RepairError> {
    let metadata = base.metadata.clone();
    let instead = lost.as_ref().map(|lost| lost.instead.clone());
    let damage = Damage { table: table.name().to_owned(), metadata: lost, ..Damage::default() };
    let (properties, unset) = (metadata.properties().clone(), Vec::new());
    let mut planner = Planner { table, metadata: &metadata, seen, look, damage, properties, unset };
    planner.broken()?;
    let (main, lost) = match metadata.current_snapshot() {
        None => (Part::default(), Vec::new()),
        Some(now) => match seen.manifests_of(now.snapshot_id()) {
            Some((manifests, lost)) => (planner.with_list(manifests, &lost).await?, lost),
            None => (planner.without_list(now).await?, Vec::new()),
        },
    };
    let tags = planner.tags(&base, &main, &lost);
    let mut let_go = Vec::new();
    for snapshot in snapshots(&metadata).into_iter().filter(|snapshot| !seen.is_whole(snapshot.snapshot_id())) {
        let_go.push(snapshot.snapshot_id());
        let (snapshot_id, at) = (snapshot.snapshot_id(), time(snapshot.timestamp_ms()));
        planner.damage.versions.push(LostVersion { snapshot_id, at });
    }
    let log = planner.log().await?;
    let Planner { mut damage, properties, unset, .. } = planner;
    damage.log.clone_from(&log);
    Ok((Plan { base, main, tags, let_go, properties, unset, log, instead }, damage))
}

/// The kept versions, oldest first.
fn snapshots(metadata: &TableMetadata) -> Vec<&SnapshotRef> {
    let mut all: Vec<&SnapshotRef> = metadata.snapshots().collect();
    all.sort_by_key(|snapshot| (snapshot.sequence_number(), snapshot.snapshot_id()));
    all
}

impl Planner<'_> {
    /// Lists and manifests that cannot be read.
    fn broken(&mut self) -> Result<(), LakeError> {
        for snapshot in snapshots(self.metadata) {
            match self.seen.lists.get(&snapshot.snapshot_id()) {
                Some(Err(reason)) => self.damage.broken.push(Broken {
                    path: snapshot.manifest_list().to_owned(),
                    reason: reason.clone(),
                    kind: "manifest list",
                }),
                Some(Ok(list)) if self.metadata.current_snapshot_id() == Some(snapshot.snapshot_id()) => {
                    let live = |m: &ManifestFile| m.has_added_files() || m.has_existing_files();
                    if list.iter().any(|m| m.content == ManifestContentType::Deletes && live(m)) {
                        return Err(TableError::ForeignDeletes { table: self.table.name().to_owned() }.into());
                    }
                }
                _ => {}
            }
        }
        let lost = self.seen.manifests.iter().filter_map(|(path, read)| Some((path, read.as_ref().err()?)));
        let mut lost: Vec<Broken> = lost
            .map(|(path, reason)| Broken { path: path.clone(), reason: reason.clone(), kind: "manifest" })
            .collect();
        lost.sort_by(|a, b| a.path.cmp(&b.path));
        self.damage.broken.extend(lost);
        Ok(())
    }

    /// The list of now can be read, some of its manifests may not.
    async fn with_list(&mut self, manifests: Vec<Arc<Manifest>>, lost: &[ManifestFile]) -> Result<Part, RepairError> {
        let mut part = Part::of(manifests, self.seen);
        if !lost.is_empty() {
            let live = part.live().map(|file| file.path.clone()).collect();
            let search = Search::new(self.table, self.metadata, self.seen).await?;
            part.add = search.files_of(lost, &live).await?;
            self.found(&part.add);
            let expected = Expected::of(lost);
            if part.add.is_empty() && expected.files > 0 {
                let name = |value| partition_name(&self.table.0.def, value);
                let (low, high) = expected.partitions.unzip();
                self.damage.partitions.extend(expected.partitions.into_iter().flat_map(|(low, high)| low..=high));
                let (files, rows) = (expected.files, expected.rows);
                self.damage.unknown = Some(Unknown { files, rows, from: low.map(name), to: high.map(name) });
            }
        }
        let gone: Vec<Arc<LiveFile>> = part.live().filter(|file| part.drop.contains(&file.path)).cloned().collect();
        for file in gone {
            let reason = self.seen.files[&file.path].clone();
            self.lose(file, reason);
        }
        Ok(part)
    }

    /// The list of now is lost: put together again where that can be proved, else the newest version before it.
    async fn without_list(&mut self, now: &SnapshotRef) -> Result<Part, RepairError> {
        let search = Search::new(self.table, self.metadata, self.seen).await?;
        if let Some((base, live)) = search.rebuilt(now) {
            return Ok(self.again(base, live).await?);
        }
        if let Some(add) = search.everything(now) {
            self.found(&add);
            return Ok(Part { add, ..Part::default() });
        }
        let readable = |snapshot: &&SnapshotRef| self.seen.is_readable(snapshot.snapshot_id());
        let before: Vec<&SnapshotRef> = snapshots(self.metadata).into_iter().rev().filter(readable).collect();
        for snapshot in before {
            let progress = self.progress(snapshot);
            if progress.is_none() && self.look.exact {
                continue;
            }
            let Some((manifests, _)) = self.seen.manifests_of(snapshot.snapshot_id()) else { continue };
            let part = self.with_list(manifests, &[]).await?;
            let rows = part.left(self.table).iter().map(|file| file.records).sum();
            let said = |key: &str| now.summary().additional_properties.get(key)?.parse().ok();
            self.damage.back_to = Some(Back {
                snapshot_id: snapshot.snapshot_id(),
                at: time(snapshot.timestamp_ms()),
                rows,
                rows_before: said("total-records"),
                exact: progress.is_some(),
            });
            for (key, value) in progress.into_iter().flatten() {
                match value {
                    Some(value) => drop(self.properties.insert(key, value)),
                    None => {
                        self.properties.remove(&key);
                        self.unset.push(key);
                    }
                }
            }
            return Ok(part);
        }
        let reason = "the list of its files is lost, and neither its folder nor a version before tells what was in it";
        Err(RepairError::Hopeless { table: self.table.name().to_owned(), reason: reason.into() })
    }

    /// The version of `base` changed until it has the files of `live`.
    async fn again(&mut self, base: Option<i64>, live: BTreeMap<String, Arc<LiveFile>>) -> Result<Part, LakeError> {
        let manifests = base.and_then(|id| self.seen.manifests_of(id)).unwrap_or_default().0;
        let mut part = Part { manifests, ..Part::default() };
        let before: BTreeSet<String> = part.live().map(|file| file.path.clone()).collect();
        part.drop = before.iter().filter(|path| !live.contains_key(*path)).cloned().collect();
        for (path, file) in live {
            let known = self.seen.files.get(&path).cloned();
            let why = match known {
                None if !before.contains(&path) => broken(self.table, &path, file.bytes, true, self.look.deep).await?,
                known => known,
            };
            match why {
                Some(reason) => {
                    if before.contains(&path) {
                        part.drop.insert(path);
                    }
                    self.lose(file, reason);
                }
                None if !before.contains(&path) => part.add.push(encoded(self.table, &file)),
                None => {}
            }
        }
        self.found(&part.add);
        Ok(part)
    }

    fn found(&mut self, files: &[EncodedFile]) {
        self.damage.found_files += files.len();
        self.damage.found_rows += files.iter().map(|file| file.records).sum::<u64>();
    }

    fn lose(&mut self, file: Arc<LiveFile>, reason: String) {
        let partition = file.partition.map(|value| partition_name(&self.table.0.def, value));
        *self.damage.rows.entry(partition.clone().unwrap_or_else(|| "none".into())).or_default() += file.records;
        self.damage.partitions.extend(file.partition);
        let (path, rows, bytes) = (file.path.clone(), file.records, file.bytes);
        self.damage.files.push(LostFile { path, reason, partition, rows, bytes, live: Some(file) });
    }

    /// Properties that say how far the table was at a snapshot, as the summaries of it and those right before it say.
    /// `None`: a snapshot between has gone, so an older record might not be the last.
    fn progress(&self, at: &SnapshotRef) -> Option<BTreeMap<String, Option<String>>> {
        let is_progress = |key: &&String| self.look.progress.iter().any(|start| key.starts_with(start));
        let mut found = BTreeMap::new();
        for key in self.metadata.properties().keys().filter(is_progress) {
            let mut next = at;
            let value = loop {
                if let Some(value) = next.summary().additional_properties.get(key) {
                    break Some(value.clone());
                }
                match next.parent_snapshot_id() {
                    None => break None,
                    Some(parent) => next = self.metadata.snapshot_by_id(parent)?,
                }
            };
            found.insert(key.clone(), value);
        }
        Some(found)
    }

    /// Tags whose version is broken: what is left of each.
    fn tags(&mut self, base: &Loaded, main: &Part, lost: &[ManifestFile]) -> Vec<(String, i64, Part)> {
        let version = Version::new(View { loaded: base.clone(), manifests: Vec::new(), deletes: Vec::new() });
        let paths = |lost: &[ManifestFile]| lost.iter().map(|m| m.manifest_path.clone()).collect::<BTreeSet<_>>();
        let mut tags = Vec::new();
        for (name, id) in version.tags() {
            if self.seen.is_whole(id) {
                continue;
            }
            let Some((manifests, missing)) = self.seen.manifests_of(id) else {
                self.damage.tags.push(MendedTag { name, rows_lost: None });
                continue;
            };
            let mut part = Part::of(manifests, self.seen);
            let mut rows_lost: u64 =
                part.live().filter(|file| part.drop.contains(&file.path)).map(|file| file.records).sum();
            if paths(&missing) == paths(lost) {
                part.add.clone_from(&main.add);
            }
            if part.add.is_empty() {
                rows_lost += Expected::of(&missing).rows;
            }
            self.damage.tags.push(MendedTag { name: name.clone(), rows_lost: Some(rows_lost) });
            tags.push((name, id, part));
        }
        tags
    }

    /// Earlier metadata files that are named and not there. A catalog elsewhere keeps its own.
    async fn log(&self) -> Result<Vec<String>, LakeError> {
        let mut gone = Vec::new();
        if self.table.0.lake.catalog.is_final() {
            for entry in self.metadata.metadata_log() {
                if self.table.0.store.size(&entry.metadata_file).await?.is_none() {
                    gone.push(entry.metadata_file.clone());
                }
            }
        }
        Ok(gone)
    }
}
