//! Proof on the user's own data: each offset once and without a gap, each derived hour equal to its definition and none
//! missing.
//!
//! Everything is read from the lake alone, each table at a version of its own and its input up to what that version
//! says is built, so it may run beside a node. Hours whose input has changed since are left out and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use contrail_lake::{LakeTable, LiveFile, Version};
use contrail_model::{Engine, Input, Kind, Model, Project};
use contrail_types::time::{DAY, HOUR, MINUTE, rfc3339};
use contrail_types::{Micros, Transform};
use serde::Serialize;

use crate::build::append::{may_hold, touched};
use crate::build::{BuildError, input};
use crate::letters;
use crate::rules::deriving::{self, Progress};
use crate::rules::{Properties, landing, mending};

/// Said of a table whose rows are not those that its files hold.
const DELETED: &str = "another engine has written row-level deletes, which contrail does not apply: rewrite the files there \
                       (Spark: CALL system.rewrite_data_files with delete-file-threshold = 1)";

/// Offsets that are told apart at once; three columns of as many rows.
const AT_ONCE: i64 = 1 << 21;

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

/// A table, some of its files, and what it says of itself.
pub(crate) type Side<'a> = (&'a LakeTable, &'a [Arc<LiveFile>], &'a Properties);

/// Offsets of one partition of a log that stand in rows and dead letters.
pub(crate) struct Count {
    pub stream: String,
    pub partition: i32,
    pub rows: i64,
    pub distinct: i64,
    pub first: i64,
    pub last: i64,
}

/// What the tables say of offsets of one partition that are not there.
#[derive(Default)]
pub(crate) struct Accounts {
    /// Without a message, given up, or purged.
    pub holes: i64,
    /// Taken by retention.
    pub gone: i64,
    /// Lost with files.
    pub lost: i64,
    /// The first of those that were there once.
    pub first: Option<i64>,
}

impl Accounts {
    pub fn of(raw: &Properties, dead: &Properties, stream: &str, partition: i32) -> Self {
        let holes = landing::holes(raw, stream).unwrap_or_default();
        let purged = landing::purged(dead, stream).unwrap_or_default();
        let holes = [holes, purged].iter().filter_map(|count| count.get(&partition)).sum();
        let expired = landing::expired(raw, stream).unwrap_or_default().remove(&partition);
        let lost = [raw, dead].map(|of| mending::lost(of, stream).unwrap_or_default().remove(&partition));
        let first = [expired].iter().chain(&lost).flatten().map(|gone| gone.first).min();
        let lost = lost.iter().flatten().map(|lost| lost.rows).sum();
        Self { holes, gone: expired.map_or(0, |expired| expired.rows), lost, first }
    }
}

/// Counts the offsets that stand in rows and dead letters, some at a time: a year of them fits into no memory.
pub(crate) async fn count(raw: Side<'_>, dead: Side<'_>, engine: &Engine) -> Result<Vec<Count>, BuildError> {
    let (landed, replayed) = (Input::batch(landed(raw.2)?), Input::batch(replayed(raw.2)?));
    let mut counts: BTreeMap<(String, i32), Count> = BTreeMap::new();
    for span in spans(raw.1.iter().chain(dead.1)) {
        let within = |file: &&Arc<LiveFile>| {
            file.bounds("log_offset").is_none_or(|(first, last)| first < span.end && last >= span.start)
        };
        let rows = input(raw.0, raw.1.iter().filter(within)).await?;
        let letters = input(dead.0, dead.1.iter().filter(within)).await?;
        let engine = engine.clone();
        let inputs = [
            (raw.0.name().to_owned(), rows),
            (dead.0.name().to_owned(), letters),
            ("landed".to_owned(), landed.clone()),
            ("replayed".to_owned(), replayed.clone()),
        ];
        let counted = tokio::task::spawn_blocking(move || {
            let inputs: Vec<(&str, Input)> =
                inputs.iter().map(|(name, input)| (name.as_str(), input.clone())).collect();
            engine.query_over(&counting(&span), &inputs, &[])
        })
        .await??;
        let number = |column: usize, row: usize| counted.column(column).as_primitive::<Int64Type>().value(row);
        for row in 0..counted.num_rows() {
            let stream = counted.column(0).as_string::<i32>().value(row).to_owned();
            let partition = counted.column(1).as_primitive::<Int32Type>().value(row);
            let (rows, distinct, first, last) = (number(2, row), number(3, row), number(4, row), number(5, row));
            let none = Count { stream: stream.clone(), partition, rows: 0, distinct: 0, first, last };
            let count = counts.entry((stream, partition)).or_insert(none);
            count.rows += rows;
            count.distinct += distinct;
            (count.first, count.last) = (count.first.min(first), count.last.max(last));
        }
    }
    Ok(counts.into_values().collect())
}

