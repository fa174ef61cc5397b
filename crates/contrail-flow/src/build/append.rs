//! Append models (`states`): new raw rows are cleaned and added, one row a key, the least by a total order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use contrail_kit::crash;
use contrail_lake::{Change, EncodedFile, LakeTable, LiveFile, Version};
use contrail_model::project::Severity;
use contrail_model::{Engine, Model, winner};
use contrail_types::time::{HOUR, MINUTE, hour_of};
use contrail_types::{Micros, Transform};
use uuid::Uuid;

use super::recent::{KEY_COLUMNS, Keys, Known, Recent};
use super::{BuildError, Gone, blocking, fence_on, input};
use crate::rules::deriving::{self, Appended, Incoming, Order, Progress};
use crate::rules::mending;

/// Rows of raw input that one build takes at most, unless a single file has more: keeps memory flat while catching up.
const ROWS: u64 = 60_000;

/// What one build of an append model did.
pub struct Step {
    /// The table afterwards.
    pub version: Version,
    /// This build's own commit, if there was one.
    pub appended: Option<Appended>,
    /// The rows that were appended.
    pub delta: RecordBatch,
    /// Hours held back by a failed check.
    pub held: BTreeSet<Micros>,
    /// Whether there is more input than this build took.
    pub more: bool,
}

pub struct Append {
    pub model: Model,
    pub table: LakeTable,
    pub input: LakeTable,
    engine: Engine,
    recent: Recent,
    /// The own table's snapshot that `recent` knows.
    remembers: Option<i64>,
    /// Held hours are tried again when their input changes, and once after a start.
    tried_held: bool,
}

/// Incoming rows sorted out: what is added to hours that stay as they are, and hours that are written anew.
struct Sorted {
    appended: RecordBatch,
    rewritten: BTreeMap<Micros, RecordBatch>,
    held: BTreeSet<Micros>,
}

impl Append {
    pub fn new(model: Model, table: LakeTable, input: LakeTable, engine: Engine) -> Self {
        Self { model, table, input, engine, recent: Recent::default(), remembers: None, tried_held: false }
    }

    /// From this contact on it is known which rows are kept; what is older arrives rarely.
    pub fn reach(&self) -> Option<Micros> {
        self.recent.covers().filter(|covers| *covers > Micros::MIN)
    }

    /// Takes in what is new in the input; commits at most once.
    pub async fn step(&mut self) -> Result<Step, BuildError> {
        // The own table first, its inputs after it: an input loaded earlier could miss what the table says is built.
        let own = self.table.load().await?;
        let progress = Progress::read(own.properties())?;
        let input = self.input.load().await?;
        let covers = progress.covers(self.input.name());
        if deriving::is_stale(covers, input.sequence_number()) {
            return Err(BuildError::Stale(self.input.name().to_owned()));
        }
        let (new, upto) = take(&input, covers);
        let more = upto < input.sequence_number();
        let release = self.releasable(&progress, &new);
        if new.is_empty() && release.is_empty() {
            let delta = RecordBatch::new_empty(self.table.schema());
            return Ok(Step { version: own, appended: None, delta, held: progress.held, more: false });
        }
        if own.snapshot_id() != self.remembers {
            // Somebody else has committed: keys of theirs would pass for new ones.
            self.recent = Recent::default();
        }
        self.load_recent(&own).await?;
        let candidates = self.run(&new).await?;
        crash::point("build.append.computed")?;
        let mut sorted = self.sort_out(&own, &progress, candidates).await?;
        for hour in release {
            self.release(&input, hour, &mut sorted).await?;
        }
        self.tried_held = true;
        self.land(own, progress, upto, sorted, more).await
    }

    /// Held hours worth another try.
    fn releasable(&self, progress: &Progress, new: &[Arc<LiveFile>]) -> BTreeSet<Micros> {
        let touched: BTreeSet<Micros> = new.iter().flat_map(|file| touched(file)).collect();
        progress.held.iter().copied().filter(|hour| !self.tried_held || touched.contains(hour)).collect()
    }

    async fn run(&self, files: &[Arc<LiveFile>]) -> Result<RecordBatch, BuildError> {
        let (engine, model, name) = (self.engine.clone(), self.model.clone(), self.input.name().to_owned());
        let input = input(&self.input, files).await?;
        blocking(move || engine.run(&model, &[(&name, input)]).map_err(BuildError::from)).await
    }

