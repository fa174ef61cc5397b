//! The log for one machine: record batches in one SQLite file, which one process owns.
//!
//! [`block`] is how messages stand in a row of the file, [`store`] all that is said to SQLite, [`reader`] and
//! [`registry`] what is built on it. Calls hand their work to tokio's blocking threads; writers take turns on one
//! connection, each reader has its own. A batch is synced before it is acknowledged (WAL, synchronous=FULL) and
//! announced to readers after that. Beside `log.db` stand SQLite's own `-wal` and `-shm`, and `log.db.lock`, which the
//! owner keeps locked.

mod block;
mod reader;
mod registry;
mod store;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use contrail_kit::Clock;
use contrail_types::Micros;
use tokio::sync::watch;

use self::store::{Store, Tail};
use crate::{Append, Bounds, Log, LogError, LogReader, Offsets, Range, Shape};

pub use registry::EmbeddedRegistry;

/// The one partition of an embedded log.
pub const PARTITION: i32 = 0;

/// How much an embedded log keeps.
#[derive(Clone, Debug)]
pub struct Options {
    /// Messages stay at least this long, also after they have landed: what starts anew can look back as far.
    pub keep: Duration,
    /// Bytes in use at which appends fail with [`LogError::Full`]. What has not landed is never dropped for room.
    pub limit: u64,
    /// zstd level of batches on disk (-1 is fast and more than halves them); `None` stores them as they are.
    pub compression: Option<i32>,
    /// Tells how old a batch is.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self { keep: Duration::from_secs(600), limit: 4 << 30, compression: Some(-1), clock: Clock::system() }
    }
}

/// A log in one SQLite file. Clones share it; the file is free again when the last one and all readers are gone.
#[derive(Clone)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    options: Options,
    store: Mutex<Store>,
    /// What readers may read, and what wakes them.
    tail: watch::Sender<Tail>,
    stream: String,
}

impl EmbeddedLog {
    /// Opens the log in the file `path`, made if it is not there; its folder must be.
    ///
    /// What a crash has left half-written is cut away. Fails if another process has the file, or it is damaged.
    pub async fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, LogError> {
        let path = path.as_ref().to_owned();
        let opened = path.clone();
        let store = blocking(&path, move || Store::open(&opened)).await?;
        let (tail, _) = watch::channel(store.tail());
        let stream = store.stream().to_owned();
        let shared = Shared { path, options, store: Mutex::new(store), tail, stream };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The schema registry in the same file.
    pub fn registry(&self) -> EmbeddedRegistry {
        EmbeddedRegistry::new(self.shared.clone())
    }

    async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &mut Store) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        self.shared.clone().with_store(work).await
    }
}

impl Shared {
    /// Runs `work` on a blocking thread, alone. The work ends even if the returned future is dropped.
    async fn with_store<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self, &mut Store) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let path = self.path.clone();
        blocking(&path, move || {
            let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
            let result = store.ready().and_then(|()| work(&self, &mut store));
            match &result {
                // Whatever the failure has left in the connection, the file knows better.
                Err(LogError::Unavailable { .. } | LogError::DiskFull { .. } | LogError::Damaged { .. }) => {
                    store.distrust();
                }
                Err(LogError::Crashed(_)) => store.distrust(),
                _ => {
                    self.tail.send_if_modified(|tail| std::mem::replace(tail, store.tail()) != store.tail());
                }
            }
            result
        })
        .await
    }

    fn check(&self, partition: i32, wanted: i64) -> Result<(), LogError> {
        let (stream, Tail { start, end }) = (self.stream.clone(), *self.tail.borrow());
        if partition != PARTITION {
            Err(LogError::NoPartition { stream, partition })
        } else if wanted < start {
            Err(LogError::StartsLater { stream, partition, wanted, start })
        } else if wanted > end {
            Err(LogError::BeyondEnd { stream, partition, wanted, end })
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Log for EmbeddedLog {
    async fn shape(&self) -> Result<Shape, LogError> {
        Ok(Shape { stream: self.shared.stream.clone(), partitions: vec![PARTITION] })
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        self.with_store(|shared, store| {
            let Tail { start, end } = store.tail();
            Ok(Bounds {
                stream: shared.stream.clone(),
                partitions: [(PARTITION, start..end)].into(),
                bytes: Some(store.bytes()?),
                limit: Some(shared.options.limit),
            })
        })
        .await
    }

    async fn append(&self, append: Append) -> Result<Vec<Range>, LogError> {
        if append.messages.is_empty() && append.position.is_none() {
            return Ok(Vec::new());
        }
        self.with_store(move |shared, store| {
            let blocks = block::encode(&append.messages, shared.options.compression)?;
            let bytes: u64 = blocks.iter().map(|b| b.body.len() as u64).sum();
            let limit = shared.options.limit;
            if bytes > limit {
                return Err(LogError::TooLarge { bytes, limit });
            }
            if store.bytes()? + bytes > limit {
                store.drop_landed(shared.options.keep, shared.options.clock.now(), usize::MAX)?;
                let used = store.bytes()?;
                if used + bytes > limit {
                    return Err(LogError::Full { bytes: used, limit });
                }
            }
            let position = append.position.as_ref().map(|(feed, position)| (feed.as_str(), position.as_str()));
            let offsets = store.append(&blocks, append.at, position)?;
            let range = Range { partition: PARTITION, first: offsets.start, end: offsets.end };
            Ok(if offsets.is_empty() { Vec::new() } else { vec![range] })
        })
        .await
    }

    async fn reader(&self, from: Offsets) -> Result<Box<dyn LogReader>, LogError> {
        for (partition, offset) in &from {
            self.shared.check(*partition, *offset)?;
        }
        Ok(Box::new(reader::Reader::new(self.shared.clone(), from.get(&PARTITION).copied())))
    }

    async fn offsets_at(&self, at: Micros) -> Result<Offsets, LogError> {
        self.with_store(move |_, store| Ok([(PARTITION, store.offset_at(at)?)].into())).await
    }

    async fn landed(&self, progress: &Offsets) -> Result<(), LogError> {
        for (partition, offset) in progress {
            match self.shared.check(*partition, *offset) {
                // Lower than what was said before: that is gone already, and rightly.
                Ok(()) | Err(LogError::StartsLater { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let Some(landed) = progress.get(&PARTITION).copied() else { return Ok(()) };
        // In steps, so that appends get their turn in between.
        loop {
            let step = move |shared: &Shared, store: &mut Store| {
                store.landed(landed);
                store.drop_landed(shared.options.keep, shared.options.clock.now(), store::STEP)
            };
            if self.with_store(step).await? < store::STEP {
                break;
            }
        }
        while self.with_store(|_, store| store.vacuum_step()).await? {}
        Ok(())
    }

    async fn position(&self, feed: &str) -> Result<Option<String>, LogError> {
        let feed = feed.to_owned();
        self.with_store(move |_, store| store.position(&feed)).await
    }
}

/// Runs blocking work off the async threads.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let what = format!("work on {} was cut off", path.display());
        Err(LogError::Unavailable { what, source: error.into() })
    })
}
