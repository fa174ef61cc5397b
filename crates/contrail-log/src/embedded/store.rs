//! All that the log says to SQLite: opening, appending, dropping, giving room back. Blocking.

use std::fs::{File, OpenOptions, TryLockError};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use contrail_kit::crash;
use contrail_types::Micros;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use super::block::{self, Block};
use crate::{LogError, Messages};

/// Says that a file is ours ("CTRL").
const APPLICATION: i32 = 0x4354_524c;
/// The version of the tables below.
const FORMAT: i32 = 1;
/// Blocks dropped in one transaction.
pub(super) const STEP: usize = 64;
/// Pages given back to the file system in one transaction: about 10 ms.
const VACUUM_PAGES: u32 = 512;
/// Free pages that are kept for the appends to come.
const SPARE_PAGES: i64 = 1024;

const TABLES: &str = "
CREATE TABLE log (one INTEGER PRIMARY KEY CHECK (one = 1), stream TEXT NOT NULL, start INTEGER NOT NULL,
    next INTEGER NOT NULL) STRICT;
CREATE TABLE blocks (first INTEGER PRIMARY KEY, next INTEGER NOT NULL, appended_at INTEGER NOT NULL,
    size INTEGER NOT NULL, codec INTEGER NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE positions (feed TEXT PRIMARY KEY, position TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE schemas (id INTEGER PRIMARY KEY, schema TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE schema_versions (subject TEXT NOT NULL, version INTEGER NOT NULL, id INTEGER NOT NULL,
    PRIMARY KEY (subject, version)) STRICT, WITHOUT ROWID;
CREATE TABLE schema_levels (subject TEXT PRIMARY KEY, level TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE schema_never (id INTEGER PRIMARY KEY) STRICT;
";

/// The offsets that can be read: `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub start: i64,
    pub end: i64,
}

/// The file, held by this process alone.
pub(super) struct Store {
    path: PathBuf,
    /// `None` after a failure, until the next call opens it again.
    db: Option<Connection>,
    stream: String,
    tail: Tail,
    landed: i64,
    /// Locked as long as the store lives.
    _lock: File,
}

impl Store {
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let lock = lock(path)?;
        let db = connect(path)?;
        let (stream, tail) = load(path, &db)?;
        check_dense(path, &db, tail)?;
        if let Some(folder) = path.parent() {
            // The file's name must survive a power cut as well as its content; not every system can sync a folder.
            let _ = File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
                .and_then(|folder| folder.sync_all());
        }
        Ok(Self { path: path.to_owned(), db: Some(db), stream, tail, landed: tail.start, _lock: lock })
    }

    pub fn stream(&self) -> &str {
        &self.stream
    }

    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Forgets the connection and what was thought to be in the file.
    pub fn distrust(&mut self) {
        self.db = None;
    }

    /// Opens the file again if it was distrusted.
    pub fn ready(&mut self) -> Result<(), LogError> {
        if self.db.is_none() {
            let db = connect(&self.path)?;
            (self.stream, self.tail) = load(&self.path, &db)?;
            self.db = Some(db);
        }
        Ok(())
    }

    /// The connection and what turns its errors into ours.
    pub fn db(&mut self) -> Result<(&mut Connection, Failed<'_>), LogError> {
        let Self { path, db, .. } = self;
        let failed = Failed(path);
        match db {
            Some(db) => Ok((db, failed)),
            None => Err(failed.because("not open", "opened by the call before".into())),
        }
    }

    /// Bytes in use; pages that are free in the file do not count.
    pub fn bytes(&mut self) -> Result<u64, LogError> {
        let (db, failed) = self.db()?;
        let pages = || {
            let size: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
            Ok((db_pages(db, "page_count")? - db_pages(db, "freelist_count")?) * size)
        };
        pages().map_err(failed.to("measuring")).map(|bytes| bytes.max(0) as u64)
    }

    /// Appends blocks and position in one transaction; durable on return. The offsets that the messages got.
    pub fn append(
        &mut self,
        blocks: &[Block],
        at: Micros,
        position: Option<(&str, &str)>,
    ) -> Result<Range<i64>, LogError> {
        let first = self.tail.end;
        let mut next = first;
        let (db, failed) = self.db()?;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed.to("appending"))?;
        let mut write = |tx: &Transaction<'_>| {
            let mut insert = tx.prepare_cached("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)")?;
            for b in blocks {
                let end = next + b.rows as i64;
                insert.execute(params![next, end, at, b.size as i64, b.codec as i64, b.checksum, b.body])?;
                next = end;
            }
            tx.execute("UPDATE log SET next = ?", [next])?;
            if let Some((feed, position)) = position {
                tx.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", [feed, position])?;
            }
            Ok(())
        };
        write(&tx).map_err(failed.to("appending"))?;
        crash::point("log.append.before_commit")?;
        tx.commit().map_err(failed.to("appending"))?;
        crash::point("log.append.after_commit")?;
        self.tail.end = next;
        Ok(first..next)
    }

    pub fn position(&mut self, feed: &str) -> Result<Option<String>, LogError> {
        let (db, failed) = self.db()?;
        db.query_row("SELECT position FROM positions WHERE feed = ?", [feed], |row| row.get(0))
            .optional()
            .map_err(failed.to("reading a position"))
    }

    /// The first offset appended at `at` or later.
    pub fn offset_at(&mut self, at: Micros) -> Result<i64, LogError> {
        let end = self.tail.end;
        let (db, failed) = self.db()?;
        let sql = "SELECT first FROM blocks WHERE appended_at >= ? ORDER BY first LIMIT 1";
        let first = db.query_row(sql, [at], |row| row.get(0)).optional().map_err(failed.to("looking up a time"))?;
        Ok(first.unwrap_or(end))
    }

    /// Everything before `landed` may be dropped once it is old enough.
    pub fn landed(&mut self, landed: i64) {
        self.landed = self.landed.max(landed);
    }

    /// Drops, oldest first, up to `most` blocks that have landed and are older than `keep`; how many it were.
    ///
    /// A block from the future (the clock was set back) counts as old: else it would bar the way for as long.
    pub fn drop_landed(&mut self, keep: Duration, now: Micros, most: usize) -> Result<usize, LogError> {
        let (landed, keep) = (self.landed.min(self.tail.end), keep.as_micros() as u64);
        let (db, failed) = self.db()?;
        let work = || -> rusqlite::Result<(usize, Option<i64>)> {
            let mut old = db.prepare_cached("SELECT next, appended_at FROM blocks WHERE next <= ? ORDER BY first")?;
            let mut rows = old.query([landed])?;
            let (mut dropped, mut start) = (0, None);
            while dropped < most
                && let Some(row) = rows.next()?
                && now.abs_diff(row.get(1)?) > keep
            {
                start = Some(row.get(0)?);
                dropped += 1;
            }
            Ok((dropped, start))
        };
        let (dropped, start) = work().map_err(failed.to("looking for what may be dropped"))?;
        let Some(start) = start else { return Ok(0) };
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed.to("dropping"))?;
        let drop = |tx: &Transaction<'_>| {
            tx.execute("DELETE FROM blocks WHERE first < ?", [start])?;
            tx.execute("UPDATE log SET start = ?", [start])
        };
        drop(&tx).map_err(failed.to("dropping"))?;
        crash::point("log.drop.before_commit")?;
        tx.commit().map_err(failed.to("dropping"))?;
        self.tail.start = start;
        Ok(dropped)
    }

    /// Gives some free pages back to the file system, if there are more than the next appends will want; whether it did.
    pub fn vacuum_step(&mut self) -> Result<bool, LogError> {
        let (db, failed) = self.db()?;
        let step = || {
            let free = db_pages(db, "freelist_count")?;
            if free <= SPARE_PAGES.max(db_pages(db, "page_count")? / 4) {
                return Ok(false);
            }
            // Each row that the pragma returns frees one page: it must be read to its end.
            let mut vacuum = db.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
            drop(rows);
            drop(vacuum);
            let less = db_pages(db, "freelist_count")? < free;
            // The file itself shrinks when the write-ahead log is brought in.
            db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            Ok(less)
        };
        step().map_err(failed.to("giving room back"))
    }
}

