//! Tables: made, loaded, listed, registered, renamed, dropped.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use iceberg::spec::{
    FormatVersion, Schema, SortOrder, TableMetadata, TableMetadataBuilder, TableMetadataRef, TableProperties,
    UnboundPartitionSpec,
};
use iceberg::{NamespaceIdent, TableCreation, TableIdent};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CatalogFace, FaceError, What, checked_name, invalid, metadata_folder, ordered};
use crate::catalog::sqlite::{Kind, Renamed, Swap, Swapped};
use crate::catalog::{CatalogError, CommitError, Loaded, TableCatalog};
use crate::storage::{local_files, local_path, remove, write_new};

/// A table on its way in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NewTable {
    pub name: String,
    location: Option<String>,
    schema: Schema,
    partition_spec: Option<UnboundPartitionSpec>,
    write_order: Option<SortOrder>,
    #[serde(default)]
    stage_create: Option<bool>,
    #[serde(default)]
    properties: Option<HashMap<String, String>>,
}

/// A table as clients get it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LoadedTable {
    /// None for a table that is only staged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_location: Option<String>,
    #[serde(serialize_with = "shared")]
    metadata: Arc<Value>,
    config: BTreeMap<String, String>,
}

fn shared<S: serde::Serializer>(value: &Arc<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(serializer)
}

/// Which snapshots a client wants to hear of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Snapshots {
    #[default]
    All,
    /// Those that a branch or tag names.
    Refs,
}

impl LoadedTable {
    fn new(metadata: &TableMetadata, location: Option<String>, snapshots: Snapshots) -> Result<Self, FaceError> {
        let mut json = ordered(metadata)?;
        if snapshots == Snapshots::Refs {
            let named: HashSet<i64> = match json.get("refs").and_then(Value::as_object) {
                Some(refs) => refs.values().filter_map(|entry| entry.get("snapshot-id")?.as_i64()).collect(),
                None => HashSet::new(),
            };
            if let Some(all) = json.get_mut("snapshots").and_then(Value::as_array_mut) {
                let id = |snapshot: &Value| snapshot.get("snapshot-id").and_then(Value::as_i64);
                all.retain(|snapshot| id(snapshot).is_some_and(|id| named.contains(&id)));
            }
        }
        Ok(Self { metadata_location: location, metadata: Arc::new(json), config: BTreeMap::new() })
    }
}

impl From<&Loaded> for Result<LoadedTable, FaceError> {
    fn from(loaded: &Loaded) -> Self {
        LoadedTable::new(&loaded.metadata, Some(loaded.location.clone()), Snapshots::All)
    }
}

impl CatalogFace {
    pub async fn tables(&self, namespace: &NamespaceIdent) -> Result<Vec<String>, FaceError> {
        self.namespace(namespace).await?;
        Ok(self.catalog.names(namespace, Kind::Table).await?)
    }

    pub async fn table(&self, ident: &TableIdent, snapshots: Snapshots) -> Result<LoadedTable, FaceError> {
        let loaded = self.loaded(ident).await?;
        LoadedTable::new(&loaded.metadata, Some(loaded.location), snapshots)
    }

    /// Whether it is there.
    pub async fn table_is_there(&self, ident: &TableIdent) -> Result<(), FaceError> {
        match self.catalog.find(ident).await? {
            Some((Kind::Table, _)) => Ok(()),
            _ => Err(FaceError::NoSuch(What::Table, ident.to_string())),
        }
    }

    /// Where its metadata are now: equal locations are the same version.
    pub async fn table_location(&self, ident: &TableIdent) -> Result<String, FaceError> {
        match self.catalog.find(ident).await? {
            Some((Kind::Table, location)) => Ok(location),
            _ => Err(FaceError::NoSuch(What::Table, ident.to_string())),
        }
    }

    pub(super) async fn loaded(&self, ident: &TableIdent) -> Result<Loaded, FaceError> {
        let loaded = self.catalog.load(ident, None).await.map_err(|error| match error {
            CatalogError::NoSuchTable(_) => FaceError::NoSuch(What::Table, ident.to_string()),
            other => other.into(),
        });
        match (loaded, self.catalog.find(ident).await?) {
            (Err(FaceError::Catalog(CatalogError::Lost { .. })), Some((_, location)))
                if !local_path(&location).exists() =>
            {
                Err(FaceError::NoSuch(What::Metadata, location))
            }
            (loaded, _) => loaded,
        }
    }

