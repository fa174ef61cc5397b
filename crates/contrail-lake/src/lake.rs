//! The lake: a namespace of tables, and where their files are.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use contrail_kit::Clock;
use contrail_types::TableDef;
use iceberg::{NamespaceIdent, TableIdent};

use crate::cache::{Cache, CacheOptions};
use crate::catalog::{CatalogError, Loaded, TableCatalog};
use crate::change::Change;
use crate::error::{FilesError, LakeError};
use crate::schema;
use crate::schema::edit::Edit;
use crate::shape::{Grows, TableShape};
use crate::storage::{S3Options, is_remote, local_path, plain};
use crate::table::{Inner, LakeTable};
use crate::upkeep::queue::Queue;
use crate::version::Version;

/// Where a lake on this machine lives.
#[derive(Clone, Debug)]
pub struct LakeOptions {
    /// The namespace of all tables, such as `aviation`.
    pub namespace: String,
    /// Folder under which tables lie as `<warehouse>/<namespace>/<table>`. Iceberg keeps absolute paths.
    pub warehouse: PathBuf,
    /// SQLite file that holds the queue of files to delete; may be the embedded catalog's own.
    pub queue: PathBuf,
}

/// Where a lake elsewhere lives.
#[derive(Clone, Debug)]
pub struct RemoteOptions {
    /// The namespace of all tables, such as `aviation`.
    pub namespace: String,
    /// Location under which new tables lie as `<warehouse>/<namespace>/<table>`; left out, the catalog chooses.
    pub warehouse: Option<String>,
    /// SQLite file that holds the queue of files to delete.
    pub queue: PathBuf,
    pub s3: S3Options,
    /// Where copies of the store's files are kept for reading.
    pub cache: CacheOptions,
}

/// A namespace of tables. Cheap to clone; all clones share caches and pins.
#[derive(Clone)]
pub struct Lake(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub catalog: Arc<dyn TableCatalog>,
    pub namespace: String,
    /// Folder or URI under which new tables lie; none where the catalog chooses.
    pub warehouse: Option<String>,
    pub s3: S3Options,
    pub clock: Clock,
    pub queue: Queue,
    /// Copies of remote files.
    pub cache: Option<Cache>,
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
        let (namespace, queue) = (options.namespace, Queue::open(&options.queue)?);
        let warehouse = Some(warehouse.display().to_string());
        let s3 = S3Options::default();
        Ok(Self(Arc::new(Shared {
            catalog,
            namespace,
            warehouse,
            s3,
            clock,
            queue,
            cache: None,
            open: Mutex::default(),
        })))
    }

    /// Opens a lake whose tables may lie in an object store; asks neither catalog nor store yet. Blocking, a few
    /// milliseconds; must be called where a runtime is.
    pub fn open_remote(
        catalog: Arc<dyn TableCatalog>,
        options: RemoteOptions,
        clock: Clock,
    ) -> Result<Self, LakeError> {
        let RemoteOptions { namespace, warehouse, queue, s3, cache } = options;
        let (queue, cache) = (Queue::open(&queue)?, Some(Cache::open(cache)?));
        Ok(Self(Arc::new(Shared { catalog, namespace, warehouse, s3, clock, queue, cache, open: Mutex::default() })))
    }

    /// Names of the tables, sorted.
    pub async fn tables(&self) -> Result<Vec<String>, LakeError> {
        Ok(self.0.catalog.tables(&self.0.namespace).await?)
    }

    /// The table of this definition: made if it is not there, brought up to the definition if an earlier version made
    /// it, else checked column by column. Columns are known by their field ids, whatever others call them by now.
    ///
    /// # Errors
    /// [`crate::TableError::Schema`] names every difference.
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
        let known = self.known(&def.name);
        match self.0.catalog.load(&self.ident(&def.name), known.as_ref().map(Version::loaded)).await {
            Err(CatalogError::NoSuchTable(_)) => Ok(None),
            outcome => self.shared(def, Grows::Never, &self.in_place(&def.name, outcome)?).map(Some),
        }
    }

    async fn open_table(&self, def: &TableDef, grows: Grows) -> Result<LakeTable, LakeError> {
        let ident = self.ident(&def.name);
        let catalog = &self.0.catalog;
        let known = self.known(&def.name);
        let loaded = match catalog.load(&ident, known.as_ref().map(Version::loaded)).await {
            Err(CatalogError::NoSuchTable(_)) => {
                let under = |root: &String| format!("{}/{}/{}", root.trim_end_matches('/'), self.0.namespace, def.name);
                let creation = schema::creation(def, self.0.warehouse.as_ref().map(under))?;
                match catalog.create(&ident, creation).await {
                    // Somebody else was faster; what they made is checked like any other.
                    Err(CatalogError::TableExists(_)) => catalog.load(&ident, None).await?,
                    outcome => outcome?,
                }
            }
            outcome => self.in_place(&def.name, outcome)?,
        };
        let behind = TableShape::of(def, grows, &loaded.metadata)?.1;
        let table = self.shared(def, grows, &loaded)?;
        if !behind.is_empty() {
            let edits: Vec<String> = behind.iter().map(Edit::to_string).collect();
            tracing::info!(table = def.name, edits = edits.join(", "), "the table is of an earlier version");
            table.commit(Change::alter(behind), |_| Ok(())).await.map_err(LakeError::behind)?;
        }
        Ok(table)
    }

    /// What was loaded, unless the table lies under the warehouse of now although the catalog has it elsewhere: its
    /// folder was moved, or copied.
    pub(crate) fn in_place(&self, name: &str, loaded: Result<Loaded, CatalogError>) -> Result<Loaded, LakeError> {
        let pointer = match &loaded {
            Ok(loaded) => &loaded.location,
            Err(CatalogError::Lost { location, .. }) => location,
            Err(_) => return Ok(loaded?),
        };
        let below = format!("/{}/{name}/metadata/", self.0.namespace);
        if let Some(to) = self.0.warehouse.as_deref().filter(|root| !is_remote(root) && !is_remote(pointer))
            && let Some((from, file)) = plain(pointer).split_once(below.as_str())
            && from != to.trim_end_matches('/')
        {
            let here = std::fs::canonicalize(format!("{to}{below}{file}"));
            let (table, from, to) = (name.to_owned(), from.to_owned(), to.to_owned());
            match (here, std::fs::canonicalize(local_path(pointer))) {
                (Ok(_), Err(_)) => return Err(FilesError::Moved { table, from, to }.into()),
                (Ok(here), Ok(there)) if here != there => return Err(FilesError::Copied { table, from, to }.into()),
                _ => {}
            }
        }
        Ok(loaded?)
    }

    /// The table as somebody has opened it already, if it still is the one that was loaded; else a new handle.
    fn shared(&self, def: &TableDef, grows: Grows, loaded: &Loaded) -> Result<LakeTable, LakeError> {
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

    /// The newest version that a handle of this process has seen: a table that has not changed is not read again.
    fn known(&self, table: &str) -> Option<Version> {
        let open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        LakeTable(open.get(table)?.upgrade()?).last_known()
    }

    pub(crate) fn ident(&self, table: &str) -> TableIdent {
        TableIdent::new(NamespaceIdent::new(self.0.namespace.clone()), table.to_owned())
    }
}
