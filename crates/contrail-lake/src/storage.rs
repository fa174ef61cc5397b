//! Files of a lake: written once, whole or not at all, on this machine's disks or in an S3-compatible store.
//!
//! A file is named by its location: a path, a `file:` URI or an `s3:` URI. Two spellings of one place are the same file
//! once they are [`plain`]. Which of the two homes a table has follows from its location.

mod error;
mod local;
mod s3;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use contrail_types::Micros;
use iceberg::io::FileIO;

pub use error::StoreError;
pub(crate) use error::Trouble;
pub(crate) use local::{local_files, local_path, remove, write_new};
pub use s3::S3Options;
pub(crate) use s3::S3Store;

use crate::error::LakeError;

/// A location in the one form in which locations are compared: a bare path, or an `s3:` URI.
pub(crate) fn plain(location: &str) -> String {
    match location.split_once("://") {
        Some(("s3" | "s3a" | "s3n", rest)) => format!("s3://{rest}"),
        _ => local_path(location).display().to_string(),
    }
}

/// Whether a location lies in an object store.
pub fn is_remote(location: &str) -> bool {
    plain(location).starts_with("s3://")
}

/// The home of a table's files. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Local,
    S3(S3Store),
}

impl Store {
    /// The home of what lies under `location`. `properties` are what the catalog says of the store.
    pub fn of(location: &str, options: &S3Options, properties: &s3::Properties) -> Result<Self, LakeError> {
        match location.split_once("://") {
            Some(("s3" | "s3a" | "s3n", _)) => Ok(Self::S3(S3Store::new(options, properties)?)),
            Some((scheme, _)) if scheme != "file" => {
                let reason = format!("{scheme}: is no kind of store that Contrail knows; use s3: or file:");
                Err(StoreError::new("open", location, Trouble::Setting, reason).into())
            }
            _ => Ok(Self::Local),
        }
    }

    /// For the format library: manifests, lists, metadata.
    pub fn files(&self) -> FileIO {
        match self {
            Self::Local => local_files(),
            Self::S3(store) => store.files(),
        }
    }

    /// Takes the keys that the catalog has given out last.
    pub fn renew(&self, properties: &s3::Properties) {
        if let Self::S3(store) = self {
            store.renew(properties);
        }
    }

    /// Whether the catalog's keys are not taken any more.
    pub fn wants_keys(&self) -> bool {
        matches!(self, Self::S3(store) if store.wants_keys())
    }

    /// Writes a new file, whole and durable. Blocking.
    pub fn write_new(&self, location: &str, bytes: Vec<u8>) -> Result<(), LakeError> {
        match self {
            Self::Local => write_new(&local_path(location), &bytes).map_err(|e| io_error("write", location, e)),
            Self::S3(store) => Ok(store.wait(store.create(location, bytes.into()))?),
        }
    }

    /// A whole file. Blocking.
    pub fn read(&self, location: &str) -> Result<Bytes, LakeError> {
        match self {
            Self::Local => {
                std::fs::read(local_path(location)).map(Bytes::from).map_err(|e| io_error("read", location, e))
            }
            Self::S3(store) => Ok(store.wait(store.read(location))?),
        }
    }

    pub async fn exists(&self, location: &str) -> Result<bool, LakeError> {
        match self {
            Self::Local => Ok(local_path(location).exists()),
            Self::S3(store) => Ok(store.look(location).await?.is_some()),
        }
    }