/// Spans of offsets that lie in files, each small enough to be told apart at once; one of all where a file does not say.
fn spans<'a>(files: impl Iterator<Item = &'a Arc<LiveFile>>) -> Vec<Range<i64>> {
    let bounds: Option<Vec<(i64, i64)>> = files.map(|file| file.bounds("log_offset")).collect();
    let Some(bounds) = bounds else { return std::iter::once(i64::MIN..i64::MAX).collect() };
    let pieces = |(first, last): (i64, i64)| first.div_euclid(AT_ONCE)..=last.div_euclid(AT_ONCE);
    let pieces: BTreeSet<i64> = bounds.into_iter().flat_map(pieces).collect();
    pieces.into_iter().map(|piece| piece * AT_ONCE..(piece + 1) * AT_ONCE).collect()
}

/// Dead letters are committed first: those beyond what has landed wait for the rows beside them.
fn counting(span: &Range<i64>) -> String {
    let Range { start, end } = span;
    format!(
        "SELECT log_stream, log_partition, count(*)::BIGINT, count(DISTINCT log_offset)::BIGINT,
                min(log_offset), max(log_offset)
         FROM (SELECT log_stream, log_partition, log_offset FROM states_raw UNION ALL
               SELECT log_stream, log_partition, log_offset
               FROM dead_letters JOIN landed USING (log_stream, log_partition)
               WHERE log_offset < next AND NOT EXISTS (
                   SELECT 1 FROM replayed
                   WHERE replayed.log_stream = dead_letters.log_stream
                     AND replayed.log_partition = dead_letters.log_partition
                     AND log_offset >= first_offset AND log_offset < end_offset))
         WHERE log_offset >= {start} AND log_offset < {end}
         GROUP BY ALL"
    )
}

/// Rows and dead letters together hold each offset once and without a gap, up to what the table says has landed.
pub async fn offsets(raw: &LakeTable, dead: &LakeTable, engine: &Engine) -> Result<Vec<Finding>, BuildError> {
    let dead_version = dead.load().await?;
    let version = raw.load().await?;
    let (rows, letters): (Vec<_>, Vec<_>) =
        (every(&version).cloned().collect(), every(&dead_version).cloned().collect());
    let (says, dead_says) = (version.properties(), dead_version.properties());
    let deleted = [(raw, &version), (dead, &dead_version)].into_iter();
    let deleted = deleted.filter(|(_, version)| version.has_foreign_deletes());
    let mut findings: Vec<_> = deleted.map(|(table, _)| Finding::new(table.name(), false, DELETED.into())).collect();
    for found in count((raw, &rows, says), (dead, &letters, dead_says), engine).await? {
        let Count { stream, partition, rows, distinct, first, last } = found;
        let next = landing::offsets(says, &stream).unwrap_or_default().get(&partition).copied().unwrap_or(0);
        // What retention has taken, and what is lost, was there once, from its first offset on.
        let accounts = Accounts::of(says, dead_says, &stream, partition);
        let (holes, gone) = (accounts.holes, accounts.gone + accounts.lost);
        let begun = accounts.first.map_or(first, |said| said.min(first));
        let wrong = if rows != distinct {
            Some(format!("{} offsets stand twice", rows - distinct))
        } else if last - begun + 1 - rows - gone > holes {
            Some(format!("{} offsets are missing", last - begun + 1 - rows - gone - holes))
        } else if next - begun - rows - gone > holes {
            Some(format!("the table says {next} has landed, but its rows end at {last}"))
        } else if last + 1 > next {
            Some(format!("rows reach to {last}, but the table says that only {next} has landed"))
        } else {
            None
        };
        let but =
            if holes > 0 { format!(" but {holes} that never had a message, or were given up") } else { String::new() };
        let over = match accounts.gone {
            0 => String::new(),
            n => format!("; {n} more have outlived their time"),
        };
        let lost = match accounts.lost {
            0 => String::new(),
            n => format!("; {n} more are lost with files that are gone"),
        };
        let good = format!(
            "offsets {first} to {last} of {stream}, partition {partition}: each once, none missing{but}{over}{lost}"
        );
        findings.push(Finding::new(raw.name(), wrong.is_none(), wrong.unwrap_or(good)));
    }
    if findings.is_empty() {
        findings.push(Finding::new(raw.name(), true, "nothing has landed yet".into()));
    }
    Ok(findings)
}

