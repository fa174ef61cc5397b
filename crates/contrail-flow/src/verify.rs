//! Proof on the user's own data: each offset once and without a gap, each derived hour equal to its definition.
//!
//! Everything is read from the lake alone, each table at a version of its own and its input up to what that version
//! says is built, so it may run beside a node. Hours whose input has changed since are left out and counted.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use contrail_lake::{LakeTable, LiveFile, Version};
use contrail_model::{Engine, Input, Kind, Model, Project};
use contrail_types::time::{HOUR, hour_of, rfc3339};
use contrail_types::{Micros, Transform};
use serde::Serialize;

use crate::build::BuildError;
use crate::rules::deriving::{self, Progress};
use crate::rules::landing;

/// What was found of one table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub table: String,
    pub ok: bool,
    /// What was proved, or what is wrong, in words.
    pub text: String,
}

impl Finding {
    fn new(table: &str, ok: bool, text: String) -> Self {
        Self { table: table.into(), ok, text }
    }
}

/// Rows and dead letters together hold each offset once and without a gap, up to what the table says has landed.
pub async fn offsets(raw: &LakeTable, dead: &LakeTable, engine: &Engine) -> Result<Vec<Finding>, BuildError> {
    let letters = dead.load().await?;
    let version = raw.load().await?;
    let pins = (raw.pin(every(&version)), dead.pin(every(&letters)));
    let input = |version: &Version| Input::files(every(version).into_iter().map(PathBuf::from).collect());
    let landed = ("landed".to_owned(), Input::batch(landed(&version)?));
    let inputs = [(raw.name().to_owned(), input(&version)), (dead.name().to_owned(), input(&letters)), landed];
    let engine = engine.clone();
    let counted = tokio::task::spawn_blocking(move || {
        let _pins = pins;
        // Dead letters are committed first: those beyond what has landed wait for the rows beside them.
        let sql = "SELECT log_stream, log_partition, count(*)::BIGINT, count(DISTINCT log_offset)::BIGINT,
                          min(log_offset), max(log_offset)
                   FROM (SELECT log_stream, log_partition, log_offset FROM states_raw UNION ALL
                         SELECT log_stream, log_partition, log_offset
                         FROM dead_letters JOIN landed USING (log_stream, log_partition) WHERE log_offset < next)
                   GROUP BY ALL ORDER BY ALL";
        let inputs: Vec<(&str, Input)> = inputs.iter().map(|(name, input)| (name.as_str(), input.clone())).collect();
        engine.query_over(sql, &inputs, &[])
    })
    .await??;
    let number = |column: usize, row: usize| counted.column(column).as_primitive::<Int64Type>().value(row);
    let mut findings = Vec::new();
    for row in 0..counted.num_rows() {
        let stream = counted.column(0).as_string::<i32>().value(row);
        let partition = counted.column(1).as_primitive::<Int32Type>().value(row);
        let (rows, distinct, first, last) = (number(2, row), number(3, row), number(4, row), number(5, row));
        let said = landing::offsets(version.properties(), stream).unwrap_or_default();
        let next = said.get(&partition).copied().unwrap_or(0);
        let wrong = if rows != distinct {
            Some(format!("{} offsets stand twice", rows - distinct))
        } else if last - first + 1 != rows {
            Some(format!("{} offsets are missing", last - first + 1 - rows))
        } else if last + 1 < next {
            Some(format!("the table says {next} has landed, but its rows end at {last}"))
        } else if last + 1 > next {
            Some(format!("rows reach to {last}, but the table says that only {next} has landed"))
        } else {
            None
        };
        let good = format!("offsets {first} to {last} of {stream}, partition {partition}: each once, none missing");
        findings.push(Finding::new(raw.name(), wrong.is_none(), wrong.unwrap_or(good)));
    }
    if findings.is_empty() {
        findings.push(Finding::new(raw.name(), true, "nothing has landed yet".into()));
    }
    Ok(findings)
}

/// What the raw table says has landed, as rows.
fn landed(version: &Version) -> Result<RecordBatch, BuildError> {
    let (mut streams, mut partitions, mut next) = (Vec::new(), Vec::new(), Vec::new());
    for stream in landing::streams(version.properties()) {
        for (partition, offset) in landing::offsets(version.properties(), stream).unwrap_or_default() {
            streams.push(stream);
            partitions.push(partition);
            next.push(offset);
        }
    }
    Ok(RecordBatch::try_from_iter([
        ("log_stream", Arc::new(StringArray::from(streams)) as ArrayRef),
        ("log_partition", Arc::new(Int32Array::from(partitions))),
        ("next", Arc::new(Int64Array::from(next))),
    ])?)
}

