//! A table that has lost files becomes readable again, and its rows come back where something still has them.
//!
//! Hours of derived tables are marked as held, so that the builder computes them again from all their input; what no input
//! has any more is named as incomplete. Rows of `states_raw` and dead letters cannot be made again: the offsets that went
//! with their files are counted, so that [`crate::verify`] says what is gone instead of failing for ever.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use contrail_kit::{Class, Classified};
use contrail_lake::repair::Look;
use contrail_lake::{Damage, Lake, LakeTable, LiveFile, Repair, RepairError};
use contrail_model::{Engine, Kind, Model, Project};
use contrail_types::time::{DAY, HOUR, MINUTE};
use contrail_types::{Micros, Transform, state};
use serde::Serialize;

use crate::build::append::may_hold;
use crate::build::{BuildError, raw_tables};
use crate::maintain::plan::name;
use crate::rules::Properties;
use crate::rules::deriving::{self, Moved, Progress};
use crate::rules::landing::{Expired, Refused};
use crate::rules::mending::{self, attribute};
use crate::verify;

#[derive(Debug, thiserror::Error)]
pub enum MendError {
    #[error("there is no table {0}; `contrail tables` lists them")]
    NoTable(String),
    #[error(transparent)]
    Repair(#[from] RepairError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Progress(#[from] Moved),
    #[error(transparent)]
    Offsets(#[from] Refused),
}

impl Classified for MendError {
    fn class(&self) -> Class {
        match self {
            Self::Repair(error) => error.class(),
            Self::Build(error) => error.class(),
            Self::NoTable(_) | Self::Progress(_) | Self::Offsets(_) => Class::USER,
        }
    }
}

impl From<contrail_lake::LakeError> for MendError {
    fn from(error: contrail_lake::LakeError) -> Self {
        Self::Repair(error.into())
    }
}

/// What became of a table, or would.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Mended {
    #[serde(flatten)]
    pub damage: Damage,
    /// Hours, of marts days, that the builder computes again from their input.
    pub built_again: Vec<String>,
    /// Hours or days whose rows are gone for good.
    pub gone: Vec<String>,
    /// Offsets that are gone, by stream and partition of the log.
    pub offsets: BTreeMap<String, BTreeMap<i32, Expired>>,
    /// Rows that are gone and that no missing offset explains.
    pub unexplained: i64,
    pub done: bool,
}

/// What repairing works with. No role may run on the tables.
pub struct Mender {
    pub lake: Lake,
    pub project: Arc<Project>,
    pub engine: Engine,
    /// Reads every row of every file.
    pub deep: bool,
}

impl Mender {
    /// Names of the tables, each behind those it is made from.
    pub async fn tables(&self) -> Result<Vec<String>, MendError> {
        let there = self.lake.tables().await?;
        let raw = [state::STATES_RAW.to_owned(), state::DEAD_LETTERS.to_owned()];
        let models =
            self.project.models.iter().filter(|model| model.kind != Kind::View).map(|model| model.name.clone());
        Ok(raw.into_iter().chain(models).filter(|name| there.contains(name)).collect())
    }

    /// Looks at one table, and makes it readable unless `dry`.
    pub async fn mend(
        &self,
        table: &str,
        dry: bool,
        looked: impl Fn(usize, usize) + Send + Sync,
    ) -> Result<Mended, MendError> {
        let model = self.project.get(table).filter(|model| model.kind != Kind::View);
        let (def, grown) = match (model, table) {
            (Some(model), _) => (model.def.clone(), false),
            (None, state::STATES_RAW) => (state::raw_table(), true),
            (None, state::DEAD_LETTERS) => (state::dead_letters_table(), false),
            (None, _) => return Err(MendError::NoTable(table.to_owned())),
        };
        let look = match (model, table) {
            (Some(_), _) => Look { progress: &["contrail.built.", "contrail.held"], exact: false, deep: self.deep },
            (None, state::STATES_RAW) => Look { progress: &["contrail.offsets."], exact: true, deep: self.deep },
            // Landing counts on the letters that it has written: how far they are never goes back.
            (None, _) => Look { progress: &[], exact: true, deep: self.deep },
        };
        let repair = self.lake.examine(&def, grown, look, looked).await?;
        let mut mended = Mended { damage: repair.damage().clone(), ..Mended::default() };
        if mended.damage.is_none() {
            return Ok(mended);
        }
        let set = match model {
            Some(model) => self.derived(model, &repair, &mut mended).await?,
            None => self.landed(&repair, &mut mended).await?,
        };
        if !dry {
            repair.carry_out(set).await?;
            mended.done = true;
        }
        Ok(mended)
    }