/// A second connection that only reads.
pub(super) fn read_only(path: &Path) -> Result<Connection, LogError> {
    let failed = Failed(path);
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(failed.to("opening"))?;
    db.busy_timeout(BUSY).map_err(failed.to("opening"))?;
    Ok(db)
}

/// A block as read: its first offset, when it was appended, its messages.
pub(super) struct Read {
    pub first: i64,
    pub appended_at: Micros,
    pub messages: Messages,
}

/// A row of the table of blocks.
struct Stored {
    first: i64,
    next: i64,
    appended_at: Micros,
    size: usize,
    codec: i64,
    checksum: u32,
    body: Vec<u8>,
}

/// Blocks from the one that holds `from`, all before `end`, until they hold `rows` messages or `bytes` bytes.
pub(super) fn read(
    path: &Path,
    db: &Connection,
    (from, end): (i64, i64),
    rows: usize,
    bytes: usize,
) -> Result<Vec<Read>, LogError> {
    let failed = Failed(path);
    let sql = "SELECT first, next, appended_at, size, codec, checksum, body FROM blocks
        WHERE first >= coalesce((SELECT max(first) FROM blocks WHERE first <= ?1), ?1) AND first < ?2 ORDER BY first";
    let query = || -> rusqlite::Result<Vec<Stored>> {
        let mut statement = db.prepare_cached(sql)?;
        let mut found = statement.query([from, end])?;
        let (mut all, mut size) = (Vec::new(), 0);
        while let Some(row) = found.next()? {
            let next: i64 = row.get(1)?;
            let this: i64 = row.get(3)?;
            // Compared in this order, the first block is always taken.
            if size > 0 && size + this as usize > bytes {
                break;
            }
            size += this as usize;
            all.push(Stored {
                first: row.get(0)?,
                next,
                appended_at: row.get(2)?,
                size: this.max(0) as usize,
                codec: row.get(4)?,
                checksum: row.get(5)?,
                body: row.get(6)?,
            });
            if next - from >= rows as i64 {
                break;
            }
        }
        Ok(all)
    };
    let mut blocks = Vec::new();
    for Stored { first, next, appended_at, size, codec, checksum, body } in query().map_err(failed.to("reading"))? {
        let messages = block::decode(body, size, codec, checksum)
            .and_then(|m| if m.len() as i64 == next - first { Ok(m) } else { Err("it holds another number") })
            .map_err(|what| failed.damaged(format!("the batch of offsets {first}..{next} is damaged: {what}")))?;
        blocks.push(Read { first, appended_at, messages });
    }
    Ok(blocks)
}

