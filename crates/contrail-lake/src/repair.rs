//! A table of which files are gone or spoilt: what that loses, and how it becomes readable again.
//!
//! [`Lake::examine`] reads every file that the kept versions name and says what is wrong; [`Repair::carry_out`] makes one
//! commit of it: a new snapshot with what is left and what was found again, without the versions that cannot be read
//! whole. Nothing is guessed: files whose entry is lost come back only if their number, their rows and their partitions are
//! those that the metadata still says; what is not proved is lost, and said.

mod find;
mod look;
mod mend;
mod metadata;
mod plan;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use contrail_kit::crash::Crashed;
use contrail_kit::{Class, Classified};
use contrail_types::TableDef;
use contrail_types::time::{rfc3339, to_datetime};
use contrail_types::{Micros, Transform};
use serde::Serialize;

use crate::catalog::CatalogError;
use crate::commit::CommitFailed;
use crate::error::LakeError;
use crate::lake::Lake;
use crate::shape::Grows;
use crate::table::LakeTable;
use crate::version::LiveFile;
use plan::Plan;

#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    #[error("there is no table {0}; `contrail tables` lists them")]
    NoTable(String),
    #[error("table {table}: {reason}. Restore its folder from a copy, or move the table away and build it anew")]
    Hopeless { table: String, reason: String },
    /// A catalog elsewhere keeps the metadata file, and moves its own pointer.
    #[error(
        "table {table}: the catalog cannot give it ({source}). Its metadata file is the catalog's: restore that file in the \
         store, or drop the table there without its files and register it with the newest metadata file that can be read"
    )]
    Remote { table: String, source: CatalogError },
    #[error("table {0} was changed by somebody else in the meantime: stop who writes to it, and run this again")]
    Moved(String),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Commit(#[from] CommitFailed),
    #[error(transparent)]
    Crashed(#[from] Crashed),
}

impl Classified for RepairError {
    fn class(&self) -> Class {
        match self {
            Self::Lake(error) => error.class(),
            Self::Commit(error) => error.class(),
            Self::Remote { source, .. } => source.class(),
            Self::Crashed(_) => Class::INTERNAL,
            Self::NoTable(_) | Self::Hopeless { .. } | Self::Moved(_) => Class::USER,
        }
    }
}

/// How a table is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Beginnings of the properties that say how far the table is; they go back with it if it must go back.
    pub progress: &'a [&'a str],
    /// Whether it may go back only to a version of which all of them are known: else rows would come twice.
    pub exact: bool,
    /// Reads every row of every file that is part of the table now, not its beginning and end alone.
    pub deep: bool,
}

/// What is wrong with a table, and what it loses.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Damage {
    pub table: String,
    /// The metadata file that the catalog names.
    pub metadata: Option<LostMetadata>,
    /// Manifest lists and manifests of kept versions.
    pub broken: Vec<Broken>,
    /// Data files of the table as it is now.
    pub files: Vec<LostFile>,
    /// Files whose entries are lost: what of them could not be found again.
    pub unknown: Option<Unknown>,
    /// Files that were found again although their entries are lost.
    pub found_files: usize,
    pub found_rows: u64,
    /// The version that the table goes back to, because nothing tells what it is now.
    pub back_to: Option<Back>,
    /// Versions of before that cannot be read whole and are let go of.
    pub versions: Vec<LostVersion>,
    pub tags: Vec<MendedTag>,
    /// Earlier metadata files that are named and cannot be read.
    pub log: Vec<String>,
    /// Rows lost by partition, as far as that is known.
    pub rows: BTreeMap<String, u64>,
    /// The same partitions by their number, with those of [`Damage::unknown`].
    #[serde(skip)]
    pub partitions: BTreeSet<i32>,
}

