//! Partition models (marts): dirty hours or days computed anew from the folds; in DuckDB at once, in the lake and as
//! plain Parquet when published.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use contrail_kit::crash;
use contrail_lake::{Change, LakeTable};
use contrail_model::project::Severity;
use contrail_model::{Engine, Input, Model, Value};
use contrail_types::time::{DAY, HOUR, day_of, hour_of};
use contrail_types::{Micros, Transform};
use uuid::Uuid;

use super::fold::FoldTable;
use super::{BuildError, blocking, fence_on, hours_after};
use crate::rules::deriving::Progress;

pub struct MartTable {
    pub model: Model,
    pub table: LakeTable,
    engine: Engine,
    seen: Progress,
    started: bool,
    /// Spans held back by a failed check.
    held: BTreeSet<Micros>,
    /// Hours that were left for later.
    waiting: BTreeSet<Micros>,
    /// Days that the lake does not have yet as DuckDB does.
    dirty: BTreeSet<Micros>,
}

impl MartTable {
    pub fn new(model: Model, table: LakeTable, engine: Engine) -> Self {
        Self {
            model,
            table,
            engine,
            seen: Progress::default(),
            started: false,
            held: BTreeSet::new(),
            waiting: BTreeSet::new(),
            dirty: BTreeSet::new(),
        }
    }

    /// After a start: what the lake says is built, its rows in DuckDB where those are missing or older, and the hours of
    /// the folds that changed since. Days are written to the lake as DuckDB has them: it must not be behind.
    pub async fn start(&mut self, folds: &[FoldTable], folder: &Path) -> Result<BTreeSet<Micros>, BuildError> {
        if self.started {
            return Ok(BTreeSet::new());
        }
        let own = self.table.load().await?;
        self.seen = Progress::read(own.properties())?;
        self.held = self.seen.held.clone();
        let mut hours = self.held.clone();
        for fold in folds.iter().filter(|fold| self.model.inputs.contains(&fold.model.name)) {
            let version = fold.table.load().await?;
            hours.extend(hours_after(&version, self.seen.covers(&fold.model.name)));
        }
        let (shown, sequence) = (shown(&self.model, folder), own.sequence_number());
        let newer: BTreeSet<i32> = own.files_after(shown).filter_map(|f| f.partition).collect();
        let days: BTreeSet<i32> = own.live_files().filter(|f| f.records > 0).filter_map(|f| f.partition).collect();
        let folder = PathBuf::from(folder);
        let (engine, model, table) = (self.engine.clone(), self.model.clone(), self.table.clone());
        blocking(move || {
            let here: BTreeSet<Micros> = engine.mart_spans(&model)?.into_iter().map(day_of).collect();
            let missing = days.into_iter().filter(|day| !here.contains(&(Micros::from(*day) * DAY)));
            for day in missing.chain(newer.iter().copied()).collect::<BTreeSet<_>>() {
                let files: Vec<String> = own.files_in(day).map(|f| f.path.clone()).collect();
                let rows = table.read(files, None)?;
                engine.publish_mart(&model, &rows, &spans(model.span, Micros::from(day) * DAY))?;
            }
            show(&model, &folder, sequence);
            Ok(())
        })
        .await?;
        self.started = true;
        Ok(hours)
    }

    /// Spans held back by a failed check.
    pub fn held(&self) -> &BTreeSet<Micros> {
        &self.held
    }

    /// Leaves `hours` for a later [`MartTable::update`].
    pub fn postpone(&mut self, hours: &BTreeSet<Micros>) {
        self.waiting.extend(hours);
    }

    /// Computes what `hours` touch; DuckDB shows it when this returns.
    pub async fn update(&mut self, folds: &[FoldTable], hours: &BTreeSet<Micros>) -> Result<(), BuildError> {
        let floor = |hour: &Micros| match self.model.span {
            Transform::Hour => hour_of(*hour),
            Transform::Day => day_of(*hour),
        };
        let dirty: BTreeSet<Micros> = hours.iter().chain(&self.held).chain(&self.waiting).map(floor).collect();
        if dirty.is_empty() {
            return Ok(());
        }
        let wanted: BTreeSet<Micros> = dirty.iter().flat_map(|span| hours_in(self.model.span, *span)).collect();
        let mut inputs = Vec::new();
        for fold in folds.iter().filter(|fold| self.model.inputs.contains(&fold.model.name)) {
            inputs.push((fold.model.name.clone(), fold.rows(&wanted).await?));
        }
        let (engine, model, spans) = (self.engine.clone(), self.model.clone(), dirty.clone());
        let good = blocking(move || {
            let inputs: Vec<(&str, Input)> = inputs.iter().map(|(name, rows)| (name.as_str(), rows.clone())).collect();
            let rows = engine.run(&model, &inputs)?;
            if engine.checks(&model, &rows)?.iter().any(|failure| failure.severity == Severity::Error) {
                return Ok(false);
            }
            engine.publish_mart(&model, &rows, &spans.into_iter().collect::<Vec<_>>())?;
            Ok(true)
        })
        .await?;
        self.waiting.clear();
        if good {
            self.held = self.held.iter().copied().filter(|span| !dirty.contains(&floor(span))).collect();
            self.dirty.extend(dirty.into_iter().map(day_of));
        } else {
            tracing::warn!(model = self.model.name, "a check failed: what stands is kept");
            self.held.extend(dirty);
        }
        Ok(())
    }