const BUSY: Duration = Duration::from_secs(10);

fn lock(path: &Path) -> Result<File, LogError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |error: std::io::Error| LogError::Unavailable {
        what: format!("{} cannot be made or locked", Path::new(&name).display()),
        source: error.into(),
    };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn connect(path: &Path) -> Result<Connection, LogError> {
    let failed = Failed(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(failed.to("opening"))?;
    let prepare = |db: &mut Connection| {
        db.busy_timeout(BUSY)?;
        // Before the first table, or never.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        db.pragma_update(None, "synchronous", "FULL")?;
        // Without it, macOS syncs no further than into the drive's own cache. Nothing elsewhere.
        db.pragma_update(None, "fullfsync", true)?;
        db.pragma_update(None, "wal_autocheckpoint", 4000)?;
        db.pragma_update(None, "journal_size_limit", 64 << 20)?;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let empty: bool = tx.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
        if empty {
            tx.execute_batch(TABLES)?;
            let stream = uuid::Uuid::new_v4().to_string();
            tx.execute("INSERT INTO log VALUES (1, ?, 0, 0)", [stream])?;
            tx.pragma_update(None, "application_id", APPLICATION)?;
            tx.pragma_update(None, "user_version", FORMAT)?;
        }
        tx.commit()
    };
    prepare(&mut db).map_err(failed.to("opening"))?;
    Ok(db)
}

/// What the file says of itself.
fn load(path: &Path, db: &Connection) -> Result<(String, Tail), LogError> {
    let failed = Failed(path);
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get(0)).map_err(failed.to("opening"));
    let (application, format, vacuum): (i32, i32, i32) =
        (pragma("application_id")?, pragma("user_version")?, pragma("auto_vacuum")?);
    if application != APPLICATION {
        return Err(failed.damaged("it is another program's SQLite file".into()));
    }
    if format != FORMAT {
        let what = format!("it has format {format} and this version of Contrail knows format {FORMAT}");
        return Err(failed.damaged(what));
    }
    if vacuum != 2 {
        tracing::warn!(path = %path.display(), "the log's file was rewritten without auto_vacuum and will not shrink");
    }
    db.query_row("SELECT stream, start, next FROM log", [], |row| {
        Ok((row.get(0)?, Tail { start: row.get(1)?, end: row.get(2)? }))
    })
    .map_err(failed.to("opening"))
}

/// Whether the blocks follow one another without a gap from the log's start to its end.
fn check_dense(path: &Path, db: &Connection, tail: Tail) -> Result<(), LogError> {
    let failed = Failed(path);
    let check = || {
        let mut blocks = db.prepare("SELECT first, next FROM blocks ORDER BY first")?;
        let mut rows = blocks.query([])?;
        let mut at = tail.start;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(0)? != at {
                break;
            }
            at = row.get(1)?;
        }
        Ok(at)
    };
    let at = check().map_err(failed.to("checking"))?;
    if at == tail.end {
        Ok(())
    } else {
        Err(failed.damaged(format!("the batch that begins at offset {at} is missing")))
    }
}

fn db_pages(db: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, pragma, |row| row.get(0))
}

/// Turns what SQLite says about a file into our errors.
#[derive(Clone, Copy)]
pub(super) struct Failed<'a>(pub &'a Path);

impl<'a> Failed<'a> {
    pub fn to(self, what: &'static str) -> impl Fn(rusqlite::Error) -> LogError + use<'a> {
        move |error| {
            let path = || self.0.to_owned();
            match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => LogError::DiskFull { path: path() },
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => self.damaged(error.to_string()),
                _ => self.because(what, error.into()),
            }
        }
    }

    pub fn damaged(self, what: String) -> LogError {
        LogError::Damaged { path: self.0.to_owned(), what }
    }

    fn because(self, what: &str, source: Box<dyn std::error::Error + Send + Sync>) -> LogError {
        LogError::Unavailable { what: format!("{what} {} failed", self.0.display()), source }
    }
}
