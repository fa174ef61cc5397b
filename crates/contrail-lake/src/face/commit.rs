//! Commits of other programs: requirements checked against the table as it stands, updates applied, and the catalog
//! moved on, for one table or for several at once.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use contrail_kit::Backoff;
use iceberg::spec::{MAIN_BRANCH, TableMetadata, TableMetadataRef};
use iceberg::{TableIdent, TableRequirement, TableUpdate};
use serde::Deserialize;

use super::tables::{as_loaded, first_location, refused, write};
use super::{CatalogFace, FaceError, LoadedTable, What, checked_name, created, invalid, metadata_folder};
use crate::catalog::sqlite::{Kind, Swap, Swapped};
use crate::catalog::{CommitError, Loaded};
use crate::storage::{local_path, remove};

/// How often a commit that is overtaken, but whose requirements still hold, is tried.
const ATTEMPTS: u32 = 20;
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(4), Duration::from_millis(200));
/// How far a client's clock may be ahead.
const AHEAD: Duration = Duration::from_secs(60);
/// The property by which a table lets old metadata files go.
const DELETE_OLD: &str = "write.metadata.delete-after-commit.enabled";

/// What a client wants of a table.
#[derive(Clone, Debug, Deserialize)]
pub struct TableChange {
    pub identifier: Option<TableIdent>,
    requirements: Vec<TableRequirement>,
    updates: Vec<TableUpdate>,
}

/// A change applied to what it goes on top of.
struct Applied {
    ident: TableIdent,
    base: Option<String>,
    metadata: TableMetadataRef,
    location: String,
    /// Old metadata files that nothing names once this has landed.
    dropped: Vec<String>,
    /// Nothing is different.
    same: bool,
}

impl CatalogFace {
    /// Commits to one table, or makes it.
    pub async fn commit(&self, ident: &TableIdent, change: TableChange) -> Result<LoadedTable, FaceError> {
        if change.identifier.as_ref().is_some_and(|named| named != ident) {
            return Err(FaceError::Invalid("the body names another table than the address".into()));
        }
        let landed = self.land(&[(ident.clone(), change)]).await?;
        landed.first().map_or_else(
            || Err(FaceError::NoSuch(What::Table, ident.to_string())),
            |applied| as_loaded(&applied.metadata, &applied.location),
        )
    }

    /// Commits to several tables: all or none.
    pub async fn commit_all(&self, changes: Vec<TableChange>) -> Result<(), FaceError> {
        let mut named = Vec::new();
        for change in changes {
            let ident = change.identifier.clone();
            let ident = ident.ok_or_else(|| FaceError::Invalid("each change of a table names it".into()))?;
            named.push((ident, change));
        }
        let once: HashSet<&TableIdent> = named.iter().map(|(ident, _)| ident).collect();
        if named.is_empty() || once.len() != named.len() {
            return Err(FaceError::Invalid("a transaction changes at least one table, and each once".into()));
        }
        self.land(&named).await.map(drop)
    }

    /// Applies and lands, again while others are faster and the requirements still hold.
    async fn land(&self, changes: &[(TableIdent, TableChange)]) -> Result<Vec<Applied>, FaceError> {
        for attempt in 1..=ATTEMPTS {
            let mut applied = Vec::new();
            for (ident, change) in changes {
                applied.push(self.apply(ident, change).await?);
            }
            if self.try_land(&applied).await? {
                return Ok(applied);
            }
            tokio::time::sleep(BACKOFF.wait_spread(attempt)).await;
        }
        Err(FaceError::Conflict(format!("gave up after {ATTEMPTS} attempts, each overtaken by another writer")))
    }

    async fn try_land(&self, applied: &[Applied]) -> Result<bool, FaceError> {
        let mut swaps = Vec::new();
        let mut outcome = Ok(());
        for change in applied.iter().filter(|change| !change.same) {
            outcome = write(change.metadata.as_ref(), &change.location).await;
            swaps.push(Swap {
                ident: change.ident.clone(),
                kind: Kind::Table,
                base: change.base.clone(),
                location: change.location.clone(),
            });
            if outcome.is_err() {
                break;
            }
        }
        let written: Vec<String> = swaps.iter().map(|swap| swap.location.clone()).collect();
        let outcome = match outcome {
            Ok(()) if swaps.is_empty() => return Ok(true),
            Ok(()) => self.catalog.swap(swaps).await,
            Err(error) => {
                discard(written).await;
                return Err(error);
            }
        };
        match outcome {
            Ok(Swapped::Landed) => {
                discard(applied.iter().flat_map(|change| change.dropped.clone()).collect()).await;
                Ok(true)
            }
            Ok(Swapped::Moved(_)) | Err(CommitError::Conflict) => {
                discard(written).await;
                Ok(false)
            }
            Ok(Swapped::Homeless(_)) => {
                discard(written).await;
                let homeless = applied.iter().find(|change| change.base.is_none());
                let namespace = homeless.map(|change| change.ident.namespace().to_string());
                Err(FaceError::NoSuch(What::Namespace, namespace.unwrap_or_default()))
            }
            // It may have landed: the files stay.
            Err(error @ CommitError::Unknown(_)) => Err(refused(error)),
            Err(error) => {
                discard(written).await;
                Err(refused(error))
            }
        }
    }

