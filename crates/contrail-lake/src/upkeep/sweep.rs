//! The orphan sweep: files that a crash, or an attempt of unknown fate, has left behind.

use std::path::Path;
use std::time::UNIX_EPOCH;

use contrail_types::Micros;
use contrail_types::time::DAY;

use super::delete;
use crate::change::Change;
use crate::commit::{CommitFailed, SWEPT};
use crate::error::LakeError;
use crate::table::LakeTable;
use crate::version::Version;
use crate::write::time_in;

impl LakeTable {
    /// Deletes files that nothing names and that are more than a day old; returns their paths.
    ///
    /// The limit is committed first, as the property [`SWEPT`]: whoever stages an older file afterwards writes it again
    /// under a new name, so a file that is about to be committed can never be taken for an orphan.
    pub async fn sweep(&self) -> Result<Vec<String>, CommitFailed> {
        let limit = self.0.lake.clock.now() - DAY;
        let later = move |version: &Version| {
            let before = version.property(SWEPT).and_then(|text| text.parse::<Micros>().ok());
            vec![(SWEPT.to_owned(), before.map_or(limit, |before| before.max(limit)).to_string())]
        };
        self.commit(Change::properties().set_from(later), |_| Ok(())).await?;
        contrail_kit::crash::point("lake.sweep.after_limit")?;
        let old = self.orphans_until(limit).await?;
        delete(old.clone()).await?;
        Ok(old)
    }

    /// What a sweep would delete now.
    pub async fn orphans(&self) -> Result<Vec<String>, LakeError> {
        self.orphans_until(self.0.lake.clock.now() - DAY).await
    }

    async fn orphans_until(&self, limit: Micros) -> Result<Vec<String>, LakeError> {
        let mut orphans = self.fsck().await?.orphans;
        orphans.retain(|path| {
            let written_at = time_in(path).or_else(|| modified(path));
            written_at.is_some_and(|at| at <= limit) && !self.0.pins.is_pinned(path)
        });
        Ok(orphans)
    }
}

fn modified(path: &str) -> Option<Micros> {
    let modified = std::fs::metadata(Path::new(path)).ok()?.modified().ok()?;
    Some(modified.duration_since(UNIX_EPOCH).ok()?.as_micros() as Micros)
}
