//! Compaction: many small files of an hour or day become one, with the same rows and sequence number; a file that holds
//! several, which only other programs write, becomes one of each.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use iceberg::spec::Struct;

use super::merge::{Input, Merged, broken};
use crate::change::Change;
use crate::commit::{CommitFailed, Committed};
use crate::error::{LakeError, TableError};
use crate::shape::TableShape;
use crate::table::LakeTable;
use crate::version::LiveFile;
use crate::write::{EncodedFile, NewFile, place, sorted};

/// A Parquet reader holds about this many rows of a large file at a time: a page of each column.
const PAGE: u64 = 20_000;
/// So many rows of inputs are in memory at once, some 200 bytes each.
pub const IN_FLIGHT: u64 = 400_000;

/// What compaction has made of one partition.
#[derive(Clone, Debug)]
pub struct Compacted {
    pub committed: Committed,
    pub rows: u64,
    pub files_before: usize,
    pub files_after: usize,
    pub bytes_before: u64,
    pub bytes_after: u64,
}

/// How a compaction is done.
#[derive(Clone)]
pub struct Compaction {
    /// Only files with rows of commits up to this one: what all consumers have seen, so that none reads a row twice.
    pub upto: i64,
    /// Rows of inputs in memory at once; a partition with more takes several calls.
    pub in_flight: u64,
    /// Asked now and then; once it says so, everything is dropped.
    pub stopped: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Notes for the snapshot's summary, such as a run id.
    pub summary: Vec<(String, String)>,
}

impl Default for Compaction {
    fn default() -> Self {
        Self { upto: i64::MAX, in_flight: IN_FLIGHT, stopped: Arc::new(|| false), summary: Vec::new() }
    }
}

impl LakeTable {
    /// Rewrites the smallest files of one hour or day as one sorted file: all of them, if they fit. A file that holds rows
    /// of others as well is first made one of each. `None`: there is nothing to do, or it was stopped.
    ///
    /// # Errors
    /// [`CommitFailed::Stale`] if the partition was changed in the meantime: try again when it is quiet.
    pub async fn compact(&self, partition: i32, how: &Compaction) -> Result<Option<Compacted>, CommitFailed> {
        let version = self.load().await?;
        if version.has_foreign_deletes() {
            return Err(LakeError::from(TableError::ForeignDeletes { table: self.name().to_owned() }).into());
        }
        // Of this very version: files that came later, with columns that it lacks, are not among those rewritten.
        let shape = self.shape_in(&version)?.whole()?;
        let read = version.files_in(partition).filter(|file| file.data_sequence_number <= how.upto);
        let Some(work) = Work::new(&shape, partition, read.cloned().collect(), how.in_flight)? else { return Ok(None) };
        let files = work.files().to_vec();
        let old: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let pin = self.pin(old.clone());
        let (table, how) = (self.clone(), how.clone());
        let summary = how.summary.clone();
        let made = tokio::task::spawn_blocking(move || match work {
            Work::Split(file) => {
                table.encode_under(&shape, &table.read_under(&shape, [&file[0].path], None)?).map(Some)
            }
            Work::Merge(files, place) => table.merge(&shape, partition, place, &files, &how),
        });
        let made = made.await;
        drop(pin);
        let made = made.map_err(|panic| LakeError::Batch {
            table: self.name().to_owned(),
            reason: format!("compaction: {panic}"),
        })??;
        let Some(new) = made else { return Ok(None) };
        let (rows, bytes_after) = new.iter().fold((0, 0), |(rows, bytes), f| (rows + f.records, bytes + f.bytes));
        let files_after = new.len();
        let done = |committed| Compacted {
            committed,
            rows,
            files_before: files.len(),
            files_after,
            bytes_before: files.iter().map(|file| file.bytes).sum(),
            bytes_after,
        };
        let mut change = Change::rewrite(old, new);
        for (key, value) in summary {
            change = change.summary(key, value);
        }
        self.commit(change, |_| Ok(())).await.map(|committed| Some(done(committed)))
    }