    /// After a start: the keys of the last minutes, from the files that can hold them.
    async fn load_recent(&mut self, own: &Version) -> Result<(), BuildError> {
        if self.recent.covers().is_some() {
            return Ok(());
        }
        let newest = own.live_files().filter_map(|f| f.bounds("last_contact")).map(|(_, upper)| upper).max();
        let Some(newest) = newest else {
            self.recent = Recent::covering(Micros::MIN);
            return Ok(());
        };
        let reach = Recent::reach(newest);
        let recent = |f: &&Arc<LiveFile>| f.bounds("last_contact").is_none_or(|(_, upper)| upper >= reach);
        let files: Vec<String> = own.live_files().filter(recent).map(|f| f.path.clone()).collect();
        let rows = self.keys_in(files).await?;
        let contacts = rows["last_contact"].as_primitive::<TimestampMicrosecondType>();
        let rows = filter_record_batch(&rows, &contacts.values().iter().map(|at| Some(*at >= reach)).collect())?;
        let mut loaded = Recent::covering(reach);
        loaded.insert(&Keys::of(&rows));
        tracing::debug!(keys = loaded.size(), "recent keys loaded");
        self.recent = loaded;
        Ok(())
    }

    async fn keys_in(&self, files: Vec<String>) -> Result<RecordBatch, BuildError> {
        let table = self.table.clone();
        blocking(move || Ok(table.read(files, Some(&KEY_COLUMNS))?)).await
    }

    /// Which rows are new, which hours must be written anew because a kept row is beaten, which are held.
    async fn sort_out(
        &mut self,
        own: &Version,
        progress: &Progress,
        candidates: RecordBatch,
    ) -> Result<Sorted, BuildError> {
        let asked = self.ask_files(own, &candidates).await?;
        let keys = Keys::of(&candidates);
        let mut beaten = BTreeSet::new();
        let mut keep = Vec::with_capacity(keys.rows());
        for row in 0..keys.rows() {
            let (key, order) = (keys.key(row), keys.order(row));
            let kept = match self.recent.look(&key) {
                Known::Kept(kept) => Some(kept),
                Known::New => None,
                Known::Ask => asked.get(&key).map(Owned::order),
            };
            let hour = hour_of(key.1);
            let held = progress.held.contains(&hour);
            match deriving::incoming(&order, kept.as_ref()) {
                Incoming::Append => keep.push(!held),
                Incoming::Drop => keep.push(false),
                Incoming::Beats => {
                    beaten.insert(hour);
                    keep.push(!held);
                }
            }
        }
        let rows = filter_record_batch(&candidates, &BooleanArray::from(keep))?;
        let mut held = progress.held.clone();
        held.extend(self.failing_hours(&rows).await?);
        let rows = if held == progress.held { rows } else { by_hour(&rows, |hour| !held.contains(&hour))? };
        let mut rewritten = BTreeMap::new();
        for hour in beaten.into_iter().filter(|hour| !held.contains(hour)) {
            rewritten.insert(hour, self.merged(own, hour, &by_hour(&rows, |h| h == hour)?).await?);
        }
        let appended = if rewritten.is_empty() { rows } else { by_hour(&rows, |hour| !rewritten.contains_key(&hour))? };
        Ok(Sorted { appended, rewritten, held })
    }

    /// Kept keys among the candidates' that memory has no opinion of.
    async fn ask_files(
        &mut self,
        own: &Version,
        candidates: &RecordBatch,
    ) -> Result<HashMap<super::recent::Key, Owned>, BuildError> {
        let keys = Keys::of(candidates);
        let mut wanted: BTreeMap<Micros, BTreeSet<super::recent::Key>> = BTreeMap::new();
        for row in 0..keys.rows() {
            let key = keys.key(row);
            if self.recent.look(&key) == Known::Ask {
                wanted.entry(hour_of(key.1)).or_default().insert(key);
            }
        }
        let mut asked = HashMap::new();
        for (hour, wanted) in wanted {
            let files: Vec<String> = own.files_in(Transform::Hour.value(hour)).map(|f| f.path.clone()).collect();
            if files.is_empty() {
                continue;
            }
            let rows = self.keys_in(files).await?;
            let keys = Keys::of(&rows);
            let found = (0..keys.rows()).filter(|&row| wanted.contains(&keys.key(row)));
            asked.extend(found.map(|row| (keys.key(row), Owned::from(keys.order(row)))));
        }
        Ok(asked)
    }

    /// An hour's kept rows with the incoming ones, the winner of each key.
    async fn merged(&self, own: &Version, hour: Micros, incoming: &RecordBatch) -> Result<RecordBatch, BuildError> {
        let files: Vec<String> = own.files_in(Transform::Hour.value(hour)).map(|f| f.path.clone()).collect();
        let (table, model, incoming) = (self.table.clone(), self.model.clone(), incoming.clone());
        blocking(move || Ok(winner::winners(&model, &[table.read(files, None)?, incoming])?)).await
    }

