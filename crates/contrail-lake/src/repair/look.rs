//! Reading every file that the kept versions name: which of them cannot be.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use iceberg::spec::{ManifestContentType, ManifestEntry, ManifestFile, ManifestStatus, TableMetadata};

use crate::entries::{live_file, read_list};
use crate::error::{Doing, FilesError, LakeError};
use crate::shape::TableShape;
use crate::storage::Store;
use crate::table::LakeTable;
use crate::version::{LiveFile, Manifest};

/// Files looked at side by side.
const AT_ONCE: usize = 16;

/// What was found of a table's files.
#[derive(Default)]
pub(super) struct Seen {
    /// By snapshot id: what its list names, or why it cannot be read.
    pub lists: BTreeMap<i64, Result<Vec<ManifestFile>, String>>,
    /// By path.
    pub manifests: HashMap<String, Result<Read, String>>,
    /// Data files that are broken, by path, and why.
    pub files: HashMap<String, String>,
}

/// A manifest with all its entries.
pub(super) struct Read {
    pub manifest: Arc<Manifest>,
    pub marked: Vec<(ManifestStatus, Arc<LiveFile>)>,
}

impl Read {
    pub fn new(
        file: &ManifestFile,
        entries: Vec<Arc<ManifestEntry>>,
        shape: &TableShape,
        metadata: &TableMetadata,
    ) -> Self {
        let mark = |entry: Arc<ManifestEntry>| {
            let status = entry.status();
            (status, Arc::new(live_file(Arc::unwrap_or_clone(entry), file, shape, metadata)))
        };
        let marked: Vec<_> = entries.into_iter().map(mark).collect();
        let live = marked.iter().filter(|(status, _)| *status != ManifestStatus::Deleted);
        let live = live.map(|(_, file)| file.clone()).collect();
        Self { manifest: Arc::new(Manifest { file: file.clone(), live }), marked }
    }
}

impl Seen {
    /// The data manifests that a snapshot names: those that can be read, and those that cannot.
    pub fn manifests_of(&self, id: i64) -> Option<(Vec<Arc<Manifest>>, Vec<ManifestFile>)> {
        let list = self.lists.get(&id)?.as_ref().ok()?;
        let (mut read, mut lost) = (Vec::new(), Vec::new());
        for file in list.iter().filter(|file| file.content == ManifestContentType::Data) {
            match self.manifests.get(&file.manifest_path) {
                Some(Ok(found)) => read.push(found.manifest.clone()),
                _ => lost.push(file.clone()),
            }
        }
        Some((read, lost))
    }

    /// Whether everything but data files can be read.
    pub fn is_readable(&self, id: i64) -> bool {
        self.manifests_of(id).is_some_and(|(_, lost)| lost.is_empty())
    }

    /// Whether everything can be read.
    pub fn is_whole(&self, id: i64) -> bool {
        self.manifests_of(id).is_some_and(|(read, lost)| {
            lost.is_empty() && read.iter().flat_map(|m| &m.live).all(|file| !self.files.contains_key(&file.path))
        })
    }
}

/// Why a file cannot be read; an error that may be over in a moment stays one.
pub(super) fn reason<T>(
    table: &LakeTable,
    path: &str,
    outcome: Result<T, LakeError>,
) -> Result<Result<T, String>, LakeError> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(error) => match table.0.damaged(path, error) {
            LakeError::Files(FilesError::Damaged { reason, .. }) => Ok(Err(reason)),
            error => Err(error),
        },
    }
}

pub(super) async fn look(
    table: &LakeTable,
    metadata: &TableMetadata,
    deep: bool,
    looked: &(impl Fn(usize, usize) + Send + Sync),
) -> Result<Seen, LakeError> {
    let mut seen = Seen::default();
    let shape = table.shape();
    for snapshot in metadata.snapshots() {
        let path = snapshot.manifest_list();
        let list = reason(table, path, read_list(&table.0, metadata, path).await)?;
        for file in list.as_ref().into_iter().flatten() {
            if file.content != ManifestContentType::Data || seen.manifests.contains_key(&file.manifest_path) {
                continue;
            }
            let read = file.load_manifest(&table.0.store.files()).await;
            let read = read.doing(|| format!("read manifest {}", file.manifest_path));
            let read = reason(table, &file.manifest_path, read)?;
            let read = read.map(|manifest| Read::new(file, manifest.into_parts().0, &shape, metadata));
            seen.manifests.insert(file.manifest_path.clone(), read);
        }
        seen.lists.insert(snapshot.snapshot_id(), list);
    }
    let current = metadata.current_snapshot_id().and_then(|id| seen.manifests_of(id)).unwrap_or_default().0;
    let now: HashSet<String> = current.iter().flat_map(|m| &m.live).map(|file| file.path.clone()).collect();
    let mut data: BTreeMap<String, u64> = BTreeMap::new();
    for file in seen.manifests.values().flatten().flat_map(|read| &read.manifest.live) {
        data.insert(file.path.clone(), file.bytes);
    }
    let (all, mut done) = (data.len(), 0);
    let looks = data.into_iter().map(|(path, bytes)| {
        let (table, now) = (table.clone(), now.contains(&path));
        async move {
            let found = broken(&table, &path, bytes, now, deep).await;
            found.map(|found| (path, found))
        }
    });
    let mut looks = futures::stream::iter(looks).buffer_unordered(AT_ONCE);
    while let Some((path, found)) = looks.try_next().await? {
        done += 1;
        looked(done, all);
        if let Some(why) = found {
            seen.files.insert(path, why);
        }
    }
    Ok(seen)
}

/// What is wrong with a data file: of those of now also whether it is a Parquet file, and with `deep` whether all its rows
/// can be read.
pub(super) async fn broken(
    table: &LakeTable,
    path: &str,
    bytes: u64,
    now: bool,
    deep: bool,
) -> Result<Option<String>, LakeError> {
    match table.0.store.size(path).await? {
        None => return Ok(Some("is not there".into())),
        Some(found) if found != bytes => return Ok(Some(format!("has {found} bytes instead of {bytes}"))),
        Some(_) => {}
    }
    // A store elsewhere is asked for whole files only if that is wanted.
    if !now || (!deep && !matches!(table.0.store, Store::Local)) {
        return Ok(None);
    }
    let (reader, file) = (table.clone(), path.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let schema = reader.schema();
        let mut rows = reader.rows_of(&file, &schema, 8192)?;
        if deep { rows.try_for_each(|batch| batch.map(drop)) } else { Ok(()) }
    });
    let read = read.await.unwrap_or_else(|panic| {
        Err(LakeError::Parquet { doing: format!("read {path}"), source: panic.to_string().into() })
    });
    Ok(match read {
        Err(LakeError::Files(FilesError::Damaged { reason, .. })) => Some(reason),
        outcome => reason(table, path, outcome)?.err(),
    })
}
