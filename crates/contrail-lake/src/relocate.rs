//! A lake that was moved to another folder: Iceberg keeps absolute paths, and here they are written anew.
//!
//! Of each table the manifests, the manifest lists and the metadata are written again beside the old ones, with nothing
//! but their paths changed; then the catalog is pointed at the new metadata by one compare-and-set. Nothing is deleted
//! before that, and cut short at any place it can be done again: what was written in vain is left to the orphan sweep.

mod avro;
mod plan;

use std::collections::{BTreeSet, HashMap};

use contrail_kit::crash::{self, Crashed};
use contrail_kit::{Class, Classified, Clock};
use iceberg::spec::TableMetadata;
use serde_json::Value;
use uuid::Uuid;

use crate::catalog::sqlite::{Swap, Swapped};
use crate::catalog::{CatalogError, CommitError, SqliteCatalog};
use crate::error::LakeError;
use crate::lake::LakeOptions;
use crate::storage::{local_path, plain, write_new};
use crate::upkeep::GRACE;
use crate::upkeep::queue::Queue;
use crate::write::time_id;
pub use plan::Relocation;
use plan::{Entry, Found};

#[derive(Debug, thiserror::Error)]
pub enum RelocateError {
    #[error("there is no table {0} in the catalog; `contrail tables` lists them")]
    NoTable(String),
    #[error(
        "{name}: the catalog says that it lies at {pointer}, which is no place of Contrail's: name the old one with --from"
    )]
    NoRoot { name: String, pointer: String },
    #[error(
        "{name}: {count} of the {of} files that it names are not under {root}: {}{}. Move them there first, or name the right \
         folder with --to",
        first.join(", "), if first.len() < *count { ", ..." } else { "" }
    )]
    Missing { name: String, root: String, count: usize, of: usize, first: Vec<String> },
    #[error(
        "{name} holds row-level deletes of another engine, whose files keep paths of their own: compact it there first"
    )]
    ForeignDeletes { name: String },
    #[error("{name} was changed by somebody else in the meantime: stop who writes to it, and run this again")]
    Moved { name: String },
    #[error("{doing} {path}: {reason}")]
    Unreadable { doing: &'static str, path: String, reason: String },
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Crashed(#[from] Crashed),
}

impl Classified for RelocateError {
    fn class(&self) -> Class {
        match self {
            Self::Lake(error) => error.class(),
            Self::Unreadable { .. } => Class::EXTERNAL,
            Self::Crashed(_) => Class::INTERNAL,
            _ => Class::USER,
        }
    }
}

impl From<CatalogError> for RelocateError {
    fn from(error: CatalogError) -> Self {
        Self::Lake(error.into())
    }
}

/// Moves the tables of an embedded catalog along with their folder.
pub struct Relocator {
    catalog: SqliteCatalog,
    queue: Queue,
    namespace: String,
    from: Option<String>,
    to: String,
    clock: Clock,
    /// Go on although data files are not there: `contrail tables repair` is next then.
    partly: bool,
}

impl Relocator {
    /// `from` is where the tables were, by default what the catalog says; they lie under the warehouse of `options` now.
    pub fn open(
        catalog: SqliteCatalog,
        options: &LakeOptions,
        from: Option<String>,
        partly: bool,
        clock: Clock,
    ) -> Result<Self, RelocateError> {
        let to = plan::absolute(&options.warehouse)?;
        let from = from.map(|from| plain(&from).trim_end_matches('/').to_owned());
        let (queue, namespace) = (Queue::open(&options.queue)?, options.namespace.clone());
        Ok(Self { catalog, queue, namespace, from, to, clock, partly })
    }

    /// What is to be written anew, table by table; nothing where all stands as the catalog says.
    ///
    /// # Errors
    /// [`RelocateError::Missing`] if files are not where they should be by now.
    pub async fn plan(&self, table: Option<&str>) -> Result<Vec<Relocation>, RelocateError> {
        let entries = self.entries(table).await?;
        let roots = self.roots(&entries)?;
        let mut plans = Vec::new();
        for entry in entries {
            for root in &roots {
                if let Some(found) = plan::look(&entry, root, &self.to, self.partly).await? {
                    plans.push(found);
                    break;
                }
            }
        }
        Ok(plans)
    }

    /// The tables and views that may have to move: all of the catalog, or one of the namespace.
    async fn entries(&self, table: Option<&str>) -> Result<Vec<Entry>, RelocateError> {
        let entries: Vec<Entry> = self.catalog.entries().await?.into_iter().map(Entry::from).collect();
        let Some(name) = table else { return Ok(entries) };
        let wanted =
            |entry: &Entry| entry.ident.name() == name && *entry.ident.namespace().as_ref() == [self.namespace.clone()];
        let found: Vec<Entry> = entries.into_iter().filter(wanted).collect();
        if found.is_empty() { Err(RelocateError::NoTable(name.to_owned())) } else { Ok(found) }
    }

    /// Where the tables were: told, or read off the places of the namespace's own tables.
    fn roots(&self, entries: &[Entry]) -> Result<BTreeSet<String>, RelocateError> {
        if let Some(from) = &self.from {
            return Ok([from.clone()].into());
        }
        let mut roots = BTreeSet::new();
        for entry in entries {
            let own = entry.ident.namespace().as_ref() == std::slice::from_ref(&self.namespace);
            match entry.root() {
                Some(root) => drop(roots.insert(root)),
                None if own && !plan::is_under(&entry.pointer, &self.to) => {
                    return Err(RelocateError::NoRoot { name: entry.name(), pointer: entry.pointer.clone() });
                }
                None => {}
            }
        }
        roots.remove(&self.to);
        Ok(roots)
    }

    /// Writes one table's metadata anew and points the catalog at it. `written` hears of every file.
    pub async fn relocate(&self, plan: &Relocation, written: impl FnMut()) -> Result<(), RelocateError> {
        let location = match &plan.found {
            Found::View(view) => self.view(plan, view)?,
            Found::Table(metadata) => self.table(plan, metadata, written)?,
        };
        crash::point("lake.relocate.before_queue")?;
        let (old, new) = (plan.old_location.clone(), plan.map(&plan.old_location));
        let (from, to) = (plan.from.clone(), plan.to.clone());
        self.queue.relocate(&old, &new, move |path| plan::mapped(path, &from, &to)).await?;
        crash::point("lake.relocate.before_swap")?;
        let entry = &plan.entry;
        let swap = Swap { ident: entry.ident.clone(), kind: entry.kind, base: Some(entry.pointer.clone()), location };
        match self.catalog.swap(vec![swap]).await {
            Ok(Swapped::Landed) => {}
            Ok(_) | Err(CommitError::Conflict) => return Err(RelocateError::Moved { name: plan.name.clone() }),
            Err(CommitError::Failed(error)) => return Err(error.into()),
            Err(CommitError::Unknown(error)) => return Err(unreadable("swap", &entry.pointer, error)),
        }
        crash::point("lake.relocate.after_swap")?;
        // The files with the old paths: nobody reads them any more.
        let old: Vec<String> = plan.replaced.iter().filter(|path| local_path(path).exists()).cloned().collect();
        self.queue.enqueue(&new, Vec::new(), old, self.clock.now() + GRACE).await?;
        Ok(())
    }

    fn view(&self, plan: &Relocation, view: &Value) -> Result<String, RelocateError> {
        let mut view = view.clone();
        plan.edit(&mut view["location"]);
        self.write_json(plan, 0, &view)
    }

    fn table(
        &self,
        plan: &Relocation,
        metadata: &TableMetadata,
        mut written: impl FnMut(),
    ) -> Result<String, RelocateError> {
        let id = time_id(self.clock.now());
        let mut moved: HashMap<String, (String, usize)> = HashMap::new();
        for (n, path) in plan.manifests.iter().enumerate() {
            let from = plan.map(path);
            let bytes = avro::manifest(&read(&from)?, |path| plan.map(path));
            let bytes = bytes.map_err(|error| unreadable("read manifest", &from, error))?;
            let to = format!("{}/metadata/relocated-m{n}-{id}.avro", plan.map(&plan.old_location));
            self.write(&to, &bytes)?;
            moved.insert(path.clone(), (to, bytes.len()));
            written();
        }
        let mut lists = HashMap::new();
        for (snapshot, path) in &plan.lists {
            let from = plan.map(path);
            let bytes = avro::list(&read(&from)?, &moved, |path| plan.map(path));
            let bytes = bytes.map_err(|error| unreadable("read manifest list", &from, error))?;
            let to = format!("{}/metadata/snap-{snapshot}-0-{id}.avro", plan.map(&plan.old_location));
            self.write(&to, &bytes)?;
            lists.insert(*snapshot, to);
            written();
        }
        let json = |metadata: &TableMetadata| {
            let value = serde_json::to_value(metadata);
            value.map_err(|error| unreadable("describe", &plan.name, error))
        };
        // The earlier versions' metadata first: what comes back to them must find its files.
        let mut log = HashMap::new();
        for (path, earlier) in &plan.log {
            let mut value = json(earlier)?;
            plan.edit_metadata(&mut value, &lists, &log);
            log.insert(path.clone(), self.write_json(plan, plan::number(path), &value)?);
            written();
        }
        let mut value = json(metadata)?;
        plan.edit_metadata(&mut value, &lists, &log);
        // Twice: the new one has itself as its predecessor, so that it can be lost as any other.
        let number = plan::number(&plan.entry.pointer);
        let before = self.write_json(plan, number, &value)?;
        written();
        let entry = serde_json::json!({ "metadata-file": before, "timestamp-ms": metadata.last_updated_ms() });
        match value.get_mut("metadata-log").and_then(Value::as_array_mut) {
            Some(log) => log.push(entry),
            None => value["metadata-log"] = vec![entry].into(),
        }
        let location = self.write_json(plan, number + 1, &value)?;
        written();
        Ok(location)
    }

    /// Writes a metadata file of this number: its location.
    fn write_json(&self, plan: &Relocation, number: u32, value: &Value) -> Result<String, RelocateError> {
        let name = format!("{number:05}-{}.metadata.json", Uuid::new_v4());
        let to = format!("{}/metadata/{name}", plan.map(&plan.old_location));
        self.write(&to, value.to_string().as_bytes())?;
        Ok(to)
    }

    fn write(&self, to: &str, bytes: &[u8]) -> Result<(), RelocateError> {
        crash::point("lake.relocate.before_file")?;
        write_new(&local_path(to), bytes).map_err(|error| unreadable("write", to, error))?;
        Ok(crash::point("lake.relocate.after_file")?)
    }
}

fn read(path: &str) -> Result<Vec<u8>, RelocateError> {
    std::fs::read(local_path(path)).map_err(|error| unreadable("read", path, error))
}

fn unreadable(doing: &'static str, path: &str, reason: impl ToString) -> RelocateError {
    RelocateError::Unreadable { doing, path: path.to_owned(), reason: reason.to_string() }
}
