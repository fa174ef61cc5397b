//! Which files go with a purged table: those that its metadata name, that lie in its own folder, and that no other
//! table needs.

use std::collections::HashSet;
use std::path::PathBuf;

use iceberg::TableIdent;
use iceberg::spec::{ManifestFile, ManifestList, TableMetadata};

use super::{CatalogFace, FaceError};
use crate::catalog::Loaded;
use crate::storage::{local_files, local_path, remove};

impl CatalogFace {
    /// Where the table is now, and what may be deleted of it.
    pub(super) async fn files_to_purge(&self, ident: &TableIdent) -> Result<(String, Vec<PathBuf>), FaceError> {
        let loaded = self.loaded(ident).await?;
        let folder = self.places.inside(loaded.metadata.location())?;
        let mut files = named(&loaded).await;
        files.retain(|path| {
            let path = path.to_string_lossy();
            self.places.inside(&path).is_ok_and(|path| path.starts_with(&folder) && !self.places.is_kept(&path))
        });
        for other in self.catalog.all_tables().await?.into_iter().filter(|other| other != ident) {
            let Ok(other) = self.loaded(&other).await else { continue };
            let place = local_path(other.metadata.location());
            if place.starts_with(&folder) || folder.starts_with(&place) {
                let needed = named(&other).await;
                files.retain(|path| !needed.contains(path));
            }
        }
        Ok((loaded.location, files.into_iter().collect()))
    }
}

/// Every file that the metadata, its log and the snapshots name. What cannot be read names nothing.
async fn named(loaded: &Loaded) -> HashSet<PathBuf> {
    let metadata = &loaded.metadata;
    let mut files = HashSet::from([local_path(&loaded.location)]);
    files.extend(metadata.metadata_log().iter().map(|entry| local_path(&entry.metadata_file)));
    files.extend(metadata.statistics_iter().map(|file| local_path(&file.statistics_path)));
    files.extend(metadata.partition_statistics_iter().map(|file| local_path(&file.statistics_path)));
    for snapshot in metadata.snapshots() {
        files.insert(local_path(snapshot.manifest_list()));
        add_entries(metadata, snapshot.manifest_list(), &mut files).await;
    }
    files
}

async fn add_entries(metadata: &TableMetadata, list: &str, files: &mut HashSet<PathBuf>) {
    let io = local_files();
    let Ok(bytes) = async { io.new_input(list)?.read().await }.await else { return };
    let Ok(list) = ManifestList::parse_with_version(&bytes, metadata.format_version()) else { return };
    let manifests: Vec<ManifestFile> = list.consume_entries().into_iter().collect();
    for manifest in manifests {
        if !files.insert(local_path(&manifest.manifest_path)) {
            continue;
        }
        if let Ok(entries) = manifest.load_manifest(&io).await {
            files.extend(entries.entries().iter().map(|entry| local_path(entry.data_file.file_path())));
        }
    }
}

/// Deletes them; what cannot be deleted stays and is said in the log.
pub(super) async fn delete(files: Vec<PathBuf>) {
    let deleted = tokio::task::spawn_blocking(move || {
        for path in files {
            if let Err(error) = remove(&path) {
                tracing::warn!(file = %path.display(), %error, "a file of a purged table stays");
            }
        }
    });
    let _ = deleted.await;
}
