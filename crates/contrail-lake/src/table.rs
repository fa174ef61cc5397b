//! A table of the lake: loading it, reading its files, and the doors to writing, committing and upkeep.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use contrail_types::TableDef;
use iceberg::TableIdent;
use uuid::Uuid;

use crate::catalog::Loaded;
use crate::entries::Entries;
use crate::error::LakeError;
use crate::lake::Shared;
use crate::schema::edit::{Edit, edited};
use crate::shape::{Grows, TableShape};
use crate::storage::Store;
use crate::upkeep::pins::Pins;
use crate::version::{Version, View};
use crate::write::Tuning;

/// A table. Cheap to clone; clones share caches, pins and the queue of committers.
#[derive(Clone)]
pub struct LakeTable(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub lake: Arc<Shared>,
    pub ident: TableIdent,
    /// What the table was asked for as.
    pub def: TableDef,
    pub grows: Grows,
    /// What its rows look like as of the newest version that was seen.
    shape: RwLock<Arc<TableShape>>,
    /// The table's own id, which a table of the same name made later does not have.
    pub uuid: Uuid,
    /// The table's folder.
    pub location: String,
    pub store: Store,
    pub entries: Entries,
    pub tuning: Tuning,
    pub pins: Pins,
    /// Commits of one process to one table queue here instead of racing in the catalog.
    pub turn: tokio::sync::Mutex<()>,
    latest: Mutex<Option<Version>>,
}

impl LakeTable {
    pub(crate) fn new(
        lake: Arc<Shared>,
        ident: TableIdent,
        def: TableDef,
        grows: Grows,
        loaded: &Loaded,
    ) -> Result<Self, LakeError> {
        let (shape, _) = TableShape::of(&def, grows, &loaded.metadata)?;
        let store = Store::of(loaded.metadata.location(), &lake.s3, &loaded.store.0)?;
        Ok(Self(Arc::new(Inner {
            shape: RwLock::new(Arc::new(shape)),
            grows,
            uuid: loaded.metadata.uuid(),
            location: loaded.metadata.location().trim_end_matches('/').to_owned(),
            store,
            entries: Entries::default(),
            tuning: Tuning::default(),
            pins: Pins::default(),
            turn: tokio::sync::Mutex::new(()),
            latest: Mutex::new(None),
            lake,
            ident,
            def,
        })))
    }

    pub fn name(&self) -> &str {
        &self.0.def.name
    }

    /// What rows of the table look like, as of the newest version that this process has seen. Whoever makes rows and
    /// writes them takes it once and does both under it.
    pub fn shape(&self) -> Arc<TableShape> {
        self.0.shape()
    }

    /// The Arrow schema of the table's rows, with field ids.
    pub fn schema(&self) -> arrow::datatypes::SchemaRef {
        self.shape().schema().clone()
    }

    /// What rows looked like in `version`.
    pub(crate) fn shape_in(&self, version: &Version) -> Result<Arc<TableShape>, LakeError> {
        let shape = self.shape();
        if shape.is_of(version.metadata()) {
            return Ok(shape);
        }
        let (shape, _) = TableShape::of(&self.0.def, self.0.grows, version.metadata())?;
        Ok(Arc::new(shape))
    }

    /// The table as it stands now. An unchanged table costs one look into the catalog.
    pub async fn load(&self) -> Result<Version, LakeError> {
        let known = self.latest().clone();
        // A catalog that is told what is known may say that nothing has changed, and give no keys.
        let told = known.as_ref().filter(|_| !self.0.store.wants_keys()).map(Version::loaded);
        let loaded = self.0.lake.catalog.load(&self.0.ident, told).await?;
        self.0.store.renew(&loaded.store.0);
        if let Some(known) = known.filter(|known| known.metadata_location() == loaded.location) {
            return Ok(known);
        }
        let (manifests, deletes) = match loaded.metadata.current_snapshot() {
            Some(snapshot) => self.0.entries.of(&self.0, &loaded.metadata, snapshot).await?,
            None => (Vec::new(), Vec::new()),
        };
        let version = Version::new(View { loaded, manifests, deletes });
        self.remember(version.clone())?;
        Ok(version)
    }

    /// Whether these edits change anything of the table as it stands now.
    ///
    /// # Errors
    /// [`crate::TableError::Edit`] says which one cannot be and why.
    pub async fn edits_change(&self, edits: &[Edit]) -> Result<bool, LakeError> {
        let version = self.load().await?;
        let edited = edited(self.name(), edits, version.metadata())?;
        Ok(edited.schema.is_some() || edited.spec.is_some())
    }

    /// The version that this process loaded or committed last, without asking the catalog.
    pub fn last_known(&self) -> Option<Version> {
        self.latest().clone()
    }

    /// Keeps the newest version, and the shape that it has.
    pub(crate) fn remember(&self, version: Version) -> Result<(), LakeError> {
        let mut latest = self.latest();
        let newer = latest.as_ref().is_none_or(|known| known.sequence_number() <= version.sequence_number());
        if newer {
            let shape = self.shape_in(&version)?;
            *self.0.shape.write().unwrap_or_else(PoisonError::into_inner) = shape;
            *latest = Some(version);
        }
        Ok(())
    }

    fn latest(&self) -> MutexGuard<'_, Option<Version>> {
        self.0.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub fn shape(&self) -> Arc<TableShape> {
        self.shape.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
