//! Copies of a remote lake's files on this machine: whole, fetched once, the longest unused ones leave first.
//!
//! A copy becomes visible when it is complete and has the size that the table names. It stays while somebody reads it,
//! even if the cache is over its limit then. Files of a lake never change, so a copy never is out of date.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::error::{FilesError, LakeError};
use crate::storage::{S3Store, Store, StoreError, Trouble, local_path, plain};
use crate::table::LakeTable;
use crate::upkeep::Pin;
use crate::version::LiveFile;

/// Files fetched at the same time for one reader.
const AT_ONCE: usize = 8;

#[derive(Clone, Debug)]
pub struct CacheOptions {
    /// A folder that belongs to this process alone.
    pub folder: PathBuf,
    pub limit_bytes: u64,
}

#[derive(Clone)]
pub(crate) struct Cache(Arc<Inner>);

struct Inner {
    options: CacheOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By file name in the folder.
    copies: HashMap<String, Copy>,
    /// Grows with every use.
    uses: u64,
}

#[derive(Default)]
struct Copy {
    /// Filled when the copy is complete: its size.
    complete: Arc<OnceCell<u64>>,
    last_use: u64,
    holders: usize,
}

/// Files of a table under paths of this machine. They stay where they are until this is dropped.
#[must_use = "files are held only while this lives"]
pub struct Held {
    paths: Vec<PathBuf>,
    _pin: Pin,
    _copies: Vec<Holder>,
}

struct Holder {
    cache: Cache,
    name: String,
}

impl Held {
    /// In the order that was asked for.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }
}

impl LakeTable {
    /// Makes data files readable by path, and keeps them so: those of a store are copied if they are not at hand. Take
    /// it on files of a [`crate::Version`] just loaded.
    pub fn hold<'a>(
        &self,
        files: impl IntoIterator<Item = &'a Arc<LiveFile>>,
    ) -> BoxFuture<'static, Result<Held, LakeError>> {
        let files = files.into_iter().map(|file| (file.path.clone(), file.bytes)).collect();
        self.clone().hold_all(files).boxed()
    }

    async fn hold_all(self, files: Vec<(String, u64)>) -> Result<Held, LakeError> {
        let pin = self.pin(files.iter().map(|(path, _)| path.clone()));
        let (store, cache) = match (&self.0.store, &self.0.lake.cache) {
            (Store::S3(store), Some(cache)) => (store, cache),
            (Store::S3(_), None) => {
                let reason = "the lake was opened without a cache";
                return Err(StoreError::new("read", &self.0.location, Trouble::Setting, reason).into());
            }
            (Store::Local, _) => {
                let paths = self.all_there(files).await?;
                return Ok(Held { paths, _pin: pin, _copies: Vec::new() });
            }
        };
        let fetched = files.into_iter().map(|(path, bytes)| {
            let (cache, store, table) = (cache.clone(), store.clone(), self.0.clone());
            async move {
                let held = cache.hold(&store, &path, Some(bytes)).await;
                held.map_err(|error| table.damaged(&path, error))
            }
        });
        let copies: Vec<Holder> = futures::stream::iter(fetched).buffered(AT_ONCE).try_collect().await?;
        let paths = copies.iter().map(|holder| cache.path(&holder.name)).collect();
        Ok(Held { paths, _pin: pin, _copies: copies })
    }
}

impl LakeTable {
    /// The paths of files on this machine, each looked at: who reads them next cannot say of which table they are.
    async fn all_there(&self, files: Vec<(String, u64)>) -> Result<Vec<PathBuf>, LakeError> {
        let name = self.name().to_owned();
        let looked = tokio::task::spawn_blocking(move || {
            let look = |(path, bytes): (String, u64)| {
                let local = local_path(&path);
                let reason = match fs::metadata(&local) {
                    Ok(file) if file.len() == bytes => return Ok(local),
                    Ok(file) => format!("has {} bytes instead of {bytes}", file.len()),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => "is not there".into(),
                    Err(source) => return Err(LakeError::Io { doing: "look at", path, source }),
                };
                Err(FilesError::Damaged { table: name.clone(), path, reason }.into())
            };
            files.into_iter().map(look).collect()
        });
        looked
            .await
            .unwrap_or_else(|panic| Err(LakeError::Batch { table: self.name().to_owned(), reason: panic.to_string() }))
    }
}