    /// How many bytes a file has; none if it is not there.
    pub async fn size(&self, location: &str) -> Result<Option<u64>, LakeError> {
        match self {
            Self::S3(store) => Ok(store.look(location).await?.map(|seen| seen.bytes)),
            Self::Local => match std::fs::metadata(local_path(location)) {
                Ok(file) => Ok(Some(file.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(io_error("look at", location, error)),
            },
        }
    }

    /// When the file was written, by the store's own clock; none if it is not there or cannot be asked.
    pub async fn modified(&self, location: &str) -> Option<Micros> {
        match self {
            Self::Local => {
                let modified = std::fs::metadata(local_path(location)).ok()?.modified().ok()?;
                Some(modified.duration_since(UNIX_EPOCH).ok()?.as_micros() as Micros)
            }
            Self::S3(store) => Some(store.look(location).await.ok()??.modified),
        }
    }

    /// Removes files one after the other, `before` each of them; says how many were there, as far as the store tells.
    pub async fn remove_all(
        &self,
        locations: Vec<String>,
        before: fn() -> Result<(), LakeError>,
    ) -> Result<usize, LakeError> {
        if let Self::S3(store) = self {
            let mut removed = 0;
            for location in locations {
                before()?;
                store.remove(&location).await?;
                removed += 1;
            }
            return Ok(removed);
        }
        let removed = tokio::task::spawn_blocking(move || {
            let mut removed = 0;
            for location in locations {
                before()?;
                let gone = remove(&local_path(&location)).map_err(|error| io_error("delete", &location, error))?;
                removed += usize::from(gone);
            }
            Ok(removed)
        });
        removed.await.unwrap_or_else(|panic| Err(io_error("delete", "files", io::Error::other(panic))))
    }

    /// Removes files that nothing names, best effort: what stays is left to the orphan sweep.
    pub async fn tidy(&self, locations: Vec<String>) {
        for location in locations {
            if let Err(error) = self.remove_all(vec![location.clone()], || Ok(())).await {
                let error = contrail_kit::class::chain(&error);
                tracing::warn!(file = location, error, "a file that nothing names stays until the sweep");
            }
        }
    }

    /// Every file under a folder, in [`plain`] form.
    pub async fn list(&self, folder: &str) -> Result<BTreeSet<String>, LakeError> {
        match self {
            Self::S3(store) => Ok(store.list(folder).await?),
            Self::Local => {
                let root = local_path(folder);
                let listed = tokio::task::spawn_blocking(move || walk(root)).await;
                listed.unwrap_or_else(|panic| Err(io_error("list", folder, io::Error::other(panic))))
            }
        }
    }
}

/// Writes a file under `folder`, reads it back and removes it: that the store is there and lets us in.
pub async fn probe(folder: &str, options: &S3Options) -> Result<(), LakeError> {
    let store = Store::of(folder, options, &s3::Properties::new())?;
    let location = format!("{}/contrail-doctor-{}", folder.trim_end_matches('/'), uuid::Uuid::now_v7());
    let (there, to) = (store.clone(), location.clone());
    let written = tokio::task::spawn_blocking(move || {
        there.write_new(&to, b"contrail".to_vec())?;
        there.read(&to)
    });
    let read = written.await.unwrap_or_else(|panic| Err(io_error("write", folder, io::Error::other(panic))))?;
    store.remove_all(vec![location.clone()], || Ok(())).await?;
    match &read[..] == b"contrail" {
        true => Ok(()),
        false => Err(StoreError::new("read", &location, Trouble::Outage, "it is not what was written").into()),
    }
}

fn walk(root: PathBuf) -> Result<BTreeSet<String>, LakeError> {
    let (mut files, mut folders) = (BTreeSet::new(), vec![root]);
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder).map_err(|error| io_error("list", &folder.display().to_string(), error))? {
            match entry.is_dir() {
                true => folders.push(entry),
                false => drop(files.insert(entry.display().to_string())),
            }
        }
    }
    Ok(files)
}

/// A folder's entries; none if it has gone in the meantime.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|e| e.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn io_error(doing: &'static str, path: &str, source: io::Error) -> LakeError {
    LakeError::Io { doing, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_has_one_plain_form() {
        for (location, form) in [
            ("/lake/a.parquet", "/lake/a.parquet"),
            ("file:///lake/a.parquet", "/lake/a.parquet"),
            ("file:/lake/a.parquet", "/lake/a.parquet"),
            ("s3://bucket/a b/c.avro", "s3://bucket/a b/c.avro"),
            ("s3a://bucket/c.avro", "s3://bucket/c.avro"),
            ("s3n://bucket/c.avro", "s3://bucket/c.avro"),
        ] {
            assert_eq!(plain(location), form);
            assert_eq!(plain(&plain(location)), form);
            assert_eq!(is_remote(location), form.starts_with("s3"));
        }
    }

    #[test]
    fn an_unknown_kind_of_store_is_refused_by_name() {
        let refused = Store::of("gs://bucket/table", &S3Options::default(), &Default::default()).unwrap_err();
        assert!(refused.to_string().contains("gs: is no kind of store"), "{refused}");
    }
}