    /// Makes a table, or only says how it would begin.
    pub async fn create_table(&self, namespace: &NamespaceIdent, new: NewTable) -> Result<LoadedTable, FaceError> {
        let ident = TableIdent::new(namespace.clone(), new.name.clone());
        let within = self.may_be_made(&ident, Kind::Table).await?;
        let location = match &new.location {
            Some(location) => location.clone(),
            None => self.places.default(within.as_deref(), namespace, &new.name),
        };
        let location = self.places.free(&location)?;
        let mut properties = new.properties.unwrap_or_default();
        let format_version = format_version(&mut properties)?;
        let creation = TableCreation {
            name: new.name,
            location: Some(location),
            schema: new.schema,
            partition_spec: new.partition_spec,
            sort_order: new.write_order,
            properties,
            format_version,
        };
        let built = TableMetadataBuilder::from_table_creation(creation).and_then(TableMetadataBuilder::build);
        let metadata = built.map_err(invalid)?.metadata;
        if new.stage_create.unwrap_or(false) {
            // DuckDB writes its manifests there before the table is, and makes no folder for them.
            let folder = local_path(&metadata_folder(metadata.location(), metadata.properties()));
            self.places.inside(&folder.to_string_lossy())?;
            if let Err(source) = tokio::fs::create_dir_all(&folder).await {
                let doing = format!("make the folder {}", folder.display());
                return Err(CatalogError::Metadata { doing, source: source.into() }.into());
            }
            return LoadedTable::new(&metadata, None, Snapshots::All);
        }
        let location = first_location(&metadata_folder(metadata.location(), metadata.properties()));
        self.places.inside(&location)?;
        write(&metadata, &location).await?;
        let swap = Swap { ident: ident.clone(), kind: Kind::Table, base: None, location: location.clone() };
        self.land_new(swap).await?;
        LoadedTable::new(&metadata, Some(location), Snapshots::All)
    }

    /// Takes a table whose metadata file is there already.
    pub async fn register(
        &self,
        ident: &TableIdent,
        location: &str,
        overwrite: bool,
    ) -> Result<LoadedTable, FaceError> {
        let base = match self.catalog.find(ident).await? {
            Some((Kind::Table, base)) if overwrite && !self.is_kept(ident) => Some(base),
            _ => {
                self.may_be_made(ident, Kind::Table).await?;
                None
            }
        };
        self.places.inside(location)?;
        let unreadable = |_| FaceError::Invalid(format!("no table metadata can be read at {location}"));
        let metadata = TableMetadata::read_from(&local_files(), location).await.map_err(unreadable)?;
        self.places.free(metadata.location())?;
        let swap = Swap { ident: ident.clone(), kind: Kind::Table, base, location: location.to_owned() };
        match self.catalog.swap(vec![swap]).await {
            Ok(Swapped::Landed) => LoadedTable::new(&metadata, Some(location.to_owned()), Snapshots::All),
            Ok(Swapped::Moved(_)) => Err(taken(ident, Kind::Table, Kind::Table)),
            Ok(Swapped::Homeless(_)) => Err(FaceError::NoSuch(What::Namespace, ident.namespace().to_string())),
            Err(error) => Err(refused(error)),
        }
    }

    pub async fn rename_table(&self, from: &TableIdent, to: &TableIdent) -> Result<(), FaceError> {
        self.rename(from, to, Kind::Table).await
    }

    pub(super) async fn rename(&self, from: &TableIdent, to: &TableIdent, kind: Kind) -> Result<(), FaceError> {
        super::checked_namespace(to.namespace())?;
        checked_name("name", to.name())?;
        self.not_kept(from, "renamed")?;
        let missing = |ident: &TableIdent| match kind {
            Kind::Table => FaceError::NoSuch(What::Table, ident.to_string()),
            Kind::View => FaceError::NoSuch(What::View, ident.to_string()),
        };
        if self.is_kept(to) && self.catalog.find(from).await?.is_some() {
            self.not_kept(to, "taken by another")?;
        }
        match self.catalog.rename(from, to, kind).await? {
            Renamed::Done => Ok(()),
            Renamed::Missing => Err(missing(from)),
            Renamed::Homeless => Err(FaceError::NoSuch(What::Namespace, to.namespace().to_string())),
            Renamed::Taken(by) => {
                let by = if by == Kind::Table { "Table" } else { "View" };
                Err(FaceError::Exists(format!("Cannot rename {from} to {to}. {by} already exists: {to}")))
            }
        }
    }

