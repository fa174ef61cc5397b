//! Assets and tables: what the models say, and what the lake holds of each.

use std::collections::BTreeMap;

use contrail_flow::ledger::UpkeepTotals;
use contrail_flow::maintain::plan;
use contrail_flow::pulse::Pulse;
use contrail_flow::rules::deriving::Progress;
use contrail_lake::{LakeTable, Version};
use contrail_model::{Kind, Model};
use contrail_serve::api::{self, Time};
use contrail_serve::{Problem, api::CatalogRequest};
use contrail_types::state::STATES_RAW;
use contrail_types::{Micros, TableDef};

use super::{LineNode, problem};
use crate::evolve;
use crate::line::House;

pub async fn answer(node: &LineNode, request: CatalogRequest) -> Result<api::Catalog, Problem> {
    Ok(match request {
        CatalogRequest::Assets => api::Catalog::Assets(assets(&node.line.house).await?),
        CatalogRequest::Tables => api::Catalog::Tables(tables(&node.line.house).await?),
        CatalogRequest::Evolve { table, dry_run } if table == STATES_RAW => {
            let raw = node.line.house.raw().map_err(|e| Problem::unavailable(e.to_string()))?;
            api::Catalog::Evolved(evolve::answer(&node.line, raw, dry_run).await.map_err(problem)?)
        }
        CatalogRequest::Evolve { table, .. } => {
            let detail = format!("{table} gains no columns of the stream: only {STATES_RAW} does");
            return Err(Problem::not_found(detail));
        }
        CatalogRequest::Table(name) => api::Catalog::Table(Box::new(table(&node.line.house, &name).await?)),
    })
}

/// Every model with what has been made of it.
pub async fn assets(house: &House) -> Result<Vec<api::Asset>, Problem> {
    let mut all = Vec::new();
    for model in &house.project.models {
        let mut asset = described(model);
        if model.kind != Kind::View {
            let table = open(house, &model.name).await?;
            let version = table.load().await.map_err(problem)?;
            let progress = Progress::read(version.properties()).unwrap_or_default();
            asset.rows = Some(version.totals().0);
            asset.built_at = version.snapshot_id().map(|_| Time(version.updated_at()));
            asset.held_hours = progress.held.into_iter().map(Time).collect();
            asset.outdated = version.recorded("contrail.model_hash").is_some_and(|hash| hash != model.hash);
        }
        all.push(asset);
    }
    Ok(all)
}

fn described(model: &Model) -> api::Asset {
    api::Asset {
        name: model.name.clone(),
        layer: model.layer.clone(),
        kind: format!("{:?}", model.kind).to_lowercase(),
        doc: model.def.doc.clone(),
        inputs: model.inputs.clone(),
        grain: Some(model.grain.clone()),
        columns: columns(&model.def),
        ..api::Asset::default()
    }
}

fn columns(def: &TableDef) -> Vec<api::ColumnInfo> {
    let info = |c: &contrail_types::Column| api::ColumnInfo {
        name: c.name.clone(),
        data_type: type_name(&c.data_type).into(),
        doc: c.doc.clone(),
    };
    def.all_columns().map(|(column, _)| info(column)).collect()
}

pub fn type_name(data_type: &arrow::datatypes::DataType) -> &'static str {
    use arrow::datatypes::DataType as T;
    match data_type {
        T::Boolean => "boolean",
        T::Int32 => "integer",
        T::Int64 => "bigint",
        T::Float32 => "float",
        T::Float64 => "double",
        T::Date32 => "date",
        T::Timestamp(_, None) => "timestamp",
        T::Binary => "binary",
        T::Timestamp(..) => "timestamptz",
        T::List(_) => "integer[]",
        _ => "text",
    }
}

async fn open(house: &House, name: &str) -> Result<LakeTable, Problem> {
    house.table(name).await.map_err(|e| Problem::not_found(e.to_string()))
}

/// All tables, each with what upkeep does to it.
pub async fn tables(house: &House) -> Result<Vec<api::Table>, Problem> {
    let upkeep = Upkeep::of(house).await;
    let mut all = Vec::new();
    for name in house.tables().await.map_err(problem)? {
        let (table, version) = loaded(house, &name).await?;
        all.push(api::Table { upkeep: upkeep.on(&table, house).await, ..summary(&table, &version) });
    }
    Ok(all)
}

/// One table with columns, snapshots and properties.
pub async fn table(house: &House, name: &str) -> Result<api::Table, Problem> {
    let (table, version) = loaded(house, name).await?;
    Ok(api::Table {
        upkeep: Upkeep::of(house).await.on(&table, house).await,
        columns: columns(&table.shape().shown()),
        snapshots: snapshots(&version),
        properties: version.properties().iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        ..summary(&table, &version)
    })
}

async fn loaded(house: &House, name: &str) -> Result<(LakeTable, Version), Problem> {
    let table = open(house, name).await?;
    let version = table.load().await.map_err(problem)?;
    Ok((table, version))
}

fn summary(table: &LakeTable, version: &Version) -> api::Table {
    let shape = table.shape();
    let (rows, files, bytes) = version.totals();
    api::Table {
        name: table.name().to_owned(),
        doc: shape.def().doc.clone(),
        rows,
        files,
        bytes,
        snapshot_id: version.snapshot_id().map(|id| id.to_string()),
        sequence_number: Some(version.sequence_number()),
        updated_at: Some(Time(version.updated_at())),
        partition: shape.partitioned(),
        sort: shape.def().sort.clone(),
        location: Some(version.metadata().location().to_owned()),
        ..api::Table::default()
    }
}

/// What upkeep has done to the tables and means to do; nothing where the ledger cannot be read.
#[derive(Default)]
struct Upkeep {
    totals: BTreeMap<String, UpkeepTotals>,
    keep: BTreeMap<String, Option<Micros>>,
}

impl Upkeep {
    async fn of(house: &House) -> Self {
        let found = async {
            let upkeep = house.upkeep(house.ledger().ok()?, Pulse::default()).ok()?;
            let totals = upkeep.ledger.upkeep_totals().ok()?;
            let kept = upkeep.tables().await.ok()?;
            let keep = kept.into_iter().map(|kept| (kept.table.name().to_owned(), kept.keep)).collect();
            Some(Self { totals, keep })
        };
        found.await.unwrap_or_default()
    }

    async fn on(&self, table: &LakeTable, house: &House) -> Option<api::TableUpkeep> {
        let keep = *self.keep.get(table.name())?;
        let totals = self.totals.get(table.name()).cloned().unwrap_or_default();
        Some(api::TableUpkeep {
            keep_s: keep.map(|keep| keep as f64 / 1e6),
            in_a_year_bytes: plan::forecast(table, keep, house.clock.now()).await.ok()?,
            last_at: (totals.runs > 0).then_some(Time(totals.last_at)),
            files_saved: totals.files_saved,
            bytes_saved: totals.bytes_saved,
            rows_expired: totals.rows_expired,
            files_deleted: totals.files_deleted,
        })
    }
}

/// Newest first.
fn snapshots(version: &Version) -> Vec<api::SnapshotInfo> {
    let info = |s: contrail_lake::SnapshotInfo| api::SnapshotInfo {
        snapshot_id: s.id.to_string(),
        sequence_number: s.sequence_number,
        at: Time(s.at),
        operation: s.operation,
        summary: s.summary.into_iter().collect::<BTreeMap<_, _>>(),
    };
    version.snapshots().into_iter().rev().map(info).collect()
}