    /// One file of the rows of several; one without rows if they have none: it still tells of a change. Blocking.
    fn merge(
        &self,
        shape: &TableShape,
        partition: i32,
        place: Struct,
        files: &[Arc<LiveFile>],
        how: &Compaction,
    ) -> Result<Option<Vec<EncodedFile>>, LakeError> {
        let batch_size = (how.in_flight as usize / files.len()).clamp(256, 8192);
        let inputs = files.iter().filter(|file| file.records > 0);
        let inputs = inputs.map(|file| self.input(shape, file, batch_size)).collect::<Result<Vec<Input>, _>>()?;
        let mut merged = Merged::new(shape, inputs)?;
        let Some(sample) = some_rows(shape, &mut merged)? else {
            return self.encode_empty(partition).map(|new| Some(vec![new]));
        };
        let mut new = NewFile::lasting(&self.0, shape, &sample)?;
        for batch in std::iter::once(Ok(sample)).chain(merged) {
            if (how.stopped)() {
                return Ok(None);
            }
            new.write(&batch?)?;
        }
        new.finish(Some(partition), place).map(|new| Some(vec![new]))
    }

    /// A file's rows in the table's order; a file that does not say that it is sorted is sorted in memory.
    fn input(&self, shape: &TableShape, file: &LiveFile, batch_size: usize) -> Result<Input, LakeError> {
        let schema: &SchemaRef = shape.schema();
        if shape.sort.is_empty() || (shape.order_id.is_some() && file.data.sort_order_id() == shape.order_id) {
            let (table, path) = (self.0.clone(), file.path.clone());
            let rows = self.rows_of(&file.path, schema, batch_size)?;
            return Ok(Box::new(rows.map(move |batch| batch.map_err(|error| table.damaged(&path, error)))));
        }
        let rows: RecordBatch = sorted(shape, &self.read_under(shape, [&file.path], None)?, None)?;
        Ok(Box::new(std::iter::once(Ok(rows))))
    }
}

/// What is to be rewritten.
enum Work {
    /// One file that holds several hours or days.
    Split(Vec<Arc<LiveFile>>),
    /// Files whose rows go to one partition of the table, the smallest first.
    Merge(Vec<Arc<LiveFile>>, Struct),
}

impl Work {
    fn new(
        shape: &TableShape,
        partition: i32,
        mut files: Vec<Arc<LiveFile>>,
        in_flight: u64,
    ) -> Result<Option<Self>, LakeError> {
        if let Some(spanning) = files.iter().find(|file| file.is_spanning()) {
            return Ok(Some(Self::Split(vec![spanning.clone()])));
        }
        let place = match place::of(shape, Some(partition))? {
            Some(place) => place,
            // The table's partitions divide an hour or day further: the one with the most files is taken.
            None => {
                let here = files.iter().filter(|file| file.spec_id == shape.spec.spec_id());
                let mut counts: HashMap<&Struct, usize> = HashMap::new();
                here.for_each(|file| *counts.entry(file.data.partition()).or_default() += 1);
                let Some((most, _)) = counts.into_iter().max_by_key(|(_, count)| *count) else { return Ok(None) };
                let most = most.clone();
                files.retain(|file| file.spec_id == shape.spec.spec_id() && *file.data.partition() == most);
                most
            }
        };
        files.sort_by_key(|file| (file.records, file.data_sequence_number));
        files.truncate(fitting(&files, in_flight));
        Ok((files.len() > 1).then_some(Self::Merge(files, place)))
    }

    fn files(&self) -> &[Arc<LiveFile>] {
        match self {
            Self::Split(files) | Self::Merge(files, _) => files,
        }
    }
}

/// How many of the smallest files can be merged at once.
fn fitting(files: &[Arc<LiveFile>], in_flight: u64) -> usize {
    let mut rows = 0;
    let fits = |file: &&Arc<LiveFile>| {
        rows += file.records.min(PAGE);
        rows <= in_flight
    };
    files.iter().take_while(fits).count()
}

/// The first rows, enough to tell which columns repeat themselves; none if there are none.
fn some_rows(shape: &TableShape, merged: &mut Merged<'_>) -> Result<Option<RecordBatch>, LakeError> {
    let (mut batches, mut rows) = (Vec::new(), 0);
    while rows < ENOUGH
        && let Some(batch) = merged.next().transpose()?
    {
        rows += batch.num_rows();
        batches.push(batch);
    }
    let Some(first) = batches.first() else { return Ok(None) };
    concat_batches(first.schema_ref(), &batches).map(Some).map_err(|error| broken(shape, error))
}

/// A few hundred aircraft in an hour: some eight megabytes.
const ENOUGH: usize = 1 << 15;
