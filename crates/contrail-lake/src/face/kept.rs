//! What may not be done to the tables that the line itself works with.

use iceberg::spec::{MAIN_BRANCH, ManifestContentType, ManifestFile, ManifestList, Snapshot, TableMetadata};
use iceberg::{TableIdent, TableUpdate};

use super::{CatalogFace, FaceError};
use crate::schema::bind::bind;
use crate::shape::Grows;
use crate::storage::{local_files, local_path};

/// The properties in which the line keeps its progress.
const PROGRESS: &str = "contrail.";

impl CatalogFace {
    /// Refuses what would take a table away from the line.
    pub(super) fn not_kept(&self, ident: &TableIdent, what: &str) -> Result<(), FaceError> {
        if !self.is_kept(ident) {
            return Ok(());
        }
        let reason = format!(
            "{ident} is filled by contrail and cannot be {what}: copy its rows into a table of your own and go on there"
        );
        Err(FaceError::Kept { commit: false, reason })
    }

    /// Refuses columns of a table with which the line could not go on. It finds its own by their field ids, so that they
    /// may be renamed, widened and moved, and others stand beside them.
    pub(super) fn still_serves(&self, ident: &TableIdent, next: &TableMetadata) -> Result<(), FaceError> {
        let Some(def) = self.kept.get(ident.name()).filter(|_| self.is_kept(ident)) else { return Ok(()) };
        match bind(def, Grows::Never, next) {
            Ok(_) => Ok(()),
            Err(error) => Err(FaceError::Kept { commit: true, reason: error.to_string() }),
        }
    }

    /// Whether these updates leave the line what it needs of its table. Rows may be appended and deleted, snapshots
    /// expired, branches and tags made, columns and partitions changed, properties set that are not the line's.
    pub(super) async fn allowed(
        &self,
        ident: &TableIdent,
        base: &TableMetadata,
        updates: &[TableUpdate],
    ) -> Result<(), FaceError> {
        if !self.is_kept(ident) {
            return Ok(());
        }
        let refused = |what: &str| {
            let reason = format!("{ident} is filled by contrail, which {what}");
            Err(FaceError::Kept { commit: true, reason })
        };
        for update in updates {
            match update {
                TableUpdate::SetProperties { updates } if updates.keys().any(|key| key.starts_with(PROGRESS)) => {
                    return refused("keeps its progress in the properties contrail.*: leave them alone");
                }
                TableUpdate::RemoveProperties { removals } if removals.iter().any(|key| key.starts_with(PROGRESS)) => {
                    return refused("keeps its progress in the properties contrail.*: leave them alone");
                }
                TableUpdate::SetSnapshotRef { ref_name, reference } if ref_name == MAIN_BRANCH => {
                    let new = |update: &TableUpdate| {
                        matches!(update, TableUpdate::AddSnapshot { snapshot }
                                 if snapshot.snapshot_id() == reference.snapshot_id)
                    };
                    if !updates.iter().any(new) && base.current_snapshot_id() != Some(reference.snapshot_id) {
                        return refused("cannot go back to an older snapshot: delete the rows instead");
                    }
                }
                TableUpdate::RemoveSnapshotRef { ref_name } if ref_name == MAIN_BRANCH => {
                    return refused("needs its main branch: delete the rows instead");
                }
                TableUpdate::AddSnapshot { snapshot } => {
                    if let Some(what) = self.unreadable(base, snapshot).await? {
                        return refused(&what);
                    }
                }
                TableUpdate::AssignUuid { uuid } if *uuid != base.uuid() => return refused("knows it by its uuid"),
                TableUpdate::SetLocation { location } if location.trim_end_matches('/') != base.location() => {
                    return refused("finds its files by its location");
                }
                TableUpdate::UpgradeFormatVersion { format_version } if *format_version != base.format_version() => {
                    return refused("writes its format version");
                }
                TableUpdate::RemoveSchemas { .. } => {
                    return refused("knows its columns by what they were called in its first schemas: leave them");
                }
                TableUpdate::AddSortOrder { .. } | TableUpdate::SetDefaultSortOrder { .. } => {
                    return refused("sorts its files as its models say: rewrite a table of your own as you like");
                }
                TableUpdate::AddEncryptionKey { .. } | TableUpdate::RemoveEncryptionKey { .. } => {
                    return refused("does not encrypt its files");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What of a snapshot the line could not live with. It does not apply delete files; and its upkeep deletes data
    /// files that nothing names any more, so they must be the table's own.
    async fn unreadable(&self, base: &TableMetadata, snapshot: &Snapshot) -> Result<Option<String>, FaceError> {
        let bad =
            |what: &str| FaceError::Invalid(format!("{what} of snapshot {} cannot be read", snapshot.snapshot_id()));
        let own = |path: &str| local_path(path).starts_with(local_path(base.location())) && !path.contains("/../");
        self.places.inside(snapshot.manifest_list())?;
        let files = local_files();
        let bytes = async { files.new_input(snapshot.manifest_list())?.read().await }.await;
        let bytes = bytes.map_err(|_| bad("the manifest list"))?;
        let list = ManifestList::parse_with_version(&bytes, base.format_version());
        let list: Vec<ManifestFile> =
            list.map_err(|_| bad("the manifest list"))?.consume_entries().into_iter().collect();
        for manifest in list {
            if manifest.content == ManifestContentType::Deletes {
                return Ok(Some(
                    "does not apply delete files: write with copy-on-write (write.delete.mode, write.update.mode and \
                     write.merge.mode = copy-on-write)"
                        .into(),
                ));
            }
            if manifest.added_snapshot_id != snapshot.snapshot_id() {
                continue;
            }
            self.places.inside(&manifest.manifest_path)?;
            let entries = manifest.load_manifest(&files).await.map_err(|_| bad("a manifest"))?;
            let foreign = entries.entries().iter().find(|e| e.is_alive() && !own(e.data_file.file_path()));
            if let Some(entry) = foreign {
                let path = entry.data_file.file_path();
                return Ok(Some(format!(
                    "deletes files that are no longer needed, so all must lie in {}: {path} does not",
                    base.location()
                )));
            }
        }
        Ok(None)
    }
}
