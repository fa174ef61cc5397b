//! Views: SQL of other programs under a name of the catalog. Contrail keeps them and does not run them.

use std::collections::{BTreeMap, HashMap};

use iceberg::spec::{Schema, ViewFormatVersion, ViewMetadata, ViewMetadataBuilder, ViewVersion};
use iceberg::{NamespaceIdent, TableIdent, ViewUpdate};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::commit::{discard, next_location, not_ahead};
use super::tables::{first_location, refused, write};
use super::{CatalogFace, FaceError, What, invalid, metadata_folder, ordered};
use crate::catalog::sqlite::{Kind, Swap, Swapped};
use crate::catalog::{CatalogError, CommitError};
use crate::storage::local_files;

/// A view on its way in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NewView {
    pub name: String,
    location: Option<String>,
    schema: Schema,
    view_version: ViewVersion,
    #[serde(default)]
    properties: HashMap<String, String>,
}

/// What a client wants of a view.
#[derive(Clone, Debug, Deserialize)]
pub struct ViewChange {
    identifier: Option<TableIdent>,
    #[serde(default)]
    requirements: Vec<ViewRequirement>,
    updates: Vec<ViewUpdate>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type")]
enum ViewRequirement {
    #[serde(rename = "assert-view-uuid")]
    UuidMatch { uuid: Uuid },
}

/// A view as clients get it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LoadedView {
    metadata_location: String,
    metadata: Value,
    config: BTreeMap<String, String>,
}

impl LoadedView {
    fn new(metadata: &ViewMetadata, metadata_location: String) -> Result<Self, FaceError> {
        Ok(Self { metadata_location, metadata: ordered(metadata)?, config: BTreeMap::new() })
    }
}

impl CatalogFace {
    pub async fn views(&self, namespace: &NamespaceIdent) -> Result<Vec<String>, FaceError> {
        self.namespace(namespace).await?;
        Ok(self.catalog.names(namespace, Kind::View).await?)
    }

    pub async fn view_is_there(&self, ident: &TableIdent) -> Result<String, FaceError> {
        match self.catalog.find(ident).await? {
            Some((Kind::View, location)) => Ok(location),
            _ => Err(FaceError::NoSuch(What::View, ident.to_string())),
        }
    }

    pub async fn view(&self, ident: &TableIdent) -> Result<LoadedView, FaceError> {
        let (metadata, location) = self.loaded_view(ident).await?;
        LoadedView::new(&metadata, location)
    }

    async fn loaded_view(&self, ident: &TableIdent) -> Result<(ViewMetadata, String), FaceError> {
        let mut missed = None;
        loop {
            // Between the catalog and the file another commit can take the file away: ask again.
            let location = self.view_is_there(ident).await?;
            match read(&location).await {
                Ok(metadata) => return Ok((metadata, location)),
                Err(error) if missed.as_ref() == Some(&location) => return Err(error.into()),
                Err(_) => missed = Some(location),
            }
        }
    }

    pub async fn create_view(&self, namespace: &NamespaceIdent, new: NewView) -> Result<LoadedView, FaceError> {
        let ident = TableIdent::new(namespace.clone(), new.name.clone());
        not_ahead(new.view_version.timestamp_ms())?;
        let within = self.may_be_made(&ident, Kind::View).await?;
        let location = match new.location {
            Some(location) => location,
            None => self.places.default(within.as_deref(), namespace, &new.name),
        };
        let location = self.places.free(&location)?;
        let built =
            ViewMetadataBuilder::new(location, new.schema, new.view_version, ViewFormatVersion::V1, new.properties)
                .and_then(ViewMetadataBuilder::build);
        let metadata = built.map_err(invalid)?.metadata;
        let location = first_location(&metadata_folder(metadata.location(), metadata.properties()));
        self.places.free(&location)?;
        write(&metadata, &location).await?;
        self.land_new(Swap { ident, kind: Kind::View, base: None, location: location.clone() }).await?;
        LoadedView::new(&metadata, location)
    }

