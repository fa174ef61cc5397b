//! The seam `Log`: what every log promises to those who write and read it, whoever keeps it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use contrail_kit::{Class, Classified};
use contrail_types::Micros;

use crate::Messages;
use crate::kafka::BrokerError;

/// Where reading goes on, by partition: the offset of the next message.
pub type Offsets = BTreeMap<i32, i64>;

/// What is appended at once.
#[derive(Clone, Debug, Default)]
pub struct Append {
    pub messages: Messages,
    /// A feed and the position to which these messages bring it, kept in the same append. May come without messages.
    pub position: Option<(String, String)>,
    /// When this happens, by the writer's clock: what `appended_at` of the messages will say.
    pub at: Micros,
}

/// The offsets `first..end` that messages got in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub partition: i32,
    pub first: i64,
    pub end: i64,
}

/// Messages of one partition with consecutive offsets from `first_offset` on.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    pub stream: String,
    pub partition: i32,
    pub first_offset: i64,
    pub messages: Messages,
    /// When the log took each message, one a message.
    pub appended_at: Vec<Micros>,
}

impl Chunk {
    /// The offset after the last message.
    pub fn next_offset(&self) -> i64 {
        self.first_offset + self.messages.len() as i64
    }
}

/// What a log holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// Names where offsets count: (stream, partition, offset) is one message for ever.
    pub stream: String,
    /// By partition: the first offset that can be read, and the one that the next message will get.
    pub partitions: BTreeMap<i32, std::ops::Range<i64>>,
    /// Room in use on disk, and how much there may be; `None` where the log does not say.
    pub bytes: Option<u64>,
    pub limit: Option<u64>,
}

/// What a log is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// As [`Bounds::stream`].
    pub stream: String,
    /// In ascending order.
    pub partitions: Vec<i32>,
}

/// A message that no lander can read, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub stream: String,
    pub partition: i32,
    pub offset: i64,
    pub appended_at: Micros,
    pub reason: String,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

impl Bounds {
    pub fn starts(&self) -> Offsets {
        self.partitions.iter().map(|(p, range)| (*p, range.start)).collect()
    }

    pub fn ends(&self) -> Offsets {
        self.partitions.iter().map(|(p, range)| (*p, range.end)).collect()
    }
}

/// A durable, ordered stream of messages in partitions.
///
/// *Order.* Offsets of a partition are dense: the next message gets the last offset plus one, for ever, also across
/// restarts and after everything has been dropped. The messages of one append stand in their order, in each partition
/// without another append's messages between them only where the log is embedded: a reader must not rely on it.
/// Messages with the same key go to the same partition; one without a key may go to any.
///
/// *Durability.* [`Log::append`] returns after its messages and its position survive a power cut (SQLite: WAL with
/// synchronous=FULL; Kafka: acks=all). Readers get only messages that are durable in that sense, never one that a crash
/// could take back.
///
/// *Atomicity.* An embedded append is all or nothing, position included. In a log of many partitions a failed append
/// may have left some of its messages; the position is stored last, so it never runs ahead of them.
///
/// *Retry.* An error whose class says retry left either nothing, or (when the outcome is unknown, which includes
/// dropping the future of `append`) the whole append: trying again then repeats messages, which readers must bear and
/// ours do, an observation being identified by its content. `Full` left nothing, and goes away when landing gets on.
/// All other calls change nothing that could be done twice.
///
/// *Progress* belongs to whoever consumes: readers are assigned offsets that are held elsewhere (in the lake), and the
/// log never moves them. [`Log::landed`] is a message to the log, not the truth: an embedded log may then drop what has
/// landed and is old enough, Kafka commits it for lag dashboards.
///
/// *Foreign messages.* Anything may stand in a log that others write too: no key, no value, bytes of any kind.
/// Headers are not handed on yet; when they are, they become another column of [`Messages`].
#[async_trait]
pub trait Log: Send + Sync {
    /// Which stream this is now, and its partitions. A topic can be deleted and made again under its name while it is
    /// read: chunks that were read before this call belong to their stream only if the answer still names it.
    async fn shape(&self) -> Result<Shape, LogError>;

    /// What the log holds now.
    async fn bounds(&self) -> Result<Bounds, LogError>;

