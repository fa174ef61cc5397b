//! Dead letters: shown, replayed into the raw table once they can be read, purged.
//!
//! A letter keeps its place in the stream, so a row that is made of it later has that place too. Which offsets have
//! been replayed stands as a property of the raw table, set in the commit that adds the rows: a letter is replayed once,
//! whoever dies when and whoever else tries.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use contrail_kit::{Class, Classified, Clock};
use contrail_lake::{Change, CommitFailed, FenceFailure, LakeError, LakeTable, Version};
use contrail_log::{Chunk, CodecError, DeadLetter, Decoder, Messages, Registry};
use contrail_types::Micros;

use crate::rules::Properties;
use crate::rules::landing::{self, Refused};
use crate::rules::letters::{self as rules, Spans};

/// What works on letters.
#[derive(Clone)]
pub struct Letters {
    pub raw: LakeTable,
    pub dead: LakeTable,
    pub registry: Arc<dyn Registry>,
    pub clock: Clock,
}

/// A dead letter as the table has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    pub stream: String,
    pub partition: i32,
    pub offset: i64,
    pub appended_at: Micros,
    pub landed_at: Micros,
    pub reason: String,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// Whether a row has been made of it since.
    pub replayed: bool,
}

/// Which letters are meant; everything that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The reason has this in it.
    pub reason: Option<String>,
    pub partition: Option<i32>,
    pub offset: Option<i64>,
    /// Landed before this.
    pub before: Option<Micros>,
}