    /// Takes a view whose metadata file is there already.
    pub async fn register_view(&self, ident: &TableIdent, location: &str) -> Result<LoadedView, FaceError> {
        self.may_be_made(ident, Kind::View).await?;
        self.places.inside(location)?;
        let unreadable = |_| FaceError::Invalid(format!("no view metadata can be read at {location}"));
        let metadata = read(location).await.map_err(unreadable)?;
        self.places.free(metadata.location())?;
        let swap = Swap { ident: ident.clone(), kind: Kind::View, base: None, location: location.to_owned() };
        match self.catalog.swap(vec![swap]).await.map_err(refused)? {
            Swapped::Landed => LoadedView::new(&metadata, location.to_owned()),
            Swapped::Moved(_) => Err(FaceError::Exists(format!("View already exists: {ident}"))),
            Swapped::Homeless(_) => Err(FaceError::NoSuch(What::Namespace, ident.namespace().to_string())),
        }
    }

    /// Replaces a view, or changes its properties.
    pub async fn commit_view(&self, ident: &TableIdent, change: ViewChange) -> Result<LoadedView, FaceError> {
        if change.identifier.as_ref().is_some_and(|named| named != ident) {
            return Err(FaceError::Invalid("the body names another view than the address".into()));
        }
        let (metadata, base) = self.loaded_view(ident).await?;
        for update in &change.updates {
            if let ViewUpdate::AddViewVersion { view_version } = update {
                not_ahead(view_version.timestamp_ms())?;
            }
        }
        for ViewRequirement::UuidMatch { uuid } in &change.requirements {
            let found = metadata.uuid();
            if found != *uuid {
                let message = format!("Requirement failed: view UUID does not match: expected {found} != {uuid}");
                return Err(FaceError::Conflict(message));
            }
        }
        let mut builder = metadata.into_builder();
        for update in change.updates {
            builder = match update {
                ViewUpdate::AssignUuid { uuid } => builder.assign_uuid(uuid),
                ViewUpdate::UpgradeFormatVersion { format_version } => {
                    builder.upgrade_format_version(format_version).map_err(invalid)?
                }
                ViewUpdate::AddSchema { schema, .. } => builder.add_schema(schema),
                ViewUpdate::SetLocation { location } => builder.set_location(self.places.free(&location)?),
                ViewUpdate::SetProperties { updates } => builder.set_properties(updates).map_err(invalid)?,
                ViewUpdate::RemoveProperties { removals } => builder.remove_properties(&removals),
                ViewUpdate::AddViewVersion { view_version } => builder.add_version(view_version).map_err(invalid)?,
                ViewUpdate::SetCurrentViewVersion { view_version_id } => {
                    builder.set_current_version_id(view_version_id).map_err(invalid)?
                }
            };
        }
        let metadata = builder.build().map_err(invalid)?.metadata;
        let location = next_location(&base, &metadata_folder(metadata.location(), metadata.properties()));
        self.places.inside(&location)?;
        write(&metadata, &location).await?;
        let (old, new) = (base.clone(), location.clone());
        let swap = Swap { ident: ident.clone(), kind: Kind::View, base: Some(base), location: location.clone() };
        match self.catalog.swap(vec![swap]).await {
            Ok(Swapped::Landed) => {
                self.discard_view(old).await;
                LoadedView::new(&metadata, location)
            }
            Err(error @ CommitError::Unknown(_)) => Err(refused(error)),
            outcome => {
                discard(vec![new]).await;
                let overtaken = format!("the view {ident} has changed in the meantime: load it again");
                Err(outcome.map_or_else(refused, |_| FaceError::Conflict(overtaken)))
            }
        }
    }

    pub async fn drop_view(&self, ident: &TableIdent) -> Result<(), FaceError> {
        let location = self.view_is_there(ident).await?;
        if !self.catalog.forget(ident, &location).await? {
            let message = format!("the view {ident} has changed while it was being dropped: drop it again");
            return Err(FaceError::Conflict(message));
        }
        Ok(())
    }

    pub async fn rename_view(&self, from: &TableIdent, to: &TableIdent) -> Result<(), FaceError> {
        self.rename(from, to, Kind::View).await
    }

    /// Removes a view's old metadata file, if it lies where we may.
    async fn discard_view(&self, location: String) {
        if self.places.inside(&location).is_ok() {
            discard(vec![location]).await;
        }
    }
}

async fn read(location: &str) -> Result<ViewMetadata, CatalogError> {
    let bytes = async { local_files().new_input(location)?.read().await }.await;
    let metadata = bytes.map_err(Into::into).and_then(|bytes| serde_json::from_slice(&bytes).map_err(Into::into));
    metadata.map_err(|source| CatalogError::Metadata { doing: format!("read view metadata {location}"), source })
}
