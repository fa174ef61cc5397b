//! What of a moved table is to be written anew, and whether its files are where they should be.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use iceberg::TableIdent;
use iceberg::spec::{Manifest, ManifestContentType, ManifestList, TableMetadata};
use serde::Serialize;
use serde_json::Value;

use super::{RelocateError, read, unreadable};
use crate::catalog::sqlite::Kind;
use crate::storage::{local_files, local_path, plain};

/// How many missing files an error names.
const NAMED: usize = 5;
/// Properties that hold a folder.
const FOLDERS: [&str; 4] =
    ["write.data.path", "write.metadata.path", "write.object-storage.path", "write.folder-storage.path"];

/// A table or view as the catalog has it.
pub(super) struct Entry {
    pub ident: TableIdent,
    pub kind: Kind,
    pub pointer: String,
}

/// One table, or view, that has moved.
#[derive(Serialize)]
pub struct Relocation {
    pub name: String,
    pub from: String,
    pub to: String,
    /// Versions that stay readable.
    pub snapshots: usize,
    /// Files that were looked for at the new place, and found.
    pub files: usize,
    /// Files that are not there, or not whole; the versions that name them are not readable.
    pub missing: Vec<String>,
    /// Files that are written anew.
    pub to_write: usize,
    #[serde(skip)]
    pub(super) entry: Entry,
    #[serde(skip)]
    pub(super) found: Found,
    #[serde(skip)]
    pub(super) old_location: String,
    /// Manifest lists by snapshot, and manifests, by the paths that are written in the files.
    #[serde(skip)]
    pub(super) lists: BTreeMap<i64, String>,
    #[serde(skip)]
    pub(super) manifests: BTreeSet<String>,
    /// Metadata of before, oldest first.
    #[serde(skip)]
    pub(super) log: Vec<(String, TableMetadata)>,
    /// Where the files lie that are written anew.
    #[serde(skip)]
    pub(super) replaced: BTreeSet<String>,
}

/// What the pointer names.
pub(super) enum Found {
    Table(Box<TableMetadata>),
    View(Value),
}

impl From<(TableIdent, Kind, String)> for Entry {
    fn from((ident, kind, pointer): (TableIdent, Kind, String)) -> Self {
        Self { ident, kind, pointer }
    }
}

impl Entry {
    pub fn name(&self) -> String {
        self.ident.to_string()
    }

    /// The warehouse that the entry says it lies in: `<root>/<namespace>/<name>/metadata/<file>`.
    pub fn root(&self) -> Option<String> {
        let pointer = plain(&self.pointer);
        let (folder, _) = pointer.rsplit_once('/')?;
        let place = format!("/{}/{}/metadata", self.ident.namespace().as_ref().join("/"), self.ident.name());
        folder.strip_suffix(place.as_str()).map(str::to_owned)
    }
}

impl Relocation {
    pub(super) fn map(&self, location: &str) -> String {
        mapped(location, &self.from, &self.to)
    }

    pub(super) fn edit(&self, value: &mut Value) {
        if let Some(text) = value.as_str() {
            *value = self.map(text).into();
        }
    }

    /// Metadata under the new paths; of a version that is not kept any more the list is only mapped.
    pub(super) fn edit_metadata(
        &self,
        metadata: &mut Value,
        lists: &HashMap<i64, String>,
        log: &HashMap<String, String>,
    ) {
        self.edit(&mut metadata["location"]);
        for key in FOLDERS {
            if let Some(value) = metadata["properties"].get_mut(key) {
                self.edit(value);
            }
        }
        for snapshot in metadata["snapshots"].as_array_mut().into_iter().flatten() {
            match snapshot["snapshot-id"].as_i64().and_then(|id| lists.get(&id)) {
                Some(list) => snapshot["manifest-list"] = list.clone().into(),
                None => self.edit(&mut snapshot["manifest-list"]),
            }
        }
        for key in ["statistics", "partition-statistics"] {
            for file in metadata.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
                self.edit(&mut file["statistics-path"]);
            }
        }
        // An earlier file that has gone, as the oldest have in the files before, is not named any more.
        if let Some(entries) = metadata.get_mut("metadata-log").and_then(Value::as_array_mut) {
            entries.retain_mut(|entry| {
                let new = entry["metadata-file"].as_str().and_then(|path| log.get(path));
                new.map(|path| entry["metadata-file"] = path.clone().into()).is_some()
            });
        }
    }
}