    /// A derived table: what its inputs still have is marked to be computed again.
    async fn derived(
        &self,
        model: &Model,
        repair: &Repair,
        mended: &mut Mended,
    ) -> Result<BTreeMap<String, String>, MendError> {
        let damage = repair.damage();
        let mut progress = Progress::read(repair.properties())?;
        if damage.back_to.as_ref().is_some_and(|back| !back.exact) {
            // Reading all input again is harmless, missing some is not.
            progress.built.values_mut().for_each(|covers| *covers = 0);
        }
        progress.epoch += 1;
        let by = model.def.partition.as_ref().map_or(Transform::Hour, |(_, by)| *by);
        let inputs = self.inputs(model).await?;
        let mut incomplete = BTreeSet::new();
        for &partition in &damage.partitions {
            let start = by.width() * Micros::from(partition);
            let spans: Vec<Micros> = match (by, model.span) {
                (Transform::Day, Transform::Hour) => mending::hours_of(start, DAY).collect(),
                _ => vec![start],
            };
            let length = if by == Transform::Day && model.span == Transform::Day { DAY } else { HOUR };
            let mut whole = true;
            for input in &inputs {
                whole &= spans.iter().all(|span| input.has(model.kind, *span, length));
            }
            if whole {
                for input in &inputs {
                    input.assert_readable(model.kind, &spans, length).await?;
                }
                progress.held.extend(spans);
                mended.built_again.push(name(by, partition));
            } else {
                incomplete.insert(start);
                mended.gone.push(name(by, partition));
            }
        }
        let mut set: BTreeMap<String, String> = progress.properties().into_iter().collect();
        if !incomplete.is_empty() {
            set.extend([mending::incomplete_property(repair.properties(), &incomplete)]);
        }
        Ok(set)
    }

    async fn inputs(&self, model: &Model) -> Result<Vec<Source>, MendError> {
        let mut inputs = Vec::new();
        for name in &model.inputs {
            let table = match self.project.get(name) {
                Some(model) => self.lake.find(&model.def).await?,
                None => Some(raw_tables(&self.lake).await?.0),
            };
            let Some(table) = table else { continue };
            let version = table.load().await?;
            let horizon = version.property("contrail.horizon").and_then(|text| text.parse().ok());
            let incomplete = mending::incomplete(version.properties());
            inputs.push(Source { files: version.live_files().cloned().collect(), table, horizon, incomplete });
        }
        Ok(inputs)
    }

    /// The raw table, or that of dead letters: the offsets that went with the files are counted.
    async fn landed(&self, repair: &Repair, mended: &mut Mended) -> Result<BTreeMap<String, String>, MendError> {
        let damage = repair.damage();
        let name = repair.table().name();
        let is_raw = name == state::STATES_RAW;
        let mut set = BTreeMap::new();
        // Also of dead letters of which a commit is gone with its metadata: their progress goes on without them.
        if damage.rows_lost() == 0 && (is_raw || (damage.metadata.is_none() && damage.back_to.is_none())) {
            return Ok(set);
        }
        let counted = self.count(repair, is_raw).await?;
        let rows = match damage.rows_lost() {
            0 => i64::MAX,
            rows => i64::try_from(rows).unwrap_or(i64::MAX),
        };
        (mended.offsets, mended.unexplained) = attribute(&counted, rows);
        if rows == i64::MAX {
            mended.unexplained = 0;
        }
        set.extend(mending::lost_properties(repair.properties(), &mended.offsets)?);
        let by = if is_raw { Transform::Hour } else { Transform::Day };
        let spans: BTreeSet<Micros> = damage.partitions.iter().map(|p| by.width() * Micros::from(*p)).collect();
        mended.gone = damage.partitions.iter().map(|partition| self::name(by, *partition)).collect();
        if is_raw {
            set.extend([mending::incomplete_property(repair.properties(), &spans)]);
        }
        Ok(set)
    }

