//! `contrail assets` and `contrail tables`: what the lake holds, as tables for people or JSON.

use std::sync::Arc;

use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use contrail_serve::Problem;
use contrail_serve::api;

use crate::cli::Tables;
use crate::config::Config;
use crate::line::House;
use crate::node::catalog;
use crate::{upkeep, versions};

pub async fn assets(config: Config, json: bool) -> Result<()> {
    let house = House::visit(Arc::new(config)).await?;
    let assets = catalog::assets(&house).await.map_err(failed)?;
    if json {
        return print_json(&assets);
    }
    let mut table = head(&["asset", "kind", "rows", "built", "state", "reads"], &[2]);
    for asset in assets {
        let state = match (asset.outdated, asset.held_hours.len()) {
            (_, held) if held > 0 => format!("{held} hours held"),
            (true, _) => "outdated".into(),
            (false, _) => String::new(),
        };
        let built = asset.built_at.map(time).unwrap_or_default();
        let rows = asset.rows.map(grouped).unwrap_or_default();
        table.add_row([asset.name, asset.kind, rows, built, state, asset.inputs.join(", ")]);
    }
    println!("{table}");
    Ok(())
}

pub async fn tables(config: Config, command: Option<Tables>, json: bool) -> Result<()> {
    let house = async |config| House::visit(Arc::new(config)).await;
    match command {
        None => list(&house(config).await?, json).await,
        Some(Tables::Show { table }) => {
            let shown = catalog::table(&house(config).await?, &table).await.map_err(failed)?;
            if json { print_json(&shown) } else { show(&shown) }
        }
        Some(Tables::History { table }) => {
            let shown = catalog::table(&house(config).await?, &table).await.map_err(failed)?;
            if json { print_json(&shown.snapshots) } else { history(&shown.snapshots) }
        }
        Some(Tables::Files { table }) => files(&house(config).await?, &table, json).await,
        Some(Tables::Tag { table, name, at, delete }) => {
            versions::tag(config, &table, name.as_deref(), at.as_deref(), delete, json).await
        }
        Some(Tables::Rollback { table, to, dry_run }) => versions::rollback(config, &table, &to, dry_run, json).await,
        Some(Tables::Upkeep { table, limit }) => upkeep::history(config, table.as_deref(), limit, json).await,
        Some(Tables::Compact { table, dry_run }) => upkeep::compact(config, table.as_deref(), dry_run, json).await,
        Some(Tables::Expire { table, dry_run }) => upkeep::expire(config, table.as_deref(), dry_run, json).await,
        Some(Tables::Orphans { table, delete }) => upkeep::orphans(config, table.as_deref(), delete, json).await,
        Some(Tables::Alter { table, change, dry_run }) => {
            crate::alter::run(config, &table, change, dry_run, json).await
        }
        Some(Tables::Relocate(asked)) => crate::relocate::run(config, asked, json).await,
        Some(Tables::Repair { table, deep, dry_run }) => {
            crate::repair::run(config, table.as_deref(), deep, dry_run, json).await
        }
        Some(Tables::Evolve { dry_run }) => crate::evolve::run(config, dry_run, json).await,
    }
}

async fn list(house: &House, json: bool) -> Result<()> {
    let all = catalog::tables(house).await.map_err(failed)?;
    if json {
        return print_json(&all);
    }
    let columns = ["table", "rows", "files", "bytes", "in a year", "saved", "partition", "changed"];
    let mut table = head(&columns, &[1, 2, 3, 4, 5]);
    let in_a_year: Option<u64> =
        all.iter().filter_map(|t| t.upkeep.as_ref()?.in_a_year_bytes).reduce(u64::saturating_add);
    for t in all {
        let changed = t.snapshot_id.and(t.updated_at).map(time).unwrap_or_default();
        let partition = t.partition.unwrap_or_default();
        let upkeep = t.upkeep.unwrap_or_default();
        let year = upkeep.in_a_year_bytes.map(size).unwrap_or_default();
        let saved = if upkeep.bytes_saved > 0 { size(upkeep.bytes_saved) } else { String::new() };
        table.add_row([t.name, grouped(t.rows), grouped(t.files), size(t.bytes), year, saved, partition, changed]);
    }
    println!("{table}");
    if let Some(bytes) = in_a_year {
        println!("\nat the rate of the last days the tables will take {} in a year", size(bytes));
    }
    Ok(())
}

fn show(shown: &api::Table) -> Result<()> {
    println!("{}: {}", shown.name, shown.doc);
    println!("{} rows in {} files, {}", grouped(shown.rows), grouped(shown.files), size(shown.bytes));
    println!("partition {}, sorted by {}", shown.partition.as_deref().unwrap_or("none"), shown.sort.join(", "));
    println!("{}\n", shown.location.as_deref().unwrap_or_default());
    let mut table = head(&["column", "type", "meaning"], &[]);
    for column in &shown.columns {
        table.add_row([&column.name, &column.data_type, &column.doc]);
    }
    println!("{table}\n");
    let mut table = head(&["property", "value"], &[]);
    for (key, value) in &shown.properties {
        table.add_row([key, value]);
    }
    println!("{table}");
    Ok(())
}

fn history(snapshots: &[api::SnapshotInfo]) -> Result<()> {
    let mut table = head(&["snapshot", "sequence", "at", "operation", "added rows", "total rows"], &[1, 4, 5]);
    for s in snapshots {
        let of = |key: &str| s.summary.get(key).cloned().unwrap_or_default();
        let row = [s.snapshot_id.clone(), s.sequence_number.to_string(), time(s.at), s.operation.clone()];
        table.add_row(row.into_iter().chain([of("added-records"), of("total-records")]));
    }
    println!("{table}");
    Ok(())
}

#[derive(serde::Serialize)]
struct FileLine {
    path: String,
    partition: Option<i32>,
    rows: u64,
    bytes: u64,
    sequence_number: i64,
}

async fn files(house: &House, name: &str, json: bool) -> Result<()> {
    let version = house.table(name).await?.load().await?;
    let lines: Vec<FileLine> = version
        .live_files()
        .map(|f| FileLine {
            path: f.path.clone(),
            partition: f.partition,
            rows: f.records,
            bytes: f.bytes,
            sequence_number: f.data_sequence_number,
        })
        .collect();
    if json {
        return print_json(&lines);
    }
    let mut table = head(&["partition", "rows", "bytes", "sequence", "path"], &[0, 1, 2, 3]);
    for f in lines {
        let partition = f.partition.map(|p| p.to_string()).unwrap_or_default();
        table.add_row([partition, grouped(f.rows), size(f.bytes), f.sequence_number.to_string(), f.path]);
    }
    println!("{table}");
    Ok(())
}

pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A borderless table; columns of `right` hold numbers.
pub fn head(columns: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(columns);
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn failed(problem: Problem) -> anyhow::Error {
    anyhow::Error::new(crate::exit::Usage(problem.to_string()))
}

pub fn time(at: api::Time) -> String {
    contrail_types::time::to_datetime(at.0).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// 1234567 as 1,234,567.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

pub fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
