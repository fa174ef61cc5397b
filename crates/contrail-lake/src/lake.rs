//! The lake: a namespace of tables under one warehouse folder.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use contrail_kit::Clock;
use contrail_types::TableDef;
use iceberg::io::FileIO;
use iceberg::{NamespaceIdent, TableIdent};

use crate::catalog::{CatalogError, Loaded, TableCatalog};
use crate::error::LakeError;
use crate::schema;
use crate::shape::{Grows, TableShape};
use crate::storage::local_files;
use crate::table::{Inner, LakeTable};
use crate::upkeep::queue::Queue;

/// Where a lake lives.
#[derive(Clone, Debug)]
pub struct LakeOptions {
    /// The namespace of all tables, such as `aviation`.
    pub namespace: String,
    /// Folder under which tables lie as `<warehouse>/<namespace>/<table>`. Iceberg keeps absolute paths.
    pub warehouse: PathBuf,
    /// SQLite file that holds the queue of files to delete; may be the embedded catalog's own.
    pub queue: PathBuf,
}

/// A namespace of tables. Cheap to clone; all clones share caches and pins.
#[derive(Clone)]
pub struct Lake(Arc<Shared>);

pub(crate) struct Shared {
    pub catalog: Arc<dyn TableCatalog>,
    pub files: FileIO,
    pub options: LakeOptions,
    pub clock: Clock,
    pub queue: Queue,
    /// Tables that are open: whoever asks for one by the same definition shares its caches, pins and turn.
    open: Mutex<HashMap<String, Weak<Inner>>>,
}

impl Lake {
    /// Opens a lake; makes nothing but the queue's file. Blocking, a few milliseconds.
    pub fn open(catalog: Arc<dyn TableCatalog>, options: LakeOptions, clock: Clock) -> Result<Self, LakeError> {
        let warehouse = std::path::absolute(&options.warehouse).map_err(|source| LakeError::Io {
            doing: "find the warehouse folder",
            path: options.warehouse.display().to_string(),
            source,
        })?;
        let options = LakeOptions { warehouse, ..options };
        let queue = Queue::open(&options.queue)?;
        Ok(Self(Arc::new(Shared { catalog, files: local_files(), options, clock, queue, open: Mutex::default() })))
    }

    /// Names of the tables, sorted.
    pub async fn tables(&self) -> Result<Vec<String>, LakeError> {
        Ok(self.0.catalog.tables(&self.0.options.namespace).await?)
    }

    /// The table of this definition: made if it is not there, else checked column by column.
    ///
    /// # Errors
    /// [`LakeError::Schema`] names every difference.
    pub async fn ensure(&self, def: &TableDef) -> Result<LakeTable, LakeError> {
        self.open_table(def, Grows::Never).await
    }

    /// Like [`Lake::ensure`], but the table may have more columns than its definition, or gain them while it is open:
    /// optional ones of plain types. They stand in [`crate::TableShape::def`] as `gained`.
    pub async fn ensure_grown(&self, def: &TableDef) -> Result<LakeTable, LakeError> {
        self.open_table(def, Grows::Optional).await
    }

    /// Like [`Lake::ensure`], but a table that is not there stays so: `None`.
    pub async fn find(&self, def: &TableDef) -> Result<Option<LakeTable>, LakeError> {
        match self.0.catalog.load(&self.ident(&def.name), None).await {
            Err(CatalogError::NoSuchTable(_)) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(loaded) => self.shared(def, Grows::Never, &loaded).map(Some),
        }
    }

    async fn open_table(&self, def: &TableDef, grows: Grows) -> Result<LakeTable, LakeError> {
        let ident = self.ident(&def.name);
        let catalog = &self.0.catalog;
        let loaded = match catalog.load(&ident, None).await {
            Err(CatalogError::NoSuchTable(_)) => {
                let folder = self.0.options.warehouse.join(&self.0.options.namespace).join(&def.name);
                let creation = schema::creation(def, folder.display().to_string())?;
                match catalog.create(&ident, creation).await {
                    // Somebody else was faster; what they made is checked like any other.
                    Err(CatalogError::TableExists(_)) => catalog.load(&ident, None).await?,
                    outcome => outcome?,
                }
            }
            outcome => outcome?,
        };
        self.shared(def, grows, &loaded)
    }

    /// The table as somebody has opened it already, if it still is the one that was loaded; else a new handle.
    fn shared(&self, def: &TableDef, grows: Grows, loaded: &Loaded) -> Result<LakeTable, LakeError> {
        TableShape::of(def, grows, &loaded.metadata)?;
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let fits =
            |table: &Arc<Inner>| table.def == *def && table.grows == grows && table.uuid == loaded.metadata.uuid();
        if let Some(table) = open.get(&def.name).and_then(Weak::upgrade).filter(fits) {
            return Ok(LakeTable(table));
        }
        let table = LakeTable::new(self.0.clone(), self.ident(&def.name), def.clone(), grows, loaded)?;
        open.insert(def.name.clone(), Arc::downgrade(&table.0));
        Ok(table)
    }

    fn ident(&self, table: &str) -> TableIdent {
        TableIdent::new(NamespaceIdent::new(self.0.options.namespace.clone()), table.to_owned())
    }
}