    /// Writes the changed days to the lake in one commit, and as Parquet.
    pub async fn publish(&mut self, folds: &[FoldTable], folder: &Path) -> Result<(), BuildError> {
        let covers = |fold: &&FoldTable| self.model.inputs.contains(&fold.model.name);
        let mut next = self.seen.clone();
        for fold in folds.iter().filter(covers) {
            next.built.insert(fold.model.name.clone(), fold.told());
        }
        next.held.clone_from(&self.held);
        if self.dirty.is_empty() {
            return Ok(());
        }
        next.epoch += 1;
        let own = self.table.load().await?;
        let days = self.dirty.clone();
        let (engine, model, table) = (self.engine.clone(), self.model.clone(), self.table.clone());
        let files = blocking(move || {
            let rows = days.iter().map(|day| day_rows(&engine, &model, &table, *day)).collect::<Result<Vec<_>, _>>()?;
            let mut files = Vec::new();
            for rows in rows {
                files.extend(table.encode(&rows)?);
            }
            Ok(files)
        })
        .await?;
        crash::point("build.mart.encoded")?;
        let values = self.dirty.iter().map(|day| Transform::Day.value(*day));
        let change = Change::overwrite_partitions(values, own.sequence_number(), files)
            .set(next.properties())
            .summary("contrail.run_id", Uuid::now_v7().to_string())
            .summary("contrail.model_hash", self.model.hash.clone());
        let committed = self.table.commit(change, fence_on(self.seen.clone())).await?;
        crash::point("build.mart.committed")?;
        self.seen = next;
        let days = std::mem::take(&mut self.dirty);
        let (engine, model, folder) = (self.engine.clone(), self.model.clone(), PathBuf::from(folder));
        blocking(move || {
            show(&model, &folder, committed.sequence_number);
            engine.export_mart(&model, days, &folder)?;
            Ok(())
        })
        .await
    }
}

/// The sequence number of the lake's table that DuckDB has taken in; 0 when that is not known, and all is taken in anew.
fn shown(model: &Model, folder: &Path) -> i64 {
    let text = std::fs::read_to_string(shown_file(model, folder));
    text.ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn show(model: &Model, folder: &Path, sequence: i64) {
    let file = shown_file(model, folder);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, sequence.to_string()));
    if let Err(error) = written {
        tracing::warn!(file = %file.display(), %error, "the next start will take this mart in anew");
        let _ = std::fs::remove_file(file);
    }
}

/// Beside the mart's Parquet files.
fn shown_file(model: &Model, folder: &Path) -> PathBuf {
    folder.join(format!(".{}.shown", model.name))
}

/// All rows of one day as the table wants them.
fn day_rows(engine: &Engine, model: &Model, table: &LakeTable, day: Micros) -> Result<RecordBatch, BuildError> {
    let column = model.span_column.as_deref().unwrap_or("hour");
    let sql = format!("SELECT * FROM \"{}\" WHERE \"{column}\" >= ? AND \"{column}\" < ?", model.name);
    let rows = engine.query(&sql, &[Value::Time(day), Value::Time(day + DAY)])?;
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| Ok(cast(&rows[field.name().as_str()], field.data_type())?));
    Ok(RecordBatch::try_new(schema.clone(), columns.collect::<Result<_, BuildError>>()?)?)
}

fn spans(span: Transform, day: Micros) -> Vec<Micros> {
    match span {
        Transform::Hour => (0..24).map(|hour| day + hour * HOUR).collect(),
        Transform::Day => vec![day],
    }
}

fn hours_in(span: Transform, start: Micros) -> Vec<Micros> {
    match span {
        Transform::Hour => vec![start],
        Transform::Day => (0..24).map(|hour| start + hour * HOUR).collect(),
    }
}
