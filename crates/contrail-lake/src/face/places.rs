//! Where tables may lie: under the warehouse and the allowed folders, out of the folders of the line's tables.

use std::io;
use std::path::{Component, Path, PathBuf};

use iceberg::NamespaceIdent;
use uuid::Uuid;

use super::FaceError;
use crate::storage::local_path;

#[derive(Clone, Debug)]
pub(super) struct Places {
    pub warehouse: PathBuf,
    /// The warehouse and the other allowed folders.
    allowed: Vec<PathBuf>,
    /// Folders of the line's tables.
    kept: Vec<PathBuf>,
}

impl Places {
    pub fn new(warehouse: PathBuf, locations: Vec<PathBuf>, kept: Vec<PathBuf>) -> io::Result<Self> {
        let warehouse = std::path::absolute(warehouse)?;
        let locations = locations.iter().map(|path| std::path::absolute(local_path(&path.to_string_lossy())));
        let allowed = std::iter::once(Ok(warehouse.clone())).chain(locations).collect::<io::Result<_>>()?;
        let kept = kept.iter().map(|path| warehouse.join(path)).collect();
        Ok(Self { warehouse, allowed, kept })
    }

    /// The path of a location that is local and inside an allowed folder, also when links are followed.
    pub fn inside(&self, location: &str) -> Result<PathBuf, FaceError> {
        let refused = |why: &str| FaceError::Invalid(format!("the location {location:?} is refused: {why}"));
        if !location.starts_with('/') && !location.starts_with("file:/") {
            return Err(refused("files of this catalog are local, so it is an absolute path or begins with file:/"));
        }
        if location.chars().any(char::is_control) {
            return Err(refused("it has control characters"));
        }
        let path = local_path(location);
        let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
        if !path.is_absolute() || !path.components().all(plain) {
            return Err(refused("it must be an absolute path without . and .."));
        }
        let followed = real(&path);
        if self.allowed.iter().any(|folder| followed.starts_with(real(folder))) {
            return Ok(path);
        }
        Err(refused(&format!(
            "tables lie under the warehouse {} or a folder that serve.iceberg.locations lists",
            self.warehouse.display()
        )))
    }

    /// The same for something new: not where the line's tables are, whose folders are swept of what is not theirs.
    pub fn free(&self, location: &str) -> Result<String, FaceError> {
        let path = real(&self.inside(location)?);
        let taken = self.kept.iter().map(|kept| real(kept));
        if taken.into_iter().any(|kept| path.starts_with(&kept) || kept.starts_with(&path)) {
            let message = format!("the location {location:?} is refused: a table that contrail fills lies there");
            return Err(FaceError::Invalid(message));
        }
        Ok(location.trim_end_matches('/').to_owned())
    }

    /// Whether a path is in the folder of a table of the line.
    pub fn is_kept(&self, path: &Path) -> bool {
        let path = real(path);
        self.kept.iter().any(|kept| path.starts_with(real(kept)))
    }

    /// A folder that nothing else has: names may be used again, and need not be fit for folders.
    pub fn default(&self, within: Option<&str>, namespace: &NamespaceIdent, name: &str) -> String {
        let id = Uuid::new_v4().simple().to_string();
        let leaf = format!("{}-{}", folder(name), &id[..8]);
        match within {
            Some(location) => format!("{}/{leaf}", location.trim_end_matches('/')),
            None => self.warehouse.join(folder(&namespace.join("."))).join(leaf).display().to_string(),
        }
    }
}

/// A name as a folder, not to be read back.
fn folder(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let text: String = name.chars().take(80).map(fit).collect();
    // No name looks like the folder of the line's namespace or of a table in it.
    if text == name { text } else { format!("_{text}") }
}

/// A path with its links followed as far as it is there.
fn real(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    for ancestor in path.ancestors() {
        if let Ok(found) = ancestor.canonicalize() {
            return rest.into_iter().rev().fold(found, |path, name| path.join(name));
        }
        rest.extend(ancestor.file_name());
    }
    path.to_owned()
}
