//! The store as the format library wants it, for manifests, lists and metadata.

use std::ops::Range;
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

use super::S3Store;
use crate::storage::local::crashed;
use crate::storage::{StoreError, Trouble};

/// [`FileIO`] over a store.
pub(super) fn files(store: S3Store) -> FileIO {
    FileIOBuilder::new(Arc::new(S3Factory { files: S3Files { store: Some(store) } })).build()
}

/// The library wants to be able to send a store to another process. Ours holds connections and keys and stays here: what
/// comes out at the other end has none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct S3Files {
    #[serde(skip)]
    store: Option<S3Store>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct S3Factory {
    files: S3Files,
}

#[typetag::serde(name = "ContrailS3StorageFactory")]
impl StorageFactory for S3Factory {
    fn build(&self, _: &StorageConfig) -> iceberg::Result<Arc<dyn Storage>> {
        Ok(Arc::new(self.files.clone()))
    }
}

fn failed(error: StoreError) -> Error {
    let kind = match error.trouble() {
        Trouble::Missing => ErrorKind::DataInvalid,
        _ => ErrorKind::Unexpected,
    };
    Error::new(kind, error.to_string()).with_source(error)
}

impl S3Files {
    fn store(&self) -> iceberg::Result<&S3Store> {
        self.store.as_ref().ok_or_else(|| Error::new(ErrorKind::Unexpected, "a store without connections"))
    }
}

#[async_trait]
#[typetag::serde(name = "ContrailS3Storage")]
impl Storage for S3Files {
    async fn exists(&self, path: &str) -> iceberg::Result<bool> {
        Ok(self.store()?.look(path).await.map_err(failed)?.is_some())
    }

    async fn metadata(&self, path: &str) -> iceberg::Result<FileMetadata> {
        let missing = || failed(StoreError::new("look at", path, Trouble::Missing, "there is no such file"));
        let seen = self.store()?.look(path).await.map_err(failed)?.ok_or_else(missing)?;
        Ok(FileMetadata { size: seen.bytes })
    }

    async fn read(&self, path: &str) -> iceberg::Result<Bytes> {
        self.store()?.read(path).await.map_err(failed)
    }

    async fn reader(&self, path: &str) -> iceberg::Result<Box<dyn FileRead>> {
        Ok(Box::new(S3Read { store: self.store()?.clone(), path: path.to_owned() }))
    }

    async fn write(&self, path: &str, bytes: Bytes) -> iceberg::Result<()> {
        crash::point("lake.storage.before_write").map_err(crashed)?;
        self.store()?.create(path, bytes).await.map_err(failed)?;
        crash::point("lake.storage.after_write").map_err(crashed)
    }

    async fn writer(&self, path: &str) -> iceberg::Result<Box<dyn FileWrite>> {
        Ok(Box::new(S3Write { files: self.clone(), path: path.to_owned(), bytes: Some(Vec::new()) }))
    }

    async fn delete(&self, path: &str) -> iceberg::Result<()> {
        self.store()?.remove(path).await.map_err(failed)
    }

    async fn delete_prefix(&self, path: &str) -> iceberg::Result<()> {
        let store = self.store()?;
        for file in store.list(path).await.map_err(failed)? {
            store.remove(&file).await.map_err(failed)?;
        }
        Ok(())
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

struct S3Read {
    store: S3Store,
    path: String,
}

#[async_trait]
impl FileRead for S3Read {
    async fn read(&self, range: Range<u64>) -> iceberg::Result<Bytes> {
        self.store.read_range(&self.path, range).await.map_err(failed)
    }
}

/// Gathers in memory and writes on close.
struct S3Write {
    files: S3Files,
    path: String,
    bytes: Option<Vec<u8>>,
}

#[async_trait]
impl FileWrite for S3Write {
    async fn write(&mut self, bytes: Bytes) -> iceberg::Result<()> {
        match &mut self.bytes {
            Some(buffer) => buffer.extend_from_slice(&bytes),
            None => return Err(Error::new(ErrorKind::Unexpected, format!("{} is closed", self.path))),
        }
        Ok(())
    }

    async fn close(&mut self) -> iceberg::Result<()> {
        match self.bytes.take() {
            Some(bytes) => self.files.write(&self.path, bytes.into()).await,
            None => Err(Error::new(ErrorKind::Unexpected, format!("{} is closed", self.path))),
        }
    }
}