/// `None`: the entry does not lie under `from`.
pub(super) async fn look(
    entry: &Entry,
    from: &str,
    to: &str,
    partly: bool,
) -> Result<Option<Relocation>, RelocateError> {
    if !is_under(&entry.pointer, from) || from == to {
        return Ok(None);
    }
    let pointer = mapped(&entry.pointer, from, to);
    let mut plan = Relocation {
        name: entry.name(),
        from: from.to_owned(),
        to: to.to_owned(),
        snapshots: 0,
        files: 0,
        missing: Vec::new(),
        to_write: 1,
        entry: Entry { ident: entry.ident.clone(), kind: entry.kind, pointer: entry.pointer.clone() },
        found: Found::View(Value::Null),
        old_location: String::new(),
        lists: BTreeMap::new(),
        manifests: BTreeSet::new(),
        log: Vec::new(),
        replaced: [plain(&pointer)].into(),
    };
    if !local_path(&pointer).exists() {
        return Err(missing(&plan, vec![pointer], 1));
    }
    if entry.kind == Kind::View {
        let view: Value =
            serde_json::from_slice(&read(&pointer)?).map_err(|error| unreadable("read view", &pointer, error))?;
        plan.old_location = view["location"].as_str().unwrap_or_default().trim_end_matches('/').to_owned();
        (plan.found, plan.files) = (Found::View(view), 1);
        return Ok(Some(plan));
    }
    let metadata = read_metadata(&pointer).await?;
    plan.old_location = metadata.location().trim_end_matches('/').to_owned();
    plan.snapshots = metadata.snapshots().len();
    plan.of_table(&metadata, partly)?;
    for entry in metadata.metadata_log() {
        let path = plan.map(&entry.metadata_file);
        if local_path(&path).exists() {
            plan.log.push((entry.metadata_file.clone(), read_metadata(&path).await?));
            plan.replaced.insert(plain(&path));
        }
    }
    plan.to_write = 2 + plan.log.len() + plan.lists.len() + plan.manifests.len();
    plan.found = Found::Table(Box::new(metadata));
    Ok(Some(plan))
}

impl Relocation {
    /// Looks for every file that a kept snapshot names.
    fn of_table(&mut self, metadata: &TableMetadata, partly: bool) -> Result<(), RelocateError> {
        let (mut gone, mut seen, mut data) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        for snapshot in metadata.snapshots() {
            let path = self.map(snapshot.manifest_list());
            let parse = |bytes: &[u8]| ManifestList::parse_with_version(bytes, metadata.format_version()).ok();
            let Some(list) = std::fs::read(local_path(&path)).ok().and_then(|bytes| parse(&bytes)) else {
                gone.push(path);
                continue;
            };
            self.replaced.insert(plain(&path));
            self.lists.insert(snapshot.snapshot_id(), snapshot.manifest_list().to_owned());
            for file in list.consume_entries() {
                if file.content == ManifestContentType::Deletes {
                    return Err(RelocateError::ForeignDeletes { name: self.name.clone() });
                }
                if !seen.insert(file.manifest_path.clone()) {
                    continue;
                }
                let path = self.map(&file.manifest_path);
                let bytes = std::fs::read(local_path(&path)).ok();
                let Some(manifest) = bytes.and_then(|bytes| Manifest::parse_avro(&bytes).ok()) else {
                    gone.push(path);
                    continue;
                };
                self.replaced.insert(plain(&path));
                self.manifests.insert(file.manifest_path);
                let live = manifest.entries().iter().filter(|entry| entry.is_alive());
                data.extend(live.map(|entry| (self.map(entry.file_path()), entry.file_size_in_bytes())));
            }
        }
        let whole = |path: &str, bytes: u64| std::fs::metadata(local_path(path)).is_ok_and(|file| file.len() == bytes);
        gone.extend(data.iter().filter(|(path, bytes)| !whole(path, **bytes)).map(|(path, _)| path.clone()));
        let named = 1 + metadata.snapshots().len() + seen.len() + data.len();
        self.files = named - gone.len();
        if !partly && !gone.is_empty() {
            return Err(missing(self, gone, named));
        }
        self.missing = gone;
        Ok(())
    }
}

fn missing(plan: &Relocation, mut files: Vec<String>, of: usize) -> RelocateError {
    let count = files.len();
    files.truncate(NAMED);
    RelocateError::Missing { name: plan.name.clone(), root: plan.to.clone(), count, of, first: files }
}

async fn read_metadata(path: &str) -> Result<TableMetadata, RelocateError> {
    let read = TableMetadata::read_from(&local_files(), path).await;
    read.map_err(|error| unreadable("read table metadata", path, error))
}

pub(super) fn is_under(location: &str, root: &str) -> bool {
    plain(location).strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
}

/// A location under its new root; one that lies elsewhere stays.
pub(super) fn mapped(location: &str, from: &str, to: &str) -> String {
    if !is_under(location, from) {
        return location.to_owned();
    }
    let scheme = ["file://", "file:"].into_iter().find(|scheme| location.starts_with(scheme)).unwrap_or_default();
    format!("{scheme}{to}{}", &plain(location)[from.len()..])
}

/// The number that a metadata file's name begins with; 0 for a name of another kind.
pub(super) fn number(location: &str) -> u32 {
    let name = location.rsplit('/').next().unwrap_or_default();
    name.split('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

pub(super) fn absolute(folder: &Path) -> Result<String, RelocateError> {
    let path = std::path::absolute(folder);
    let path = path.map_err(|error| unreadable("find", &folder.display().to_string(), error))?;
    Ok(path.display().to_string().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_followed_by_a_slash_and_a_scheme_stays() {
        for (location, becomes) in [
            ("/old/lake/a/t.avro", "/new/a/t.avro"),
            ("file:///old/lake/a/t.avro", "file:///new/a/t.avro"),
            ("file:/old/lake/a", "file:/new/a"),
            ("/old/lakeside/a", "/old/lakeside/a"),
            ("/elsewhere/old/lake/a", "/elsewhere/old/lake/a"),
            ("s3://old/lake/a", "s3://old/lake/a"),
        ] {
            assert_eq!(mapped(location, "/old/lake", "/new"), becomes);
        }
        assert_eq!((number("/t/00012-ab.metadata.json"), number("/t/v3.metadata.json")), (12, 0));
    }
}