    /// Appends and returns once that is durable, with the offsets given, by partition in ascending order.
    async fn append(&self, append: Append) -> Result<Vec<Range>, LogError>;

    /// A reader of just these partitions from just these offsets. Fails if the log starts later
    /// ([`LogError::StartsLater`]), ends earlier ([`LogError::BeyondEnd`]) or has no such partition.
    async fn reader(&self, from: Offsets) -> Result<Box<dyn LogReader>, LogError>;

    /// All partitions, each with the first offset whose message was appended at `at` or later (the end if none was).
    async fn offsets_at(&self, at: Micros) -> Result<Offsets, LogError>;

    /// Says that everything before these offsets has been made durable elsewhere. Lower than what was said before is
    /// ignored; beyond the end is [`LogError::BeyondEnd`].
    async fn landed(&self, progress: &Offsets) -> Result<(), LogError>;

    /// The position that the last append of this feed stored.
    async fn position(&self, feed: &str) -> Result<Option<String>, LogError>;

    /// Copies dead letters to where tools of this kind of log look for them; a letter may be copied more than once. The
    /// table of dead letters is the truth. A log without such a place does nothing.
    async fn copy_dead(&self, _letters: &[DeadLetter]) -> Result<(), LogError> {
        Ok(())
    }
}

/// Reads a log from where it was opened. Any number may read at once; none takes anything from another.
#[async_trait]
pub trait LogReader: Send {
    /// The next messages of one partition, at most `max_rows` and at least one; `None` if none came within `max_wait`.
    ///
    /// Each call goes on where the last one ended, without a gap and without a repeat. Dropping the future or getting
    /// an error loses nothing: the next call returns what this one would have. [`LogError::StartsLater`] when
    /// retention has overtaken a reader that was not protected by `landed`.
    async fn next(&mut self, max_rows: usize, max_wait: Duration) -> Result<Option<Chunk>, LogError>;
}

/// Why a log could not do what it was asked.
// tidy: allow error-size: what can be wrong with brokers is one variant, with an error of its own.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error(
        "the log is full ({bytes} of {limit} bytes) and nothing in it may be dropped yet; it takes messages again as \
         landing gets on, or raise its size limit"
    )]
    Full { bytes: u64, limit: u64 },
    #[error("no space left on the disk of {path}: free some; nothing is damaged and the append will be tried again")]
    DiskFull { path: PathBuf },
    #[error(
        "the log of stream {stream} starts at offset {start} of partition {partition}, but reading was to go on at \
         {wanted}: the messages between are gone"
    )]
    StartsLater { stream: String, partition: i32, wanted: i64, start: i64 },
    #[error(
        "the log of stream {stream} ends at offset {end} of partition {partition}, but reading was to go on at \
         {wanted}: it is not the log that was read before, or it was restored from an older copy"
    )]
    BeyondEnd { stream: String, partition: i32, wanted: i64, end: i64 },
    #[error("the log of stream {stream} has no partition {partition}")]
    NoPartition { stream: String, partition: i32 },
    #[error("{path} is in use by another process: stop it, or give this one its own data folder")]
    InUse { path: PathBuf },
    #[error("{path} cannot be used: {what}; move it away to start a new log, or restore it from a copy")]
    Damaged { path: PathBuf, what: String },
    #[error("one append of {bytes} bytes is more than the log takes at once ({limit} bytes)")]
    TooLarge { bytes: u64, limit: u64 },
    /// Storage or network failed and may recover.
    #[error("the log cannot be reached: {what}")]
    Unavailable { what: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Crashed(#[from] contrail_kit::crash::Crashed),
}

impl Classified for LogError {
    fn class(&self) -> Class {
        match self {
            Self::Full { .. } | Self::DiskFull { .. } | Self::Unavailable { .. } => Class::EXTERNAL,
            Self::StartsLater { .. } | Self::BeyondEnd { .. } | Self::NoPartition { .. } => Class::USER,
            Self::InUse { .. } => Class::USER,
            Self::Damaged { .. } => Class::EXTERNAL_FINAL,
            Self::Broker(error) => error.class(),
            Self::TooLarge { .. } | Self::Crashed(_) => Class::INTERNAL,
        }
    }
}