#[derive(Clone, Debug, Serialize)]
pub struct LostMetadata {
    pub path: String,
    pub reason: String,
    /// The newest one that can be read.
    pub instead: String,
    /// Commits that go with it.
    pub commits: i64,
    /// Rows that these commits had added, as far as their manifest lists are still there.
    pub rows: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Broken {
    pub path: String,
    pub reason: String,
    pub kind: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct LostFile {
    pub path: String,
    pub reason: String,
    pub partition: Option<String>,
    pub rows: u64,
    pub bytes: u64,
    /// Least and largest log offset and the like are asked for by column.
    #[serde(skip)]
    pub(crate) live: Option<Arc<LiveFile>>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Unknown {
    pub files: u64,
    pub rows: u64,
    /// First and last partition in which they are.
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Back {
    pub snapshot_id: i64,
    pub at: String,
    pub rows: u64,
    pub rows_before: Option<u64>,
    /// Whether the properties that say how far the table was are known.
    pub exact: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct LostVersion {
    pub snapshot_id: i64,
    pub at: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct MendedTag {
    pub name: String,
    /// Rows that the version lacks from now on; none: the tag goes, nothing of its version can be read.
    pub rows_lost: Option<u64>,
}

impl Damage {
    pub fn is_none(&self) -> bool {
        self.metadata.is_none()
            && self.broken.is_empty()
            && self.files.is_empty()
            && self.log.is_empty()
            && self.versions.is_empty()
    }

    /// Rows that the table as it is now loses for good, unless they can be made again.
    pub fn rows_lost(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum::<u64>() + self.unknown.as_ref().map_or(0, |unknown| unknown.rows)
    }
}

impl LostFile {
    /// Lower and upper bound of a whole-number column.
    pub fn bounds(&self, column: &str) -> Option<(i64, i64)> {
        self.live.as_ref()?.bounds(column)
    }
}

/// A table that was looked at, and what is to be done.
pub struct Repair {
    table: LakeTable,
    plan: Plan,
    damage: Damage,
}

impl Repair {
    pub fn damage(&self) -> &Damage {
        &self.damage
    }

    pub fn table(&self) -> &LakeTable {
        &self.table
    }

    /// What the table says of itself where it goes on from; after going back the progress of then.
    pub fn properties(&self) -> &HashMap<String, String> {
        &self.plan.properties
    }

    /// The data files that it will have.
    pub fn left(&self) -> Vec<Arc<LiveFile>> {
        self.plan.main.left(&self.table)
    }
}

impl Lake {
    /// Looks at every file that the kept versions of a table name. `grown`: it may have more columns than its definition.
    /// `looked` hears how many files of how many have been.
    pub async fn examine(
        &self,
        def: &TableDef,
        grown: bool,
        look: Look<'_>,
        looked: impl Fn(usize, usize) + Send + Sync,
    ) -> Result<Repair, RepairError> {
        let ident = self.ident(&def.name);
        let outcome = self.0.catalog.load(&ident, None).await;
        let (loaded, lost) = match self.in_place(&def.name, outcome) {
            Ok(loaded) => (loaded, None),
            Err(LakeError::Catalog(CatalogError::NoSuchTable(_))) => {
                return Err(RepairError::NoTable(def.name.clone()));
            }
            Err(LakeError::Catalog(CatalogError::Lost { location, reason, .. })) => {
                let (loaded, lost) = metadata::before(&def.name, &location, reason).await?;
                (loaded, Some(lost))
            }
            Err(LakeError::Catalog(source @ CatalogError::Rest(_))) => {
                return Err(RepairError::Remote { table: def.name.clone(), source });
            }
            Err(error) => return Err(error.into()),
        };
        let grows = if grown { Grows::Optional } else { Grows::Never };
        let table = LakeTable::new(self.0.clone(), ident, def.clone(), grows, &loaded)?;
        let seen = look::look(&table, &loaded.metadata, look.deep, &looked).await?;
        let (plan, damage) = plan::plan(&table, loaded, lost, &seen, look).await?;
        Ok(Repair { table, plan, damage })
    }
}

/// A partition as people write it.
fn partition_name(def: &TableDef, value: i32) -> String {
    match &def.partition {
        Some((_, by @ Transform::Hour)) => {
            to_datetime(by.width() * i64::from(value)).format("%Y-%m-%d %H:00").to_string()
        }
        Some((_, by @ Transform::Day)) => to_datetime(by.width() * i64::from(value)).format("%Y-%m-%d").to_string(),
        None => value.to_string(),
    }
}

fn time(timestamp_ms: i64) -> String {
    let at: Micros = timestamp_ms.saturating_mul(1000);
    rfc3339(at)
}
