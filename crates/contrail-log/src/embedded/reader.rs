//! Reads the file from an offset on, waits for more, and sees nothing that was not acknowledged.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use contrail_types::Micros;
use rusqlite::Connection;
use tokio::sync::watch;

use super::store::{self, Read, Tail};
use super::{PARTITION, Shared, blocking};
use crate::{Chunk, LogError, LogReader, Messages};

/// Bytes read at once when batches are small: they are joined up to this size.
const BYTES: usize = 8 << 20;

pub(super) struct Reader {
    shared: Arc<Shared>,
    tail: watch::Receiver<Tail>,
    /// The next offset; `None` for a reader of no partition, which never gets anything.
    next: Option<i64>,
    /// Opened at the first read, and again after a failure.
    db: Arc<Mutex<Option<Connection>>>,
    /// What was read and not yet handed out: it begins at `next`.
    held: Option<(Messages, Vec<Micros>)>,
}

impl Reader {
    pub fn new(shared: Arc<Shared>, next: Option<i64>) -> Self {
        let tail = shared.tail.subscribe();
        Self { shared, tail, next, db: Arc::default(), held: None }
    }

    /// Hands out the first `rows` of what is held.
    fn hand_out(&mut self, rows: usize) -> Option<Chunk> {
        let (next, (messages, mut times)) = (self.next?, self.held.take()?);
        let n = rows.clamp(1, messages.len());
        if n < messages.len() {
            self.held = Some((messages.slice(n..messages.len()), times.split_off(n)));
        }
        self.next = Some(next + n as i64);
        Some(Chunk {
            stream: self.shared.stream.clone(),
            partition: PARTITION,
            first_offset: next,
            messages: messages.slice(0..n),
            appended_at: times,
        })
    }
}

#[async_trait]
impl LogReader for Reader {
    async fn next(&mut self, max_rows: usize, max_wait: Duration) -> Result<Option<Chunk>, LogError> {
        if self.held.is_some() {
            return Ok(self.hand_out(max_rows));
        }
        let Some(next) = self.next else {
            tokio::time::sleep(max_wait).await;
            return Ok(None);
        };
        let waited = tokio::time::timeout(max_wait, self.tail.wait_for(|tail| tail.end > next)).await;
        let Ok(Ok(Tail { end, .. })) = waited.map(|tail| tail.map(|tail| *tail)) else {
            return Ok(None);
        };
        let (shared, db) = (self.shared.clone(), self.db.clone());
        let path = shared.path.clone();
        let blocks = blocking(&path, move || {
            let mut held = db.lock().unwrap_or_else(PoisonError::into_inner);
            let db = match held.take() {
                Some(db) => db,
                None => store::read_only(&shared.path)?,
            };
            let blocks = store::read(&shared.path, &db, (next, end), max_rows, BYTES)?;
            *held = Some(db);
            Ok(blocks)
        })
        .await?;
        self.shared.check(PARTITION, next)?;
        self.held = Some(join(blocks, next).ok_or_else(|| LogError::Damaged {
            path: self.shared.path.clone(),
            what: format!("the batch with offset {next} is missing"),
        })?);
        Ok(self.hand_out(max_rows))
    }
}

/// The messages of consecutive blocks from `next` on, and when each was appended; `None` if `next` is not in them.
fn join(mut blocks: Vec<Read>, next: i64) -> Option<(Messages, Vec<Micros>)> {
    let first = blocks.first()?;
    let skip = usize::try_from(next - first.first).ok().filter(|skip| *skip < first.messages.len())?;
    let mut times = Vec::new();
    for block in &blocks {
        times.resize(times.len() + block.messages.len(), block.appended_at);
    }
    let messages = if blocks.len() == 1 {
        blocks.remove(0).messages
    } else {
        let mut all = Messages::builder();
        blocks.iter().for_each(|block| all.extend(&block.messages));
        all.finish()
    };
    times.drain(..skip);
    Some((messages.slice(skip..messages.len()), times))
}
