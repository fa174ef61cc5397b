//! Files on this machine: never overwritten, on disk before they are named, off the async threads.
//!
//! The format library's own local storage is meant for tests: it truncates what is there and does not sync. Here a
//! file is created new, its bytes and its folder entry are synced, and only then is the write done.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use contrail_kit::crash;
use futures::StreamExt;
use futures::stream::BoxStream;
use iceberg::io::{
    FileIO, FileIOBuilder, FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage, StorageConfig,
    StorageFactory,
};
use iceberg::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// [`FileIO`] over [`LocalStorage`].
pub(crate) fn local_files() -> FileIO {
    FileIOBuilder::new(Arc::new(LocalStorageFactory)).build()
}

/// The path of a location: `file:` URIs and plain paths.
pub(crate) fn local_path(location: &str) -> PathBuf {
    let path = location.strip_prefix("file://").or_else(|| location.strip_prefix("file:")).unwrap_or(location);
    PathBuf::from(path)
}

/// Writes a new file and makes it and its folder entry durable. Missing folders are made (and synced) on demand.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_new(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a file under a name that nothing refers to: gone is better than left to the sweep.
        let _ = fs::remove_file(path);
        return Err(error);
    }
    sync_folder(path)
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // Deletion removes emptied folders, so one can vanish between its making and our use of it.
    for _ in 0..8 {
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create_folder(path.parent())?,
            outcome => return outcome,
        }
    }
    options.open(path)
}

/// Makes a folder and its parents and syncs each parent that got a new entry.
fn create_folder(folder: Option<&Path>) -> io::Result<()> {
    let Some(folder) = folder.filter(|f| !f.as_os_str().is_empty()) else { return Ok(()) };
    match fs::create_dir(folder) {
        Ok(()) => sync_folder(folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_folder(folder.parent())?;
            create_folder(Some(folder))
        }
        Err(error) => Err(error),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Removes a file; one that is not there counts as removed. Says whether it was there.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => {
            // Only an empty folder goes; the data folder's days would otherwise stay for ever.
            if let Some(folder) = path.parent() {
                let _ = fs::remove_dir(folder);
            }
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct LocalStorageFactory;

#[typetag::serde(name = "ContrailLocalStorageFactory")]
impl StorageFactory for LocalStorageFactory {
    fn build(&self, _: &StorageConfig) -> iceberg::Result<Arc<dyn Storage>> {
        Ok(Arc::new(LocalStorage))
    }
}

/// The local file system.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct LocalStorage;

async fn blocking<T: Send + 'static>(
    doing: &'static str,
    location: &str,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> iceberg::Result<T> {
    let path = local_path(location);
    tokio::task::spawn_blocking(move || work(&path).map_err(|error| failed(doing, &path, error)))
        .await
        .map_err(|panic| Error::new(ErrorKind::Unexpected, format!("{doing} {location}: {panic}")))?
}

fn failed(doing: &str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Unexpected, format!("{doing} {}: {error}", path.display())).with_source(error)
}

#[async_trait]
#[typetag::serde(name = "ContrailLocalStorage")]
impl Storage for LocalStorage {
    async fn exists(&self, path: &str) -> iceberg::Result<bool> {
        blocking("look for", path, |p| p.try_exists()).await
    }

    async fn metadata(&self, path: &str) -> iceberg::Result<FileMetadata> {
        blocking("look at", path, |p| Ok(FileMetadata { size: fs::metadata(p)?.len() })).await
    }

    async fn read(&self, path: &str) -> iceberg::Result<Bytes> {
        blocking("read", path, |p| fs::read(p).map(Bytes::from)).await
    }

    async fn reader(&self, path: &str) -> iceberg::Result<Box<dyn FileRead>> {
        Ok(Box::new(LocalRead { path: path.to_owned() }))
    }

    async fn write(&self, path: &str, bytes: Bytes) -> iceberg::Result<()> {
        crash::point("lake.storage.before_write").map_err(crashed)?;
        blocking("write", path, move |p| write_new(p, &bytes)).await?;
        crash::point("lake.storage.after_write").map_err(crashed)
    }

    async fn writer(&self, path: &str) -> iceberg::Result<Box<dyn FileWrite>> {
        Ok(Box::new(LocalWrite { path: path.to_owned(), bytes: Some(Vec::new()) }))
    }

    async fn delete(&self, path: &str) -> iceberg::Result<()> {
        blocking("delete", path, |p| remove(p).map(drop)).await
    }

    async fn delete_prefix(&self, path: &str) -> iceberg::Result<()> {
        blocking("delete", path, |p| if p.is_dir() { fs::remove_dir_all(p) } else { Ok(()) }).await
    }

    async fn delete_stream(&self, mut paths: BoxStream<'static, String>) -> iceberg::Result<()> {
        while let Some(path) = paths.next().await {
            self.delete(&path).await?;
        }
        Ok(())
    }

    fn new_input(&self, path: &str) -> iceberg::Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_owned()))
    }

    fn new_output(&self, path: &str) -> iceberg::Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_owned()))
    }
}

pub(super) fn crashed(crash: crash::Crashed) -> Error {
    Error::new(ErrorKind::Unexpected, crash.to_string()).with_source(crash)
}

struct LocalRead {
    path: String,
}

#[async_trait]
impl FileRead for LocalRead {
    async fn read(&self, range: Range<u64>) -> iceberg::Result<Bytes> {
        blocking("read", &self.path, move |path| {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = vec![0; range.end.saturating_sub(range.start) as usize];
            file.read_exact(&mut bytes)?;
            Ok(Bytes::from(bytes))
        })
        .await
    }
}

/// Gathers in memory and writes on close: lake files are whole or not there.
struct LocalWrite {
    path: String,
    bytes: Option<Vec<u8>>,
}

#[async_trait]
impl FileWrite for LocalWrite {
    async fn write(&mut self, bytes: Bytes) -> iceberg::Result<()> {
        match &mut self.bytes {
            Some(buffer) => buffer.extend_from_slice(&bytes),
            None => return Err(Error::new(ErrorKind::Unexpected, format!("{} is closed", self.path))),
        }
        Ok(())
    }

    async fn close(&mut self) -> iceberg::Result<()> {
        match self.bytes.take() {
            Some(bytes) => LocalStorage.write(&self.path, bytes.into()).await,
            None => Err(Error::new(ErrorKind::Unexpected, format!("{} is closed", self.path))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_never_overwritten_and_folders_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/2026-11-22/16.parquet");
        let location = format!("file://{}", path.display());
        let files = local_files();
        files.new_output(&location).unwrap().write("one".into()).await.unwrap();
        assert!(files.new_output(&location).unwrap().write("two".into()).await.is_err());
        assert_eq!(files.new_input(path.to_str().unwrap()).unwrap().read().await.unwrap(), "one");
        let reader = files.new_input(&location).unwrap().reader().await.unwrap();
        assert_eq!(reader.read(1..3).await.unwrap(), "ne");
        files.delete(&location).await.unwrap();
        assert!(!path.parent().unwrap().exists(), "an emptied folder goes");
        files.delete(&location).await.unwrap();
        files.new_output(&location).unwrap().write("three".into()).await.unwrap();
    }
}
