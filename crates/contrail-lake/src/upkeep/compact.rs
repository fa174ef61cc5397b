//! Compaction: many small files of a closed partition become one, with the same rows and sequence number.

use crate::change::Change;
use crate::commit::{CommitFailed, Committed};
use crate::error::LakeError;
use crate::table::LakeTable;
use crate::version::LiveFile;

impl LakeTable {
    /// Rewrites the files of one partition as one sorted file, if there are several. `most` bounds the rows taken into
    /// memory at once; a partition with more is compacted in groups, one a call. `None`: nothing to do.
    ///
    /// # Errors
    /// [`CommitFailed::Stale`] if the partition was changed in the meantime: try again when it is quiet.
    pub async fn compact(&self, partition: i32, most: u64) -> Result<Option<Committed>, CommitFailed> {
        let version = self.load().await?;
        if version.has_foreign_deletes() {
            return Err(LakeError::ForeignDeletes { table: self.name().to_owned() }.into());
        }
        let mut files: Vec<&LiveFile> = version.files_in(partition).map(AsRef::as_ref).collect();
        files.sort_by_key(|file| (file.records, file.data_sequence_number));
        let old: Vec<String> = group(&files, most).iter().map(|file| file.path.clone()).collect();
        if old.len() < 2 {
            return Ok(None);
        }
        let pin = self.pin(old.clone());
        let (table, paths) = (self.clone(), old.clone());
        // Of this very version: files that came later, with columns that it lacks, are not among those rewritten.
        let shape = self.shape_in(&version)?;
        let encoded = tokio::task::spawn_blocking(move || {
            let files = table.encode_under(&shape, &table.read_under(&shape, &paths, None)?)?;
            // Files without rows tell of a change; one of them has to stay.
            if files.is_empty() { Ok(vec![table.encode_empty(partition)?]) } else { Ok::<_, LakeError>(files) }
        });
        let new = encoded.await.map_err(|panic| LakeError::Batch {
            table: self.name().to_owned(),
            reason: format!("compaction: {panic}"),
        })??;
        drop(pin);
        self.commit(Change::rewrite(old, new), |_| Ok(())).await.map(Some)
    }
}

/// The smallest files that together have at most `most` rows.
fn group<'a>(files: &[&'a LiveFile], most: u64) -> Vec<&'a LiveFile> {
    let mut rows = 0;
    let fits = |file: &&&LiveFile| {
        rows += file.records;
        rows <= most
    };
    files.iter().take_while(fits).copied().collect()
}
