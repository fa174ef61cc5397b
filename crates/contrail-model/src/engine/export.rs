//! Marts as plain Parquet under a stable path: one sorted file a mart and day, replaced atomically.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use contrail_types::Micros;
use contrail_types::time::{DAY, day_of, to_datetime};

use super::{Engine, EngineError, literal, lock, sql_error};
use crate::project::Model;

impl Engine {
    /// Writes days of a mart table, each to `<folder>/<mart>/<yyyy-mm-dd>.parquet`, and returns the paths. Readers see the
    /// old file or the new one, also after a power cut. A file of a whole month, as earlier versions wrote them, is
    /// divided into its days.
    pub fn export_mart(
        &self,
        mart: &Model,
        days: impl IntoIterator<Item = Micros>,
        folder: &Path,
    ) -> Result<Vec<PathBuf>, EngineError> {
        let folder = folder.join(&mart.name);
        std::fs::create_dir_all(&folder).map_err(EngineError::io(&folder))?;
        let mut days: BTreeSet<Micros> = days.into_iter().map(day_of).collect();
        let month = |day: &Micros| folder.join(format!("{}.parquet", to_datetime(*day).format("%Y-%m")));
        let whole: BTreeSet<PathBuf> = days.iter().map(month).filter(|path| path.exists()).collect();
        if !whole.is_empty() {
            let all = self.mart_spans(mart)?.into_iter().map(day_of);
            days.extend(all.filter(|day| whole.contains(&month(day))));
        }
        let written = days.iter().map(|day| self.export_day(mart, *day, &folder)).collect::<Result<_, _>>()?;
        for path in whole {
            std::fs::remove_file(&path).map_err(EngineError::io(&path))?;
        }
        File::open(&folder).and_then(|f| f.sync_all()).map_err(EngineError::io(&folder))?;
        Ok(written)
    }

    fn export_day(&self, mart: &Model, day: Micros, folder: &Path) -> Result<PathBuf, EngineError> {
        let path = folder.join(format!("{}.parquet", to_datetime(day).format("%Y-%m-%d")));
        let staged = path.with_extension("parquet.tmp");
        let column = mart.span_column.as_deref().unwrap_or("hour");
        let sort: Vec<String> = mart.def.sort.iter().map(|c| format!("\"{c}\"")).collect();
        let order = if sort.is_empty() { String::new() } else { format!(" ORDER BY {}", sort.join(", ")) };
        let end = day + DAY;
        let sql = format!(
            "COPY (SELECT * FROM \"{}\" WHERE \"{column}\" >= make_timestamptz({day}) AND \"{column}\" < make_timestamptz({end}){order})
             TO {} (FORMAT parquet, COMPRESSION zstd)",
            mart.name,
            literal(&staged.to_string_lossy())
        );
        {
            let connection = self.connection()?;
            let _writing = lock(&self.shared().writing);
            connection.execute_batch(&sql).map_err(|e| sql_error(&format!("export of {}", mart.name), e))?;
        }
        File::open(&staged).and_then(|f| f.sync_all()).map_err(EngineError::io(&staged))?;
        std::fs::rename(&staged, &path).map_err(EngineError::io(&path))?;
        Ok(path)
    }
}