/// What the raw table says has been replayed of dead letters, as rows.
fn replayed(says: &Properties) -> Result<RecordBatch, BuildError> {
    let spans = letters::replayed_spans(says).unwrap_or_default();
    let number = |of: fn(&Range<i64>) -> i64| spans.iter().map(|(_, _, span)| of(span)).collect::<Vec<_>>();
    Ok(RecordBatch::try_from_iter([
        ("log_stream", Arc::new(StringArray::from_iter_values(spans.iter().map(|(s, ..)| s))) as ArrayRef),
        ("log_partition", Arc::new(Int32Array::from_iter_values(spans.iter().map(|(_, p, _)| *p)))),
        ("first_offset", Arc::new(Int64Array::from(number(|span| span.start)))),
        ("end_offset", Arc::new(Int64Array::from(number(|span| span.end)))),
    ])?)
}

/// What the raw table says has landed, as rows.
fn landed(says: &Properties) -> Result<RecordBatch, BuildError> {
    let (mut streams, mut partitions, mut next) = (Vec::new(), Vec::new(), Vec::new());
    for stream in landing::streams(says) {
        for (partition, offset) in landing::offsets(says, stream).unwrap_or_default() {
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

/// Each hour (of a mart: day) of a model's table equals what its definition makes of the inputs that it says are built,
/// and none is missing. `progress` hears of each: how many are done, of how many.
pub async fn derived(
    model: &Model,
    table: &LakeTable,
    inputs: &[LakeTable],
    engine: &Engine,
    mut progress: impl FnMut(usize, usize),
) -> Result<Finding, BuildError> {
    let own = table.load().await?;
    if own.has_foreign_deletes() {
        return Ok(Finding::new(&model.name, false, DELETED.into()));
    }
    let says = Progress::read(own.properties())?;
    let unit = Unit::of(model.kind);
    let mut sources = Vec::new();
    for table in inputs {
        sources.push(Source { table, version: table.load().await?, built: says.covers(table.name()) });
    }
    let stands = own.live_files().flat_map(|f| f.units()).map(|value| Micros::from(value) * unit.length);
    let spans: BTreeSet<Micros> = stands.chain(sources.iter().flat_map(|source| source.spans(&unit))).collect();
    let (mut equal, mut left_out, mut rows) = (0, 0, 0);
    for (done, &span) in spans.iter().enumerate() {
        progress(done, spans.len());
        let held = says.held.range(span..span + unit.length).next().is_some();
        if held || sources.iter().any(|source| !source.can_prove(&unit, span)) {
            left_out += 1;
            continue;
        }
        let (count, different) = compare(model, table, &own, &sources, engine, &unit, span).await?;
        if different > 0 {
            let text = format!("{}: {different} rows differ from what its definition gives", rfc3339(span));
            return Ok(Finding::new(&model.name, false, text));
        }
        equal += u64::from(count > 0);
        rows += count;
    }
    progress(spans.len(), spans.len());
    let left_out = match left_out {
        0 => String::new(),
        n => format!("; left out {n} {} that grow, are held, or lie beyond what is kept or left", unit.name),
    };
    Ok(Finding::new(
        &model.name,
        true,
        format!("{equal} {}, {rows} rows, equal to their definition{left_out}", unit.name),
    ))
}

/// What is compared at once: one partition of the table.
struct Unit {
    kind: Kind,
    by: Transform,
    length: Micros,
    name: &'static str,
}

impl Unit {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Partition => Self { kind, by: Transform::Day, length: DAY, name: "days" },
            _ => Self { kind, by: Transform::Hour, length: HOUR, name: "hours" },
        }
    }
}

/// An input of a model, and up to where the model's table says that it is built.
struct Source<'a> {
    table: &'a LakeTable,
    version: Version,
    built: i64,
}