impl Cache {
    /// Takes over what is in the folder; what was not complete goes. Blocking.
    pub fn open(options: CacheOptions) -> Result<Self, LakeError> {
        let failed = |source| LakeError::Io {
            doing: "use the cache folder",
            path: options.folder.display().to_string(),
            source,
        };
        fs::create_dir_all(&options.folder).map_err(failed)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&options.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (name, meta) = (entry.file_name().to_string_lossy().into_owned(), entry.metadata().map_err(failed)?);
            match name.ends_with(".parquet") {
                true => found.push((meta.modified().map_err(failed)?, name, meta.len())),
                false if name.ends_with(".part") => fs::remove_file(entry.path()).map_err(failed)?,
                false => {}
            }
        }
        found.sort();
        let mut state = State::default();
        for (_, name, bytes) in found {
            state.uses += 1;
            let complete = Arc::new(OnceCell::new_with(Some(bytes)));
            state.copies.insert(name, Copy { complete, last_use: state.uses, holders: 0 });
        }
        let cache = Self(Arc::new(Inner { options, state: Mutex::new(state) }));
        cache.evict();
        Ok(cache)
    }

    /// The copy of a file, fetched if need be. An open file can be read to its end whatever becomes of its name.
    /// Blocking.
    pub fn open_copy(&self, store: &S3Store, location: &str) -> Result<File, LakeError> {
        let holder = store.wait(self.hold(store, location, None))?;
        let path = self.path(&holder.name);
        File::open(&path).map_err(|source| LakeError::Io { doing: "read", path: path.display().to_string(), source })
    }

    /// A copy of `location`, fetched if need be; `bytes` is its size where the caller knows it. Several who ask at once
    /// wait for one and the same.
    async fn hold(&self, store: &S3Store, location: &str, bytes: Option<u64>) -> Result<Holder, LakeError> {
        let name = name(location);
        let holder = Holder { cache: self.clone(), name: name.clone() };
        let complete = {
            let mut state = self.state();
            state.uses += 1;
            let uses = state.uses;
            let copy = state.copies.entry(name.clone()).or_default();
            copy.holders += 1;
            copy.last_use = uses;
            // A copy that somebody has tampered with, or that a full disk has cut, is none.
            let on_disk = || fs::metadata(self.path(&name)).map_or(None, |meta| Some(meta.len()));
            let stands = |size: &u64| bytes.is_none_or(|bytes| bytes == *size) && on_disk() == Some(*size);
            if copy.complete.get().is_some_and(|size| !stands(size)) {
                copy.complete = Arc::default();
            }
            copy.complete.clone()
        };
        let fetched = complete.get_or_try_init(|| async {
            metrics::counter!("contrail_lake_cache_misses_total").increment(1);
            self.fetch(store, location, &name, bytes).await
        });
        fetched.await?;
        self.evict();
        Ok(holder)
    }

    async fn fetch(&self, store: &S3Store, location: &str, name: &str, bytes: Option<u64>) -> Result<u64, LakeError> {
        let (part, whole) = (self.path(&format!("{name}.{}.part", uuid::Uuid::new_v4())), self.path(name));
        let written = async {
            let failed = |source| LakeError::Io { doing: "write", path: part.display().to_string(), source };
            let mut file = File::create_new(&part).map_err(failed)?;
            let mut size = 0;
            let mut pieces = store.pieces(location).await?;
            while let Some(piece) = pieces.try_next().await? {
                size += piece.len() as u64;
                write_off_thread(&mut file, piece).await.map_err(failed)?;
            }
            if let Some(bytes) = bytes.filter(|bytes| *bytes != size) {
                let reason = format!("it has {size} bytes where the table names {bytes}");
                return Err(StoreError::new("read", location, Trouble::Outage, reason).into());
            }
            fs::rename(&part, &whole).map_err(failed)?;
            Ok(size)
        };
        let outcome = written.await;
        if outcome.is_err() {
            let _ = fs::remove_file(&part);
        }
        outcome
    }

    /// Lets go of the copies that were not used for longest, until the rest fits.
    fn evict(&self) {
        let mut state = self.state();
        let size = |copy: &Copy| copy.complete.get().copied().unwrap_or(0);
        let mut total: u64 = state.copies.values().map(size).sum();
        metrics::gauge!("contrail_lake_cache_bytes").set(total as f64);
        if total <= self.0.options.limit_bytes {
            return;
        }
        let mut idle: Vec<(u64, String, u64)> = state
            .copies
            .iter()
            .filter(|(_, copy)| copy.holders == 0)
            .map(|(name, copy)| (copy.last_use, name.clone(), size(copy)))
            .collect();
        idle.sort_unstable();
        for (_, name, bytes) in idle {
            if total <= self.0.options.limit_bytes {
                break;
            }
            if let Err(error) = fs::remove_file(self.path(&name)).or_else(gone) {
                tracing::warn!(file = name, %error, "a copy cannot be removed from the cache");
            }
            state.copies.remove(&name);
            total -= bytes;
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.options.folder.join(name)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        {
            let mut state = self.cache.state();
            if let Some(copy) = state.copies.get_mut(&self.name) {
                copy.holders -= 1;
                // Nothing was fetched after all.
                if copy.holders == 0 && !copy.complete.initialized() {
                    state.copies.remove(&self.name);
                }
            }
        }
        self.cache.evict();
    }
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Pieces are small and the disk's cache takes them at once; still, no async thread waits for a disk.
async fn write_off_thread(file: &mut File, piece: bytes::Bytes) -> io::Result<()> {
    let mut file = file.try_clone()?;
    tokio::task::spawn_blocking(move || file.write_all(&piece)).await.map_err(io::Error::other)?
}

/// The name of a location's copy.
fn name(location: &str) -> String {
    let digest = Sha256::digest(plain(location));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.parquet")
}

/// Removes folders under `parent` whose owner, a process that read the lake beside the node, is gone.
pub fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let owned = entry.file_name().to_string_lossy().starts_with(VISITOR);
        let lock = owned.then(|| File::open(entry.path().join(LOCK)).ok()).flatten();
        if lock.is_some_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

const VISITOR: &str = "visitor-";
const LOCK: &str = "lock";

/// A cache folder for a process that reads a lake beside its node; gone when dropped.
#[derive(Debug)]
pub struct Visitor {
    folder: PathBuf,
    _lock: File,
}

impl Visitor {
    pub fn new(parent: &Path) -> io::Result<Self> {
        let folder = parent.join(format!("{VISITOR}{}", uuid::Uuid::now_v7()));
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join(LOCK))?;
        lock.try_lock()?;
        Ok(Self { folder, _lock: lock })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