    async fn apply(&self, ident: &TableIdent, change: &TableChange) -> Result<Applied, FaceError> {
        match self.catalog.find(ident).await? {
            Some((Kind::Table, _)) => self.applied_to(ident, change, self.loaded(ident).await?).await,
            Some((Kind::View, _)) => {
                self.may_be_made(ident, Kind::Table).await?;
                Err(FaceError::NoSuch(What::Table, ident.to_string()))
            }
            None if change.requirements.contains(&TableRequirement::NotExist) => self.made(ident, change).await,
            None => {
                self.namespace(ident.namespace()).await?;
                Err(FaceError::NoSuch(What::Table, ident.to_string()))
            }
        }
    }

    async fn applied_to(&self, ident: &TableIdent, change: &TableChange, base: Loaded) -> Result<Applied, FaceError> {
        for requirement in &change.requirements {
            checked(requirement, &base.metadata)?;
        }
        self.allowed(ident, &base.metadata, &change.updates).await?;
        self.places_of(&change.updates, base.metadata.location()).await?;
        consistent(&base.metadata, &change.updates)?;
        let mut builder = base.metadata.as_ref().clone().into_builder(Some(base.location.clone()));
        for update in change.updates.iter().cloned() {
            builder = update.apply(builder).map_err(invalid)?;
        }
        let built = builder.build().map_err(invalid)?;
        if built.changes.is_empty() {
            let (metadata, location) = (base.metadata, base.location.clone());
            let base = Some(base.location);
            return Ok(Applied { ident: ident.clone(), base, metadata, location, dropped: Vec::new(), same: true });
        }
        let metadata = built.metadata;
        self.still_serves(ident, &metadata)?;
        let trims = metadata.properties().get(DELETE_OLD).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        // The line looks for the files of its tables in their folders.
        let folder = match self.is_kept(ident) {
            true => format!("{}/metadata", metadata.location()),
            false => metadata_folder(metadata.location(), metadata.properties()),
        };
        let location = next_location(&base.location, &folder);
        self.places.inside(&location)?;
        let folder = local_path(&folder);
        let dropped = built.expired_metadata_logs.into_iter().map(|entry| entry.metadata_file);
        let own = |file: &String| trims && self.places.inside(file).is_ok_and(|path| path.starts_with(&folder));
        Ok(Applied {
            ident: ident.clone(),
            location,
            base: Some(base.location),
            dropped: dropped.filter(own).collect(),
            metadata: Arc::new(metadata),
            same: false,
        })
    }

    /// A table that the updates make.
    async fn made(&self, ident: &TableIdent, change: &TableChange) -> Result<Applied, FaceError> {
        checked_name("name", ident.name())?;
        if change.requirements.iter().any(|requirement| *requirement != TableRequirement::NotExist) {
            return Err(FaceError::NoSuch(What::Table, ident.to_string()));
        }
        let within = self.may_be_made(ident, Kind::Table).await?;
        let location = change.updates.iter().rev().find_map(|update| match update {
            TableUpdate::SetLocation { location } => Some(location.clone()),
            _ => None,
        });
        let location =
            location.unwrap_or_else(|| self.places.default(within.as_deref(), ident.namespace(), ident.name()));
        let location = self.places.free(&location)?;
        let beginning = created::beginning(&change.updates, &location)?;
        self.places_of(&change.updates, &location).await?;
        consistent(&beginning, &change.updates)?;
        let mut builder = beginning.into_builder(None);
        for update in change.updates.iter().cloned() {
            builder = update.apply(builder).map_err(invalid)?;
        }
        let metadata = Arc::new(builder.build().map_err(invalid)?.metadata);
        let location = first_location(&metadata_folder(metadata.location(), metadata.properties()));
        self.places.inside(&location)?;
        Ok(Applied { ident: ident.clone(), base: None, metadata, location, dropped: Vec::new(), same: false })
    }

