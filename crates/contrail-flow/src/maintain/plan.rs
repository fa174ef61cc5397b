//! What is due in a table: partitions to rewrite, rows that have outlived their time, and where it will be in a year.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use contrail_lake::{LakeError, LakeTable, Version};
use contrail_types::time::{DAY, to_datetime};
use contrail_types::{Micros, Transform};

use super::MaintainError;
use crate::rules::deriving::Progress;
use crate::rules::maintaining::{self, Due, Part};

/// Days that the forecast looks back.
const RECENT: i64 = 7;

/// A table that is looked after.
#[derive(Clone)]
pub struct Kept {
    pub table: LakeTable,
    /// The tables made from it; `None` for one that is not there yet.
    pub readers: Vec<Option<LakeTable>>,
    /// How long rows are kept, if not for ever.
    pub keep: Option<Micros>,
}

/// A partition worth rewriting.
#[derive(Clone, Debug)]
pub struct Piece {
    pub partition: i32,
    /// The hour or day, for people.
    pub name: String,
    pub part: Part,
    pub due: Due,
}

/// What the tables made from one say of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Readers {
    /// The commit up to which all of them have read it.
    pub read: i64,
    pub held: BTreeSet<Micros>,
}

impl Kept {
    pub(super) async fn readers(&self) -> Result<Readers, MaintainError> {
        let mut all = Readers { read: i64::MAX, held: BTreeSet::new() };
        for reader in &self.readers {
            let Some(reader) = reader else {
                all.read = 0;
                continue;
            };
            let version = reader.load().await?;
            let progress = Progress::read(version.properties()).map_err(|moved| MaintainError::Progress {
                table: reader.name().to_owned(),
                reason: moved.to_string(),
            })?;
            all.read = all.read.min(progress.covers(self.table.name()));
            all.held.extend(progress.held);
        }
        Ok(all)
    }

    /// The commit up to which every table made from this one has read it.
    pub async fn read(&self) -> Result<i64, MaintainError> {
        Ok(self.readers().await?.read)
    }

    fn by(&self) -> Option<Transform> {
        self.table.shape().def().partition.as_ref().map(|(_, by)| *by)
    }
}

/// When the rows of a partition begin and end.
pub(super) fn span(by: Transform, partition: i32) -> Range<Micros> {
    let start = by.width() * i64::from(partition);
    start..start + by.width()
}

/// An hour as `2026-11-23 14:00`, a day as `2026-11-23`.
pub fn name(by: Transform, partition: i32) -> String {
    let format = match by {
        Transform::Hour => "%Y-%m-%d %H:00",
        Transform::Day => "%Y-%m-%d",
    };
    to_datetime(span(by, partition).start).format(format).to_string()
}

/// The partitions with files, counted as far as `upto`.
pub(super) fn parts(version: &Version, by: Transform, upto: i64) -> BTreeMap<i32, Part> {
    let mut parts: BTreeMap<i32, Part> = BTreeMap::new();
    for file in version.live_files().filter(|file| file.data_sequence_number <= upto) {
        let units = file.units();
        let (Some(partition), spanning) = (file.partition.or(units.clone().next()), units.count() > 1) else {
            continue;
        };
        let part = parts.entry(partition).or_insert_with(|| Part { span: span(by, partition), ..Part::default() });
        part.add(file.records, file.bytes);
        part.spanning |= spanning;
    }
    parts
}

/// Partitions to rewrite at `now`: closed ones first, of those the ones with the most files.
pub async fn pieces(kept: &Kept, now: Micros) -> Result<Vec<Piece>, MaintainError> {
    let Some(by) = kept.by() else { return Ok(Vec::new()) };
    // First what has been read, then the table: so the files that are counted are those that compaction takes.
    let read = kept.read().await?;
    let version = kept.table.load().await?;
    if version.has_foreign_deletes() {
        tracing::warn!(table = kept.table.name(), "another engine has written row-level deletes: no file is rewritten");
        return Ok(Vec::new());
    }
    let mut pieces: Vec<Piece> = parts(&version, by, read)
        .into_iter()
        .filter_map(|(partition, part)| {
            let due = maintaining::due(&part, now)?;
            Some(Piece { partition, name: name(by, partition), part, due })
        })
        .collect();
    pieces.sort_by_key(|piece| std::cmp::Reverse((piece.due, piece.part.files)));
    Ok(pieces)
}

/// Bytes that a table will have in a year at the rate of its last week; `None` before there is a day to go by.
pub async fn forecast(table: &LakeTable, keep: Option<Micros>, now: Micros) -> Result<Option<u64>, LakeError> {
    let Some((_, by)) = table.shape().def().partition else { return Ok(None) };
    let version = table.load().await?;
    let since = now - RECENT * DAY;
    let parts = parts(&version, by, i64::MAX);
    let recent = parts.values().filter(|part| part.span.end > since && part.span.start <= now);
    let (bytes, first) = recent.fold((0, now), |(bytes, first), part| (bytes + part.bytes, first.min(part.span.start)));
    let days = (now - first.max(since)) as f64 / DAY as f64;
    let total = parts.values().map(|part| part.bytes).sum();
    Ok((bytes > 0).then(|| maintaining::in_a_year(total, bytes, days, keep)))
}