impl Source<'_> {
    fn built_files(&self) -> impl Iterator<Item = &Arc<LiveFile>> {
        self.version.live_files().filter(|file| file.data_sequence_number <= self.built && file.records > 0)
    }

    /// Spans that this input gives rows to, or may.
    fn spans(&self, unit: &Unit) -> BTreeSet<Micros> {
        let hours: BTreeSet<Micros> = match unit.kind {
            Kind::Append => self.built_files().flat_map(|file| touched(file)).collect(),
            _ => self.built_files().flat_map(|f| f.units()).map(|hour| Micros::from(hour) * HOUR).collect(),
        };
        hours.into_iter().map(|hour| hour.div_euclid(unit.length) * unit.length).collect()
    }

    /// Whether a file can hold rows of a span.
    fn holds(unit: &Unit, file: &LiveFile, span: Micros) -> bool {
        match unit.kind {
            Kind::Append => may_hold(file, span),
            _ => file.partition.is_none_or(|p| (span..span + unit.length).contains(&(Micros::from(p) * HOUR))),
        }
    }

    /// Rows of raw are only ever added, so what was built can be told from what came later; an hour of any other table
    /// may have been overwritten since. What is older than the horizon is not all there any more.
    fn can_prove(&self, unit: &Unit, span: Micros) -> bool {
        let lag = if unit.kind == Kind::Append { MINUTE } else { 0 };
        let horizon = self.version.property("contrail.horizon").and_then(|h| h.parse().ok());
        let mut files = self.version.live_files().filter(|file| Self::holds(unit, file, span));
        let newer = files.any(|file| file.data_sequence_number > self.built);
        let raw = unit.kind == Kind::Append;
        let gone = mending::incomplete(self.version.properties());
        let lacks = mending::lacks(&gone, span..=span + unit.length - 1, raw);
        !deriving::before_horizon(span, lag, horizon) && !lacks && (raw || !newer)
    }

    fn files(&self, unit: &Unit, span: Micros) -> impl Iterator<Item = &Arc<LiveFile>> {
        self.built_files().filter(move |file| Self::holds(unit, file, span))
    }
}

/// How many rows stand in a span, and how many are too many or too few.
async fn compare(
    model: &Model,
    table: &LakeTable,
    own: &Version,
    sources: &[Source<'_>],
    engine: &Engine,
    unit: &Unit,
    span: Micros,
) -> Result<(i64, i64), BuildError> {
    let stands: Vec<String> = own.files_in(unit.by.value(span)).map(|f| f.path.clone()).collect();
    let pin = table.pin(stands.clone());
    let mut inputs = Vec::new();
    for source in sources {
        let rows = input(source.table, source.files(unit, span)).await?;
        inputs.push((source.table.name().to_owned(), rows));
    }
    let (engine, model, table, length) = (engine.clone(), model.clone(), table.clone(), unit.length);
    tokio::task::spawn_blocking(move || {
        let _pin = pin;
        let inputs: Vec<(&str, Input)> = inputs.iter().map(|(name, input)| (name.as_str(), input.clone())).collect();
        let defined = only(&engine.run(&model, &inputs)?, &model, span..span + length)?;
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

/// The rows that belong to the span.
fn only(rows: &RecordBatch, model: &Model, span: Range<Micros>) -> Result<RecordBatch, BuildError> {
    let column = model.span_column.as_deref().unwrap_or("last_contact");
    let times = rows[column].as_primitive::<TimestampMicrosecondType>();
    let mask: BooleanArray = times.values().iter().map(|at| Some(span.contains(at))).collect();
    Ok(filter_record_batch(rows, &mask)?)
}

fn every(version: &Version) -> impl Iterator<Item = &Arc<LiveFile>> {
    version.live_files().filter(|f| f.records > 0)
}

/// The models that have a table, which [`derived`] can prove.
pub fn provable(project: &Project) -> impl Iterator<Item = &Model> {
    project.models.iter().filter(|model| model.kind != Kind::View)
}