    /// Files that updates name must lie where tables may.
    async fn places_of(&self, updates: &[TableUpdate], here: &str) -> Result<(), FaceError> {
        self.places.inside(here)?;
        for update in updates {
            match update {
                TableUpdate::SetLocation { location } if location.trim_end_matches('/') != here => {
                    self.places.free(location)?;
                }
                TableUpdate::AddSnapshot { snapshot } => drop(self.places.inside(snapshot.manifest_list())?),
                TableUpdate::SetStatistics { statistics } => drop(self.places.inside(&statistics.statistics_path)?),
                TableUpdate::SetPartitionStatistics { partition_statistics } => {
                    drop(self.places.inside(&partition_statistics.statistics_path)?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A requirement, with the sentence that Iceberg's own catalogs say when it does not hold.
fn checked(requirement: &TableRequirement, table: &TableMetadata) -> Result<(), FaceError> {
    use TableRequirement as R;
    let is = |ok: bool, said: &dyn Fn() -> String| {
        if ok { Ok(()) } else { Err(FaceError::Conflict(format!("Requirement failed: {}", said()))) }
    };
    let changed = |what: &str, expected: i64, found: i64| {
        is(expected == found, &|| format!("{what} changed: expected id {expected} != {found}"))
    };
    match requirement {
        R::NotExist => is(false, &|| "table already exists".into()),
        R::UuidMatch { uuid } => {
            let found = table.uuid();
            is(found == *uuid, &|| format!("UUID does not match: expected {found} != {uuid}"))
        }
        R::RefSnapshotIdMatch { r#ref: name, snapshot_id } => {
            let found = table.snapshot_for_ref(name).map(|snapshot| snapshot.snapshot_id());
            match (snapshot_id, found) {
                (None, None) => Ok(()),
                (None, Some(_)) => is(false, &|| format!("branch {name} was created concurrently")),
                (Some(wanted), None) => is(false, &|| format!("branch or tag {name} is missing, expected {wanted}")),
                (Some(wanted), Some(found)) => {
                    is(*wanted == found, &|| format!("branch {name} has changed: expected id {wanted} != {found}"))
                }
            }
        }
        R::LastAssignedFieldIdMatch { last_assigned_field_id: id } => {
            changed("last assigned field id", (*id).into(), table.last_column_id().into())
        }
        R::CurrentSchemaIdMatch { current_schema_id: id } => {
            changed("current schema", (*id).into(), table.current_schema_id().into())
        }
        R::LastAssignedPartitionIdMatch { last_assigned_partition_id: id } => {
            changed("last assigned partition id", (*id).into(), table.last_partition_id().into())
        }
        R::DefaultSpecIdMatch { default_spec_id: id } => {
            changed("default partition spec", (*id).into(), table.default_partition_spec_id().into())
        }
        R::DefaultSortOrderIdMatch { default_sort_order_id: id } => {
            changed("default sort order", *id, table.default_sort_order().order_id)
        }
    }
}

/// What the format library would not survive, or would not call a conflict.
fn consistent(base: &TableMetadata, updates: &[TableUpdate]) -> Result<(), FaceError> {
    let mut current = base.current_snapshot_id();
    let mut sequence_number = base.last_sequence_number();
    let mut removed = HashSet::new();
    let mut refs: BTreeMap<&str, i64> = BTreeMap::new();
    for update in updates {
        match update {
            TableUpdate::AddSnapshot { snapshot } => {
                let number = snapshot.sequence_number();
                if number <= sequence_number && snapshot.parent_snapshot_id().is_some() && number > 0 {
                    let message = format!("the snapshot's sequence number {number} is taken: {sequence_number} stands");
                    return Err(FaceError::Conflict(message));
                }
                not_ahead(snapshot.timestamp_ms())?;
                if number < 0 {
                    return Err(FaceError::Invalid("a sequence number is not below 0".into()));
                }
                sequence_number = number;
            }
            TableUpdate::SetSnapshotRef { ref_name, reference } => {
                if ref_name == MAIN_BRANCH {
                    current = Some(reference.snapshot_id);
                }
                refs.insert(ref_name, reference.snapshot_id);
            }
            TableUpdate::RemoveSnapshotRef { ref_name } if ref_name == MAIN_BRANCH => current = None,
            TableUpdate::RemoveSnapshots { snapshot_ids } => removed.extend(snapshot_ids.iter().copied()),
            _ => {}
        }
    }
    if current.is_some_and(|current| removed.contains(&current)) {
        return Err(FaceError::Invalid("the current snapshot cannot be removed: set another one first".into()));
    }
    match refs.iter().find(|(_, id)| removed.contains(id)) {
        Some((name, id)) => Err(FaceError::Invalid(format!("snapshot {id} is removed, and {name} set to it"))),
        None => Ok(()),
    }
}

/// Refuses a time ahead of ours: whatever came after it in truth would be taken for older, and be refused.
pub(super) fn not_ahead(timestamp_ms: i64) -> Result<(), FaceError> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    if i128::from(timestamp_ms) > now.as_millis() as i128 + AHEAD.as_millis() as i128 {
        return Err(FaceError::Invalid(format!("the time {timestamp_ms} ms lies ahead: check the clock")));
    }
    Ok(())
}

/// The location of the metadata file that follows `base`.
pub(super) fn next_location(base: &str, folder: &str) -> String {
    let name = base.rsplit('/').next().unwrap_or_default();
    let number = name.split('-').next().and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    format!("{folder}/{:05}-{}.metadata.json", u64::from(number) + 1, uuid::Uuid::new_v4())
}

/// Removes files that nothing names.
pub(super) async fn discard(locations: Vec<String>) {
    let removed = tokio::task::spawn_blocking(move || {
        for location in locations {
            if let Err(error) = remove(&local_path(&location)) {
                tracing::warn!(file = location, %error, "an unused metadata file stays");
            }
        }
    });
    let _ = removed.await;
}
