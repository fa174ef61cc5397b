//! Marts as plain Parquet under a stable path: one sorted file a mart and month, replaced atomically.

use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::{Datelike, Months, NaiveDate};
use contrail_types::{Micros, time};

use super::{Engine, EngineError, literal, lock, sql_error};
use crate::project::Model;

/// The months (first instants) that the given instants lie in, each once.
pub fn months(instants: impl IntoIterator<Item = Micros>) -> Vec<Micros> {
    let mut months: Vec<Micros> = instants.into_iter().map(|us| bounds(us).0).collect();
    months.sort_unstable();
    months.dedup();
    months
}

/// First instant of the month of `us`, and of the next month.
fn bounds(us: Micros) -> (Micros, Micros) {
    let at = time::to_datetime(us).date_naive();
    let first = NaiveDate::from_ymd_opt(at.year(), at.month(), 1).unwrap_or(at);
    let next = first.checked_add_months(Months::new(1)).unwrap_or(first);
    let start = |d: NaiveDate| d.and_hms_opt(0, 0, 0).unwrap_or_default().and_utc().timestamp_micros();
    (start(first), start(next))
}

impl Engine {
    /// Writes one month of a mart table to `<folder>/<mart>/<yyyy-mm>.parquet` and returns the path. Readers see the
    /// old file or the new one, also after a power cut.
    pub fn export_mart(&self, mart: &Model, month: Micros, folder: &Path) -> Result<PathBuf, EngineError> {
        let (start, end) = bounds(month);
        let folder = folder.join(&mart.name);
        let path = folder.join(format!("{}.parquet", time::to_datetime(start).format("%Y-%m")));
        let staged = path.with_extension("parquet.tmp");
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| EngineError::Io { path, source }
        };
        std::fs::create_dir_all(&folder).map_err(io(&folder))?;
        let column = mart.span_column.as_deref().unwrap_or("hour");
        let sort: Vec<String> = mart.def.sort.iter().map(|c| format!("\"{c}\"")).collect();
        let order = if sort.is_empty() { String::new() } else { format!(" ORDER BY {}", sort.join(", ")) };
        let sql = format!(
            "COPY (SELECT * FROM \"{}\" WHERE \"{column}\" >= make_timestamptz({start}) AND \"{column}\" < make_timestamptz({end}){order})
             TO {} (FORMAT parquet, COMPRESSION zstd)",
            mart.name,
            literal(&staged.to_string_lossy())
        );
        {
            let connection = self.connection()?;
            let _writing = lock(&self.shared().writing);
            connection.execute_batch(&sql).map_err(|e| sql_error(&format!("export of {}", mart.name), e))?;
        }
        File::open(&staged).and_then(|f| f.sync_all()).map_err(io(&staged))?;
        std::fs::rename(&staged, &path).map_err(io(&path))?;
        File::open(&folder).and_then(|f| f.sync_all()).map_err(io(&folder))?;
        Ok(path)
    }
}