/// Each hour of a model's table equals what its definition makes of the input that it says is built. `progress` hears
/// of each hour: how many are done, of how many.
pub async fn derived(
    model: &Model,
    table: &LakeTable,
    input: &LakeTable,
    engine: &Engine,
    mut progress: impl FnMut(usize, usize),
) -> Result<Finding, BuildError> {
    let own = table.load().await?;
    let says = Progress::read(own.properties())?;
    let built = says.covers(input.name());
    let source = input.load().await?;
    let hours: BTreeSet<Micros> =
        own.live_files().filter_map(|f| f.partition).map(|hour| Micros::from(hour) * HOUR).collect();
    let (mut equal, mut moved, mut rows) = (0, 0, 0);
    for (done, &hour) in hours.iter().enumerate() {
        progress(done, hours.len());
        let files: Vec<Arc<LiveFile>> = source.live_files().filter(|f| holds(model.kind, f, hour)).cloned().collect();
        let newer = files.iter().any(|file| file.data_sequence_number > built);
        // A fold's hour may have been overwritten in its input; raw rows are never overwritten, only added.
        if says.held.contains(&hour) || (newer && model.kind == Kind::Fold) {
            moved += 1;
            continue;
        }
        let files: Vec<String> =
            files.iter().filter(|f| f.data_sequence_number <= built).map(|f| f.path.clone()).collect();
        let stands: Vec<String> = own.files_in(Transform::Hour.value(hour)).map(|f| f.path.clone()).collect();
        let (count, different) = compare(model, table, input, engine, hour, files, stands).await?;
        if different > 0 {
            let text = format!("{}: {different} rows differ from what its definition gives", rfc3339(hour));
            return Ok(Finding::new(&model.name, false, text));
        }
        equal += 1;
        rows += count;
    }
    progress(hours.len(), hours.len());
    let left_out =
        if moved > 0 { format!("; {moved} hours are growing or held and were left out") } else { String::new() };
    Ok(Finding::new(&model.name, true, format!("{equal} hours, {rows} rows, equal to their definition{left_out}")))
}

/// Whether a file of the input can hold rows of an hour.
fn holds(kind: Kind, file: &LiveFile, hour: Micros) -> bool {
    let Some(partition) = file.partition.map(|p| Micros::from(p) * HOUR) else { return true };
    match kind {
        Kind::Append => {
            let inside = file.bounds("last_contact").is_none_or(|(low, high)| low < hour + HOUR && high >= hour);
            inside && deriving::raw_hours_of(hour).contains(&hour_of(partition)) && file.records > 0
        }
        _ => partition == hour,
    }
}

async fn compare(
    model: &Model,
    table: &LakeTable,
    input: &LakeTable,
    engine: &Engine,
    hour: Micros,
    files: Vec<String>,
    stands: Vec<String>,
) -> Result<(i64, i64), BuildError> {
    let pins = (input.pin(files.clone()), table.pin(stands.clone()));
    let (engine, model, table, name) = (engine.clone(), model.clone(), table.clone(), input.name().to_owned());
    tokio::task::spawn_blocking(move || {
        let _pins = pins;
        let files = files.into_iter().map(PathBuf::from).collect();
        let defined = only(&engine.run(&model, &[(&name, Input::files(files))])?, &model, hour)?;
        let stands = table.read(stands, None)?;
        let inputs = [("defined", Input::batch(defined)), ("stands", Input::batch(stands))];
        let sql = "SELECT (SELECT count(*) FROM stands)::BIGINT AS n,
                          ((SELECT count(*) FROM (SELECT * FROM defined EXCEPT ALL SELECT * FROM stands))
                         + (SELECT count(*) FROM (SELECT * FROM stands EXCEPT ALL SELECT * FROM defined)))::BIGINT AS d";
        let counts = engine.query_over(sql, &inputs, &[])?;
        let at = |column: usize| counts.column(column).as_primitive::<Int64Type>().value(0);
        Ok((at(0), at(1)))
    })
    .await?
}

/// The rows that belong to the hour.
fn only(rows: &RecordBatch, model: &Model, hour: Micros) -> Result<RecordBatch, BuildError> {
    let column = if model.kind == Kind::Append { "last_contact" } else { "hour" };
    let times = rows[column].as_primitive::<TimestampMicrosecondType>();
    let mask: BooleanArray = times.values().iter().map(|at| Some(hour_of(*at) == hour)).collect();
    Ok(filter_record_batch(rows, &mask)?)
}

fn every(version: &Version) -> Vec<String> {
    version.live_files().filter(|f| f.records > 0).map(|f| f.path.clone()).collect()
}

/// The models that [`derived`] can prove, with the name of their input.
pub fn provable(project: &Project) -> impl Iterator<Item = (&Model, &str)> {
    let kinds = [Kind::Append, Kind::Fold];
    project.models.iter().filter(move |m| kinds.contains(&m.kind)).map(|m| (m, m.inputs[0].as_str()))
}
