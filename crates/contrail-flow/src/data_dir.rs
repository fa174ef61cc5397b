//! The data folder: its version, its one owner, and the address that a running node leaves in it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use contrail_kit::{Class, Classified};
use serde::{Deserialize, Serialize};

/// The version of the folder's layout that this build writes.
pub const VERSION: u32 = 1;

#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("the data folder {path} cannot be used: {source}. Choose another with --data-dir, or mend its permissions")]
    Unusable { path: PathBuf, source: io::Error },
    #[error(
        "the data folder {path} was written by a newer Contrail (layout {found}, this one knows {VERSION}). Run that \
         version, or choose another folder with --data-dir"
    )]
    Newer { path: PathBuf, found: u32 },
    #[error("{path} holds {found:?} where the layout's version belongs. Restore the file, or choose another folder")]
    BadVersion { path: PathBuf, found: String },
    #[error(
        "another Contrail runs on the data folder {path}{}. Stop it first, or choose another folder with --data-dir",
        .node.as_ref().map(|n| format!(" (process {}, {})", n.pid, n.url)).unwrap_or_default()
    )]
    InUse { path: PathBuf, node: Option<NodeAddress> },
}

impl Classified for DataDirError {
    fn class(&self) -> Class {
        Class::USER
    }
}

/// `node.json`: where the node that runs on this folder can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeAddress {
    pub pid: u32,
    pub url: String,
    pub token: String,
}

/// A data folder that this process owns; the lock goes with the value.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the folder if need be, checks its version and locks it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(unusable)?;
        // Iceberg keeps absolute paths.
        let path = fs::canonicalize(path).map_err(unusable)?;
        let lock = File::options().create(true).append(true).open(path.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataDirError::InUse { node: Self::node(&path), path });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        match Self::version(&path)? {
            Some(found) if found > VERSION => return Err(DataDirError::Newer { path, found }),
            Some(_) => {}
            None => write_synced(&path.join("VERSION"), format!("{VERSION}\n").as_bytes()).map_err(unusable)?,
        }
        for folder in ["warehouse", "marts", "cache"] {
            fs::create_dir_all(path.join(folder)).map_err(unusable)?;
        }
        let _ = fs::remove_file(path.join("node.json"));
        Ok(Self { path, _lock: lock })
    }

    /// The folder's version; `None` when it has none yet.
    fn version(path: &Path) -> Result<Option<u32>, DataDirError> {
        match fs::read_to_string(path.join("VERSION")) {
            Ok(text) => text.trim().parse().map(Some).map_err(|_| DataDirError::BadVersion {
                path: path.join("VERSION"),
                found: text.chars().take(40).collect(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DataDirError::Unusable { path: path.to_owned(), source }),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The node that says it runs on `path`; it may be gone by now.
    pub fn node(path: &Path) -> Option<NodeAddress> {
        serde_json::from_slice(&fs::read(path.join("node.json")).ok()?).ok()
    }

    /// Leaves this node's address for commands that run beside it; readable by its owner only, for the token's sake.
    pub fn announce(&self, node: &NodeAddress) -> Result<(), DataDirError> {
        let file = self.file("node.json");
        let text = serde_json::to_vec_pretty(node).expect("an address serialises");
        private(&file)
            .and_then(|()| write_synced(&file, &text))
            .map_err(|source| DataDirError::Unusable { path: file, source })
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path.join("node.json"));
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    File::open(path)?.sync_all()
}

#[cfg(unix)]
fn private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().create(true).write(true).truncate(true).mode(0o600).open(path).map(drop)
}

#[cfg(not(unix))]
fn private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_at_a_time_and_the_second_is_told_whom() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).unwrap();
        first.announce(&NodeAddress { pid: 7, url: "http://127.0.0.1:8090".into(), token: "t".into() }).unwrap();
        let refused = DataDir::open(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("process 7, http://127.0.0.1:8090"), "{refused}");
        drop(first);
        DataDir::open(folder.path()).unwrap();
    }

    #[test]
    fn a_newer_folder_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("VERSION"), "99\n").unwrap();
        assert!(matches!(DataDir::open(folder.path()), Err(DataDirError::Newer { found: 99, .. })));
        assert!(!folder.path().join("warehouse").exists());
        fs::write(folder.path().join("VERSION"), "x").unwrap();
        assert!(matches!(DataDir::open(folder.path()), Err(DataDirError::BadVersion { .. })));
    }
}