    /// Hours of `rows` that fail an error check.
    async fn failing_hours(&self, rows: &RecordBatch) -> Result<BTreeSet<Micros>, BuildError> {
        let (engine, model, rows) = (self.engine.clone(), self.model.clone(), rows.clone());
        blocking(move || {
            if !fails(&engine, &model, &rows)? {
                return Ok(BTreeSet::new());
            }
            let mut failing = BTreeSet::new();
            for hour in hours(&rows) {
                if fails(&engine, &model, &by_hour(&rows, |h| h == hour)?)? {
                    failing.insert(hour);
                }
            }
            Ok(failing)
        })
        .await
    }

    /// A held hour computed from all of its raw rows; it is written anew once its checks pass.
    async fn release(&self, input: &Version, hour: Micros, sorted: &mut Sorted) -> Result<(), BuildError> {
        let files: Vec<Arc<LiveFile>> = input.live_files().filter(|file| may_hold(file, hour)).cloned().collect();
        let rows = by_hour(&self.run(&files).await?, |h| h == hour)?;
        if self.failing_hours(&rows).await?.is_empty() {
            sorted.held.remove(&hour);
            sorted.rewritten.insert(hour, rows);
        }
        Ok(())
    }

    async fn land(
        &mut self,
        own: Version,
        progress: Progress,
        upto: i64,
        sorted: Sorted,
        more: bool,
    ) -> Result<Step, BuildError> {
        let overwrote = !sorted.rewritten.is_empty();
        let files = self.encode(&sorted).await?;
        crash::point("build.append.encoded")?;
        let mut next = progress.clone();
        next.built.insert(self.input.name().to_owned(), upto);
        next.held = sorted.held;
        next.epoch += u64::from(overwrote);
        let change = if overwrote {
            let hours = sorted.rewritten.keys().map(|hour| Transform::Hour.value(*hour));
            Change::overwrite_partitions(hours, own.sequence_number(), files)
        } else {
            Change::append(files)
        };
        let change = change
            .set(next.properties())
            .summary("contrail.run_id", Uuid::now_v7().to_string())
            .summary("contrail.model_hash", self.model.hash.clone());
        let committed = self.table.commit(change, fence_on(progress)).await?;
        crash::point("build.append.committed")?;
        self.remember(&sorted.appended, sorted.rewritten.values());
        self.remembers = Some(committed.snapshot_id);
        let appended = Appended { parent: own.snapshot_id(), snapshot: committed.snapshot_id, overwrote };
        // Somebody else's commit may have come between our load and our landing: then ours is not the next after it.
        let parent =
            committed.version.metadata().snapshot_by_id(committed.snapshot_id).and_then(|s| s.parent_snapshot_id());
        let appended = Some(Appended { parent, ..appended });
        Ok(Step { version: committed.version, appended, delta: sorted.appended, held: next.held, more })
    }

    async fn encode(&self, sorted: &Sorted) -> Result<Vec<EncodedFile>, BuildError> {
        let (table, appended) = (self.table.clone(), sorted.appended.clone());
        let rewritten: Vec<RecordBatch> = sorted.rewritten.values().cloned().collect();
        blocking(move || {
            let mut files = table.encode(&appended)?;
            for hour in rewritten {
                files.extend(table.encode(&hour)?);
            }
            Ok(files)
        })
        .await
    }

    fn remember<'a>(&mut self, appended: &'a RecordBatch, rewritten: impl Iterator<Item = &'a RecordBatch>) {
        let mut newest = Micros::MIN;
        for rows in std::iter::once(appended).chain(rewritten) {
            let keys = Keys::of(rows);
            newest = (0..keys.rows()).map(|row| keys.key(row).1).fold(newest, Micros::max);
            self.recent.insert(&keys);
        }
        if newest > Micros::MIN {
            self.recent.advance(newest);
        }
    }

    /// Writes hours anew from all of their raw input, on command.
    pub async fn rebuild(&mut self, hours: &BTreeSet<Micros>) -> Result<u64, BuildError> {
        let own = self.table.load().await?;
        let progress = Progress::read(own.properties())?;
        let input = self.input.load().await?;
        let horizon = input.property("contrail.horizon").and_then(|h| h.parse().ok());
        if let Some(hour) = hours.iter().find(|hour| deriving::before_horizon(**hour, MINUTE, horizon)) {
            return Err(BuildError::NotAgain { table: self.input.name().into(), hour: *hour, gone: Gone::Expired });
        }
        let gone = mending::incomplete(input.properties());
        if let Some(hour) = hours.iter().find(|hour| mending::lacks(&gone, **hour..=**hour + HOUR - 1, true)) {
            return Err(BuildError::NotAgain { table: self.input.name().into(), hour: *hour, gone: Gone::Lost });
        }
        let mut sorted = Sorted {
            appended: RecordBatch::new_empty(self.table.schema()),
            rewritten: BTreeMap::new(),
            held: progress.held.clone(),
        };
        for hour in hours {
            sorted.held.insert(*hour);
            self.release(&input, *hour, &mut sorted).await?;
        }
        let rows = sorted.rewritten.values().map(|rows| rows.num_rows() as u64).sum();
        let files = self.encode(&sorted).await?;
        let mut next = progress.clone();
        next.held = sorted.held;
        next.epoch += 1;
        let values = sorted.rewritten.keys().map(|hour| Transform::Hour.value(*hour));
        let built = progress.clone();
        let (read_at, touched) = (own.sequence_number(), hours.clone());
        let change = Change::overwrite_partitions(values, read_at, files).set_from(move |now| {
            // What a running build has consumed meanwhile stays said.
            let built = Progress::read(now.properties()).map(|p| p.built).unwrap_or_else(|_| next.built.clone());
            Progress { built, ..next.clone() }.properties()
        });
        self.table.commit(change, move |now| super::manual_fence_on(&built, now, &touched, read_at)).await?;
        self.recent = Recent::default();
        Ok(rows)
    }
}

