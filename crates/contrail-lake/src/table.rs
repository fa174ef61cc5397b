//! A table of the lake: loading it, reading its files, and the doors to writing, committing and upkeep.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contrail_types::TableDef;
use iceberg::TableIdent;

use crate::catalog::Loaded;
use crate::entries::Entries;
use crate::error::LakeError;
use crate::lake::Shared;
use crate::upkeep::pins::Pins;
use crate::version::{ColumnIds, Version, View};
use crate::write::Tuning;

/// A table. Cheap to clone; clones share caches, pins and the queue of committers.
#[derive(Clone)]
pub struct LakeTable(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub lake: Arc<Shared>,
    pub ident: TableIdent,
    pub def: TableDef,
    pub arrow: arrow::datatypes::SchemaRef,
    pub columns: ColumnIds,
    /// The table's folder.
    pub location: String,
    pub spec_id: i32,
    pub sort_order_id: Option<i32>,
    pub entries: Entries,
    pub tuning: Tuning,
    pub pins: Pins,
    /// Commits of one process to one table queue here instead of racing in the catalog.
    pub turn: tokio::sync::Mutex<()>,
    latest: Mutex<Option<Version>>,
}

impl LakeTable {
    pub(crate) fn new(lake: Arc<Shared>, ident: TableIdent, def: TableDef, loaded: Loaded) -> Result<Self, LakeError> {
        let schema = loaded.metadata.current_schema().clone();
        let columns = schema.as_struct().fields().iter().map(|field| (field.name.clone(), field.id)).collect();
        let order = loaded.metadata.default_sort_order();
        Ok(Self(Arc::new(Inner {
            arrow: def.arrow_schema(),
            columns: Arc::new(columns),
            location: loaded.metadata.location().to_owned(),
            spec_id: loaded.metadata.default_partition_spec_id(),
            sort_order_id: (!order.is_unsorted()).then_some(order.order_id as i32),
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

    pub fn def(&self) -> &TableDef {
        &self.0.def
    }

    /// The Arrow schema of the table's rows, with field ids.
    pub fn schema(&self) -> arrow::datatypes::SchemaRef {
        self.0.arrow.clone()
    }

    /// The table as it stands now. An unchanged table costs one look into the catalog.
    pub async fn load(&self) -> Result<Version, LakeError> {
        let known = self.latest().clone();
        let loaded = self.0.lake.catalog.load(&self.0.ident, known.as_ref().map(Version::loaded)).await?;
        if let Some(known) = known.filter(|known| known.metadata_location() == loaded.location) {
            return Ok(known);
        }
        let (manifests, deletes) = match loaded.metadata.current_snapshot() {
            Some(snapshot) => self.0.entries.of(&self.0, &loaded.metadata, snapshot).await?,
            None => (Vec::new(), Vec::new()),
        };
        let version = Version::new(View { loaded, manifests, deletes });
        self.remember(version.clone());
        Ok(version)
    }

    /// The version that this process loaded or committed last, without asking the catalog.
    pub fn last_known(&self) -> Option<Version> {
        self.latest().clone()
    }

    pub(crate) fn remember(&self, version: Version) {
        let mut latest = self.latest();
        let newer = latest.as_ref().is_none_or(|known| known.sequence_number() <= version.sequence_number());
        if newer {
            *latest = Some(version);
        }
    }

    fn latest(&self) -> MutexGuard<'_, Option<Version>> {
        self.0.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
