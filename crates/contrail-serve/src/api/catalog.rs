//! Assets and tables: what the lake holds and how it came to be.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Time;

/// What is asked of the catalog.
#[derive(Clone, Debug, PartialEq)]
pub enum CatalogRequest {
    Assets,
    Tables,
    /// One table with its snapshots.
    Table(String),
    /// Columns for the fields of the stream that a table lacks; with `dry_run` only told.
    Evolve {
        table: String,
        dry_run: bool,
    },
}

/// The answer to the [`CatalogRequest`] of the same name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Catalog {
    Assets(Vec<Asset>),
    Tables(Vec<Table>),
    Table(Box<Table>),
    Evolved(Evolved),
}

/// The body of `POST /api/v1/tables/{name}/evolve`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvolveRequest {
    /// Changes nothing.
    pub dry_run: bool,
}

/// What a table has gained, or would, and what it cannot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Evolved {
    pub table: String,
    pub dry_run: bool,
    pub added: Vec<StreamField>,
    /// Fields that cannot be columns.
    pub left: Vec<StreamField>,
}

/// A field that versions of the stream's schema have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct StreamField {
    pub name: String,
    /// Of the column; none where there can be none.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub data_type: Option<String>,
    /// The first version of the subject that has it, and the id of that version's schema.
    pub since_version: u32,
    pub id: u32,
    /// Why it cannot be a column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A model and what has been made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Asset {
    pub name: String,
    pub layer: String,
    pub kind: String,
    pub doc: String,
    pub inputs: Vec<String>,
    pub grain: Option<String>,
    pub columns: Vec<ColumnInfo>,
    pub built_at: Option<Time>,
    pub rows: Option<u64>,
    /// Whether its definition is newer than its rows.
    pub outdated: bool,
    pub held_hours: Vec<Time>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnInfo {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    pub doc: String,
}

/// One table of the lake. `columns`, `snapshots` and `properties` are filled only when it is asked for by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Table {
    pub name: String,
    pub doc: String,
    pub rows: u64,
    pub files: u64,
    pub bytes: u64,
    /// As text: a snapshot id does not fit a JavaScript number.
    pub snapshot_id: Option<String>,
    pub sequence_number: Option<i64>,
    pub updated_at: Option<Time>,
    pub partition: Option<String>,
    pub sort: Vec<String>,
    pub location: Option<String>,
    pub upkeep: Option<TableUpkeep>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnInfo>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<SnapshotInfo>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub properties: std::collections::BTreeMap<String, String>,
}

/// What upkeep does to a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TableUpkeep {
    /// How long rows stay, in seconds; for ever if none.
    pub keep_s: Option<f64>,
    /// Bytes of data files in a year at the rate of the last week.
    pub in_a_year_bytes: Option<u64>,
    /// When it was last looked after; what that has saved in the last 30 days.
    pub last_at: Option<Time>,
    pub files_saved: u64,
    pub bytes_saved: u64,
    pub rows_expired: u64,
    pub files_deleted: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SnapshotInfo {
    pub snapshot_id: String,
    pub sequence_number: i64,
    pub at: Time,
    pub operation: String,
    pub summary: std::collections::BTreeMap<String, String>,
}