/// An [`Order`] that owns its stream.
struct Owned {
    order: Order<()>,
    stream: String,
}

impl From<Order<&str>> for Owned {
    fn from(o: Order<&str>) -> Self {
        let order = Order { fetched_at: o.fetched_at, stream: (), partition: o.partition, offset: o.offset };
        Self { order, stream: o.stream.to_owned() }
    }
}

impl Owned {
    fn order(&self) -> Order<&str> {
        let o = &self.order;
        Order { fetched_at: o.fetched_at, stream: &self.stream, partition: o.partition, offset: o.offset }
    }
}

/// New files in commit order, whole commits, up to [`ROWS`] rows; and the sequence number that they cover.
fn take(input: &Version, covers: i64) -> (Vec<Arc<LiveFile>>, i64) {
    let mut new: Vec<Arc<LiveFile>> = input.files_after(covers).cloned().collect();
    new.sort_by_key(|file| file.data_sequence_number);
    let (mut rows, mut upto) = (0, input.sequence_number());
    for (i, file) in new.iter().enumerate() {
        let next_commit = i > 0 && new[i - 1].data_sequence_number < file.data_sequence_number;
        if next_commit && rows + file.records > ROWS {
            upto = new[i - 1].data_sequence_number;
            break;
        }
        rows += file.records;
    }
    new.retain(|file| file.data_sequence_number <= upto);
    (new, upto)
}

/// Whether a raw file may hold rows of an hour of `states`.
pub(crate) fn may_hold(file: &LiveFile, hour: Micros) -> bool {
    let inside = file.bounds("last_contact").is_none_or(|(low, high)| low < hour + HOUR && high >= hour);
    inside && file.partition.is_none_or(|p| deriving::raw_hours_of(hour).contains(&(Micros::from(p) * HOUR)))
}

/// The hours of `states` that a raw file may touch, from its bounds.
pub(crate) fn touched(file: &LiveFile) -> BTreeSet<Micros> {
    let answers = file
        .bounds("answer_time")
        .or_else(|| file.partition.map(|p| (Micros::from(p) * HOUR, (Micros::from(p) + 1) * HOUR - 1)));
    match (file.bounds("last_contact"), answers) {
        (Some((first, last)), Some((from, to))) => deriving::touched_hours(first..=last, from..=to),
        (None, Some((from, to))) => deriving::touched_hours(Micros::MIN / 2..=Micros::MAX / 2, from..=to),
        (_, None) => BTreeSet::new(),
    }
}

fn fails(engine: &Engine, model: &Model, rows: &RecordBatch) -> Result<bool, BuildError> {
    let failures = engine.checks(model, rows)?;
    for failure in &failures {
        tracing::warn!(model = model.name, check = failure.check, rows = failure.rows, "a check found rows");
    }
    Ok(failures.iter().any(|failure| failure.severity == Severity::Error))
}

fn contacts(rows: &RecordBatch) -> &arrow::array::PrimitiveArray<TimestampMicrosecondType> {
    rows["last_contact"].as_primitive()
}

fn hours(rows: &RecordBatch) -> BTreeSet<Micros> {
    contacts(rows).values().iter().map(|at| hour_of(*at)).collect()
}

fn by_hour(rows: &RecordBatch, keep: impl Fn(Micros) -> bool) -> Result<RecordBatch, BuildError> {
    let mask: BooleanArray = contacts(rows).values().iter().map(|at| Some(keep(hour_of(*at)))).collect();
    Ok(filter_record_batch(rows, &mask)?)
}