    /// Forgets a table; with `purge` its files go as well.
    pub async fn drop_table(&self, ident: &TableIdent, purge: bool) -> Result<(), FaceError> {
        self.table_is_there(ident).await?;
        self.not_kept(ident, "dropped")?;
        // What is to be deleted is read while the table still is there to say so.
        let files = if purge { Some(self.files_to_purge(ident).await?) } else { None };
        let location = match &files {
            Some((location, _)) => location.clone(),
            None => self.table_location(ident).await?,
        };
        if !self.catalog.forget(ident, &location).await? {
            let message = format!("the table {ident} has changed while it was being dropped: drop it again");
            return Err(FaceError::Conflict(message));
        }
        if let Some((_, files)) = files {
            super::purge::delete(files).await;
        }
        Ok(())
    }

    /// Whether a name is free; gives the location that its namespace has for new tables.
    pub(super) async fn may_be_made(&self, ident: &TableIdent, kind: Kind) -> Result<Option<String>, FaceError> {
        checked_name("name", ident.name())?;
        let properties = self.namespace(ident.namespace()).await?;
        match self.catalog.find(ident).await? {
            Some((by, _)) => Err(taken(ident, kind, by)),
            None => {
                self.not_kept(ident, "made by another")?;
                Ok(properties.get("location").cloned())
            }
        }
    }

    /// Puts a new entry into the catalog; its metadata file goes again if that fails.
    pub(super) async fn land_new(&self, swap: Swap) -> Result<(), FaceError> {
        let (ident, kind, file) = (swap.ident.clone(), swap.kind, local_path(&swap.location));
        let error = match self.catalog.swap(vec![swap]).await {
            Ok(Swapped::Landed) => return Ok(()),
            Ok(Swapped::Homeless(_)) => FaceError::NoSuch(What::Namespace, ident.namespace().to_string()),
            Ok(Swapped::Moved(_)) => taken(&ident, kind, kind),
            Err(error @ CommitError::Unknown(_)) => return Err(refused(error)),
            Err(error) => refused(error),
        };
        let _ = remove(&file);
        Err(error)
    }
}

/// That a name is taken, in the words of Iceberg's own catalogs.
fn taken(ident: &TableIdent, wanted: Kind, by: Kind) -> FaceError {
    let same = if wanted == by { "" } else { " with same name" };
    let by = if by == Kind::Table { "Table" } else { "View" };
    FaceError::Exists(format!("{by}{same} already exists: {ident}"))
}

pub(super) fn refused(error: CommitError) -> FaceError {
    match error {
        CommitError::Conflict => FaceError::Conflict("the catalog is busy: try again".into()),
        CommitError::Unknown(reason) => FaceError::Unknown(reason),
        CommitError::Failed(error) => error.into(),
    }
}

/// The format version among properties, where clients send it; what else is reserved says nothing.
fn format_version(properties: &mut HashMap<String, String>) -> Result<FormatVersion, FaceError> {
    let asked = properties.remove(TableProperties::PROPERTY_FORMAT_VERSION);
    properties.retain(|key, _| !TableProperties::RESERVED_PROPERTIES.contains(&key.as_str()));
    match asked.as_deref() {
        None | Some("2") => Ok(FormatVersion::V2),
        Some("1") => Ok(FormatVersion::V1),
        Some("3") => Ok(FormatVersion::V3),
        Some(other) => Err(FaceError::Invalid(format!("format-version is 1, 2 or 3, not {other:?}"))),
    }
}

pub(super) fn first_location(folder: &str) -> String {
    format!("{folder}/00000-{}.metadata.json", uuid::Uuid::new_v4())
}

/// Writes a metadata file, synced.
pub(super) async fn write(metadata: &impl Serialize, location: &str) -> Result<(), FaceError> {
    let doing = format!("write metadata {location}");
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| CatalogError::Metadata { doing, source };
    let written = match serde_json::to_vec(metadata) {
        Ok(json) => {
            let path = local_path(location);
            let written = tokio::task::spawn_blocking(move || write_new(&path, &json)).await;
            written.map_err(Into::into).and_then(|outcome| outcome.map_err(Into::into))
        }
        Err(error) => Err(error.into()),
    };
    Ok(written.map_err(failed)?)
}

/// For whoever holds metadata that just have been committed.
pub(super) fn as_loaded(metadata: &TableMetadataRef, location: &str) -> Result<LoadedTable, FaceError> {
    LoadedTable::new(metadata, Some(location.to_owned()), Snapshots::All)
}