/// What a replay or a purge did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// Letters that the filter took.
    pub taken: u64,
    pub done: u64,
    /// Letters that stay as they are, and why the first of them does.
    pub left: u64,
    pub reason: Option<String>,
    /// Letters that had been replayed before.
    pub before: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum LettersError {
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Commit(#[from] CommitFailed),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Unreadable(#[from] Refused),
    #[error("dead letters could not be put together: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    #[error("work on dead letters stopped on a bug: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl Classified for LettersError {
    fn class(&self) -> Class {
        match self {
            Self::Lake(e) => e.class(),
            Self::Commit(e) => e.class(),
            Self::Codec(e) => e.class(),
            Self::Unreadable(_) => Class::USER,
            Self::Arrow(_) | Self::Panicked(_) => Class::INTERNAL,
        }
    }
}

/// Letters that are replayed in one commit.
const BATCH: usize = 20_000;
/// How often a commit begins anew because somebody else worked on the same letters.
const ATTEMPTS: usize = 20;

impl Filter {
    fn takes(&self, letter: &Letter) -> bool {
        self.reason.as_ref().is_none_or(|reason| letter.reason.contains(reason.as_str()))
            && self.partition.is_none_or(|partition| letter.partition == partition)
            && self.offset.is_none_or(|offset| letter.offset == offset)
            && self.before.is_none_or(|before| letter.landed_at < before)
    }
}

impl Letters {
    /// All letters that the filter takes, newest first.
    pub async fn all(&self, filter: &Filter) -> Result<Vec<Letter>, LettersError> {
        let (dead, raw) = (self.dead.load().await?, self.raw.load().await?);
        let mut found = self.read(&dead, &raw).await?;
        found.retain(|letter| filter.takes(letter));
        found.sort_by_key(|l| std::cmp::Reverse((l.landed_at, l.partition, l.offset)));
        Ok(found)
    }

    /// Makes rows of the letters that can be read by now. `progress` hears how many are done, of how many.
    pub async fn replay(
        &self,
        filter: &Filter,
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Done, LettersError> {
        let letters = self.all(filter).await?;
        let mut done = Done { taken: letters.len() as u64, ..Done::default() };
        for part in letters.chunks(BATCH) {
            self.replay_some(part, &mut done).await?;
            progress(done.done + done.left + done.before, done.taken);
        }
        Ok(done)
    }

    async fn replay_some(&self, part: &[Letter], done: &mut Done) -> Result<(), LettersError> {
        for _ in 0..ATTEMPTS {
            let raw = self.raw.load().await?;
            let shape = self.raw.shape();
            let mut decoder = Decoder::new(self.registry.clone(), shape.def());
            let (mut readable, mut tally) = (Vec::new(), Done::default());
            let mut replayed: BTreeMap<String, BTreeMap<i32, BTreeSet<i64>>> = BTreeMap::new();
            for chunk in self.due(part, &raw, &mut tally)? {
                let decoded = decoder.read(&chunk, self.clock.now()).await?;
                let offsets = decoded.states["log_offset"].as_primitive::<Int64Type>().values().iter().copied();
                replayed.entry(chunk.stream.clone()).or_default().entry(chunk.partition).or_default().extend(offsets);
                for row in 0..decoded.dead.num_rows() {
                    tally.leave(decoded.dead["reason"].as_string::<i32>().value(row));
                }
                readable.push(decoded.states);
            }
            let rows = readable.iter().map(RecordBatch::num_rows).sum::<usize>() as u64;
            if rows == 0 {
                done.add(tally, 0);
                return Ok(());
            }
            let table = self.raw.clone();
            let files = tokio::task::spawn_blocking(move || {
                Ok::<_, LettersError>(table.encode_under(&shape, &concat_batches(shape.schema(), &readable)?)?)
            });
            let (fence, settings) = (replayed.clone(), replayed);
            let change = Change::append(files.await??)
                .set_from(move |version| rules::add(version.properties(), &settings).unwrap_or_default())
                .summary("contrail.replayed", rows.to_string());
            let unmade = move |version: &Version| match rules::none_of(version.properties(), &fence) {
                Ok(true) => Ok(()),
                Ok(false) => Err(FenceFailure::Stale("somebody else has replayed some of these letters".into())),
                Err(refused) => Err(FenceFailure::Fenced(refused.to_string())),
            };
            match self.raw.commit(change, unmade).await {
                Ok(_) => {
                    done.add(tally, rows);
                    return Ok(());
                }
                Err(CommitFailed::Stale { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let (table, attempts) = (self.raw.name().to_owned(), ATTEMPTS as u32);
        Err(CommitFailed::Conflicts { table, attempts }.into())
    }

    /// Letters that have not been replayed, as runs of a stream's partition; landing must have passed them.
    fn due(&self, part: &[Letter], raw: &Version, tally: &mut Done) -> Result<Vec<Chunk>, LettersError> {
        let mut runs: BTreeMap<(&str, i32), Vec<&Letter>> = BTreeMap::new();
        let (mut spans, mut progress) = (BTreeMap::new(), BTreeMap::new());
        for letter in part {
            let stream = letter.stream.as_str();
            if !spans.contains_key(stream) {
                spans.insert(stream, rules::replayed(raw.properties(), stream)?);
                progress.insert(stream, landing::offsets(raw.properties(), stream)?);
            }
            let passed = progress[stream].get(&letter.partition).is_some_and(|next| letter.offset < *next);
            if rules::holds(&spans[stream], letter.partition, letter.offset) {
                tally.before += 1;
            } else if !passed {
                tally.leave("landing has not passed it yet");
            } else {
                runs.entry((stream, letter.partition)).or_default().push(letter);
            }
        }
        let mut chunks = Vec::new();
        for ((stream, partition), mut letters) in runs {
            letters.sort_by_key(|letter| letter.offset);
            for run in letters.chunk_by(|a, b| a.offset + 1 == b.offset) {
                let messages: Messages = run.iter().map(|l| (l.key.as_ref(), l.value.as_ref())).collect();
                chunks.push(Chunk {
                    stream: stream.to_owned(),
                    partition,
                    first_offset: run[0].offset,
                    messages,
                    appended_at: run.iter().map(|l| l.appended_at).collect(),
                });
            }
        }
        Ok(chunks)
    }

    /// Deletes letters for good: those that have been replayed, and those that landing has passed.
    pub async fn purge(&self, filter: &Filter) -> Result<Done, LettersError> {
        purge(&self.raw, &self.dead, filter).await
    }

    async fn read(&self, dead: &Version, raw: &Version) -> Result<Vec<Letter>, LettersError> {
        let rows = read(&self.dead, dead.live_files().map(|file| file.path.clone()).collect()).await?;
        letters_of(&rows, raw)
    }
}

/// Deletes the letters that the filter takes and that landing has passed; counts those that nobody has replayed.
pub async fn purge(raw: &LakeTable, dead: &LakeTable, filter: &Filter) -> Result<Done, LettersError> {
    for _ in 0..ATTEMPTS {
        let (letters, rows_of) = (dead.load().await?, raw.load().await?);
        let mut done = Done::default();
        let (mut old, mut kept) = (Vec::new(), Vec::new());
        let mut gone: BTreeMap<String, BTreeMap<i32, i64>> = BTreeMap::new();
        for file in letters.live_files().filter(|file| file.records > 0) {
            let rows = read(dead, vec![file.path.clone()]).await?;
            let found = letters_of(&rows, &rows_of)?;
            let mut keep = vec![true; found.len()];
            for (letter, keep) in found.iter().zip(&mut keep).filter(|(letter, _)| filter.takes(letter)) {
                done.taken += 1;
                let next = landing::offsets(rows_of.properties(), &letter.stream)?;
                if next.get(&letter.partition).is_none_or(|next| letter.offset >= *next) {
                    done.leave("landing has not passed it yet");
                    continue;
                }
                *keep = false;
                done.done += 1;
                if letter.replayed {
                    done.before += 1;
                } else {
                    *gone.entry(letter.stream.clone()).or_default().entry(letter.partition).or_default() += 1;
                }
            }
            if keep.contains(&false) {
                old.push(file.path.clone());
                kept.push(filter_record_batch(&rows, &BooleanArray::from(keep))?);
            }
        }
        if old.is_empty() {
            return Ok(done);
        }
        let table = dead.clone();
        let files = tokio::task::spawn_blocking(move || {
            Ok::<_, LettersError>(table.encode(&concat_batches(&table.schema(), &kept)?)?)
        });
        let change = Change::replace(old, files.await??)
            .set_from(move |version| landing::purged_properties(version.properties(), &gone).unwrap_or_default())
            .summary("contrail.purged", done.done.to_string());
        match dead.commit(change, |_| Ok(())).await {
            Ok(_) => return Ok(done),
            Err(CommitFailed::Stale { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (table, attempts) = (dead.name().to_owned(), ATTEMPTS as u32);
    Err(CommitFailed::Conflicts { table, attempts }.into())
}

async fn read(dead: &LakeTable, paths: Vec<String>) -> Result<RecordBatch, LettersError> {
    let (table, pin) = (dead.clone(), dead.pin(paths.iter().cloned()));
    let rows = tokio::task::spawn_blocking(move || {
        let _pin = pin;
        table.read(paths, None)
    });
    Ok(rows.await??)
}

impl Done {
    fn leave(&mut self, reason: &str) {
        self.left += 1;
        self.reason.get_or_insert_with(|| reason.to_owned());
    }

    fn add(&mut self, more: Self, rows: u64) {
        self.done += rows;
        self.left += more.left;
        self.before += more.before;
        self.reason = self.reason.take().or(more.reason);
    }
}

/// Rows of the table as letters, with whether `raw` says that they were replayed.
fn letters_of(rows: &RecordBatch, raw: &Version) -> Result<Vec<Letter>, LettersError> {
    let landed = rows["landed_at"].as_primitive::<TimestampMicrosecondType>();
    let mut replayed: BTreeMap<String, Spans> = BTreeMap::new();
    let mut letters = Vec::with_capacity(rows.num_rows());
    for (DeadLetter { stream, partition, offset, appended_at, reason, key, value }, landed_at) in
        dead_letters(rows).into_iter().zip(landed.values())
    {
        if !replayed.contains_key(&stream) {
            replayed.insert(stream.clone(), rules::replayed(raw.properties(), &stream)?);
        }
        let (replayed, landed_at) = (rules::holds(&replayed[&stream], partition, offset), *landed_at);
        letters.push(Letter { stream, partition, offset, appended_at, landed_at, reason, key, value, replayed });
    }
    Ok(letters)
}

/// Rows of the table of dead letters as letters.
pub(crate) fn dead_letters(dead: &RecordBatch) -> Vec<DeadLetter> {
    let text = |name: &str| dead[name].as_string::<i32>();
    let bytes = |name: &str, row: usize| {
        let column = dead[name].as_binary::<i32>();
        column.is_valid(row).then(|| column.value(row).to_vec())
    };
    let letter = |row| DeadLetter {
        stream: text("log_stream").value(row).to_owned(),
        partition: dead["log_partition"].as_primitive::<Int32Type>().value(row),
        offset: dead["log_offset"].as_primitive::<Int64Type>().value(row),
        appended_at: dead["appended_at"].as_primitive::<TimestampMicrosecondType>().value(row),
        reason: text("reason").value(row).to_owned(),
        key: bytes("key", row),
        value: bytes("payload", row),
    };
    (0..dead.num_rows()).map(letter).collect()
}

/// Offsets of a stream that have been replayed, as (stream, partition, first, end) for whoever counts rows.
pub fn replayed_spans(says: &Properties) -> Result<Vec<(String, i32, Range<i64>)>, Refused> {
    let mut all = Vec::new();
    for stream in rules::streams(says) {
        for (partition, spans) in rules::replayed(says, stream)? {
            all.extend(spans.into_iter().map(|(first, end)| (stream.to_owned(), partition, first..end)));
        }
    }
    Ok(all)
}