    /// Offsets that are left in both tables, and what the tables say of those that are not.
    async fn count(
        &self,
        repair: &Repair,
        is_raw: bool,
    ) -> Result<BTreeMap<(String, i32), mending::Counted>, MendError> {
        let def = if is_raw { state::dead_letters_table() } else { state::raw_table() };
        let other = match is_raw {
            true => self.lake.ensure(&def).await?,
            false => self.lake.ensure_grown(&def).await?,
        };
        let version = other.load().await?;
        // What the other one has lost is its own repair's to count.
        let mut theirs: Vec<Arc<LiveFile>> = Vec::new();
        for file in version.live_files().filter(|file| file.records > 0) {
            if other.hold([file]).await.is_ok() {
                theirs.push(file.clone());
            }
        }
        let own = (repair.table(), repair.left(), repair.properties());
        let other = (&other, theirs, version.properties());
        let (raw, dead) = if is_raw { (own, other) } else { (other, own) };
        let mut counted = counted(&raw, &dead, &self.engine).await?;
        // A file that held a partition's first offsets: what is left does not tell where they began.
        if let [only] = counted.values_mut().collect::<Vec<_>>().as_mut_slice() {
            let firsts = repair.damage().files.iter().filter_map(|file| file.bounds("log_offset"));
            only.first = firsts.map(|(first, _)| first).fold(only.first, i64::min);
        }
        Ok(counted)
    }
}

type Side<'a> = (&'a LakeTable, Vec<Arc<LiveFile>>, &'a Properties);

async fn counted(
    raw: &Side<'_>,
    dead: &Side<'_>,
    engine: &Engine,
) -> Result<BTreeMap<(String, i32), mending::Counted>, MendError> {
    let rows = verify::count((raw.0, &raw.1, raw.2), (dead.0, &dead.1, dead.2), engine).await?;
    let mut found: HashMap<(String, i32), (i64, i64)> = HashMap::new();
    for row in rows {
        found.insert((row.stream, row.partition), (row.first, row.rows));
    }
    let mut counted = BTreeMap::new();
    for stream in crate::rules::landing::streams(raw.2) {
        for (partition, next) in crate::rules::landing::offsets(raw.2, stream)? {
            let (first, rows) = found.get(&(stream.to_owned(), partition)).copied().unwrap_or((next, 0));
            let accounts = verify::Accounts::of(raw.2, dead.2, stream, partition);
            let first = accounts.first.map_or(first, |said| said.min(first));
            let c = mending::Counted { first, next, rows, accounted: accounts.holes + accounts.gone + accounts.lost };
            counted.insert((stream.to_owned(), partition), c);
        }
    }
    Ok(counted)
}

/// An input of a derived table.
struct Source {
    table: LakeTable,
    files: Vec<Arc<LiveFile>>,
    horizon: Option<Micros>,
    incomplete: BTreeSet<Micros>,
}

impl Source {
    /// Whether it has all of what a span is made of.
    fn has(&self, kind: Kind, span: Micros, length: Micros) -> bool {
        let raw = kind == Kind::Append;
        let lag = if raw { MINUTE } else { 0 };
        !deriving::before_horizon(span, lag, self.horizon)
            && !mending::lacks(&self.incomplete, span..=span + length - 1, raw)
    }

    /// Refuses while files that the spans are made of are gone: that table is to be repaired first.
    async fn assert_readable(&self, kind: Kind, spans: &[Micros], length: Micros) -> Result<(), MendError> {
        let holds = |file: &LiveFile| match kind {
            Kind::Append => spans.iter().any(|span| may_hold(file, *span)),
            _ => file.partition.is_none_or(|hour| {
                let hour = Micros::from(hour) * HOUR;
                spans.iter().any(|span| (*span..*span + length).contains(&hour))
            }),
        };
        drop(self.table.hold(self.files.iter().filter(|file| holds(file))).await?);
        Ok(())
    }
}
