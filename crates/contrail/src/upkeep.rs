//! `contrail tables compact|expire|orphans|upkeep`: what the maintain role does by itself, on command and told.
//!
//! Safe beside a running node: commits are compared and set, and whoever is overtaken starts again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use contrail_flow::maintain::plan::{self, Kept, Piece};
use contrail_flow::maintain::{Maintain, MaintainError};
use contrail_flow::pulse::Pulse;
use contrail_lake::CommitFailed;
use contrail_serve::api::Time;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::exit::Usage;
use crate::line::House;
use crate::show::{grouped, head, print_json, size, time};

/// Tries for a partition that writers keep changing.
const ATTEMPTS: usize = 20;

async fn open(config: Config, table: Option<&str>) -> Result<(Maintain, Vec<Kept>)> {
    let house = House::visit(Arc::new(config)).await?;
    let maintain = house.upkeep(house.ledger()?, Pulse::default());
    let mut kept = maintain.tables().await?;
    if let Some(name) = table {
        kept.retain(|kept| kept.table.name() == name);
        if kept.is_empty() {
            bail!(Usage(format!("there is no table {name}; `contrail tables` lists them")));
        }
    }
    Ok((maintain, kept))
}

/// A partition that was rewritten, or would be.
#[derive(Serialize)]
struct Rewritten {
    table: String,
    partition: String,
    rows: u64,
    files_before: usize,
    bytes_before: u64,
    files_after: Option<usize>,
    bytes_after: Option<u64>,
}

pub async fn compact(config: Config, table: Option<&str>, dry_run: bool, json: bool) -> Result<()> {
    let (maintain, tables) = open(config, table).await?;
    let now = maintain.clock.now();
    let mut work = Vec::new();
    for kept in &tables {
        work.extend(plan::pieces(kept, now).await?.into_iter().map(|piece| (kept, piece)));
    }
    let mut done = Vec::new();
    let bar = bar(work.iter().map(|(_, piece)| piece.part.bytes).sum(), dry_run);
    let stop = CancellationToken::new();
    crate::signals::cancel_on_interrupt(stop.clone());
    for (kept, piece) in work {
        bar.set_message(format!("{} {}", kept.table.name(), piece.name));
        let mut line = Rewritten {
            table: kept.table.name().into(),
            partition: piece.name.clone(),
            rows: piece.part.rows,
            files_before: piece.part.files,
            bytes_before: piece.part.bytes,
            files_after: None,
            bytes_after: None,
        };
        if !dry_run {
            let (files, bytes) = rewrite(&maintain, kept, &piece, &stop).await?;
            (line.files_after, line.bytes_after) = (Some(files), Some(bytes));
        }
        bar.inc(piece.part.bytes);
        done.push(line);
        if stop.is_cancelled() {
            break;
        }
    }
    bar.finish_and_clear();
    if json {
        return print_json(&done);
    }
    let mut table =
        head(&["table", "partition", "rows", "files", "bytes", "files after", "bytes after"], &[2, 3, 4, 5, 6]);
    for line in &done {
        table.add_row([
            line.table.clone(),
            line.partition.clone(),
            grouped(line.rows),
            grouped(line.files_before as u64),
            size(line.bytes_before),
            line.files_after.map_or_else(|| "1".into(), |files| grouped(files as u64)),
            line.bytes_after.map_or_else(|| "?".into(), size),
        ]);
    }
    match (done.is_empty(), dry_run) {
        (true, _) => println!("nothing is worth rewriting"),
        (false, true) => println!("{table}\nnothing was changed: leave --dry-run out to rewrite"),
        (false, false) => println!("{table}"),
    }
    Ok(())
}

/// Rewrites until one file is left: how many were left, and their bytes.
async fn rewrite(maintain: &Maintain, kept: &Kept, piece: &Piece, stop: &CancellationToken) -> Result<(usize, u64)> {
    let mut overtaken = 0;
    loop {
        match maintain.compact(kept, piece, stop).await {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(MaintainError::Commit(CommitFailed::Stale { .. })) if overtaken < ATTEMPTS => overtaken += 1,
            Err(error) => return Err(error.into()),
        }
    }
    let version = kept.table.load().await?;
    Ok(version.files_in(piece.partition).fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.bytes)))
}

fn bar(bytes: u64, hidden: bool) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(bytes);
    let style = ProgressStyle::with_template("{msg:40} {bar:30} {bytes}/{total_bytes} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

pub async fn expire(config: Config, table: Option<&str>, dry_run: bool, json: bool) -> Result<()> {
    let (maintain, tables) = open(config, table).await?;
    let mut all = Vec::new();
    for kept in &tables {
        if kept.keep.is_none() {
            if table.is_some() {
                let name = kept.table.name();
                bail!(Usage(format!("{name} keeps its rows for ever: set maintain.keep.{name} first")));
            }
            continue;
        }
        all.push(match dry_run {
            true => maintain.expiry(kept).await?.1,
            false => maintain.expire(kept).await?,
        });
    }
    if json {
        return print_json(&all);
    }
    let mut table = head(&["table", "rows before", "partitions", "rows", "files", "bytes"], &[2, 3, 4, 5]);
    for expiry in &all {
        let (partitions, files) = (grouped(expiry.partitions.len() as u64), grouped(expiry.files));
        let before = time(Time(expiry.before));
        table.add_row([expiry.table.clone(), before, partitions, grouped(expiry.rows), files, size(expiry.bytes)]);
    }
    println!("{table}");
    for (name, (partition, why)) in all.iter().flat_map(|e| e.kept.iter().map(move |kept| (&e.table, kept))) {
        println!("{name} {partition} stays although its time is over: {why}");
    }
    if dry_run {
        println!("nothing was changed: leave --dry-run out to let them go");
    }
    Ok(())
}

#[derive(Serialize)]
struct Orphans {
    table: String,
    deleted: bool,
    files: Vec<String>,
}

pub async fn orphans(config: Config, table: Option<&str>, delete: bool, json: bool) -> Result<()> {
    let (maintain, tables) = open(config, table).await?;
    let mut all = Vec::new();
    for kept in &tables {
        let files = match delete {
            true => maintain.sweep(&kept.table).await?,
            false => kept.table.orphans().await?,
        };
        all.push(Orphans { table: kept.table.name().into(), deleted: delete, files });
    }
    if json {
        return print_json(&all);
    }
    let found: usize = all.iter().map(|orphans| orphans.files.len()).sum();
    for path in all.iter().flat_map(|orphans| &orphans.files) {
        println!("{path}");
    }
    match (found, delete) {
        (0, _) => println!("no file is left behind"),
        (n, true) => println!("deleted {} files", grouped(n as u64)),
        (n, false) => println!("{} files that nothing names; --delete deletes them", grouped(n as u64)),
    }
    Ok(())
}

pub async fn history(config: Config, table: Option<&str>, limit: u32, json: bool) -> Result<()> {
    let house = House::visit(Arc::new(config)).await?;
    let lines = house.ledger()?.upkeeps(table, limit)?;
    if json {
        return print_json(&lines);
    }
    let mut table = head(&["at", "table", "what", "where", "rows", "snapshots", "files", "bytes"], &[4, 5, 6, 7]);
    let change = |before: u64, after: u64, text: &dyn Fn(u64) -> String| match (before, after) {
        (0, 0) => String::new(),
        (before, 0) => format!("-{}", text(before)),
        (before, after) => format!("{} -> {}", text(before), text(after)),
    };
    for line in lines {
        let some = |number: u64| if number == 0 { String::new() } else { grouped(number) };
        table.add_row([
            time(Time(line.started_at)),
            line.table,
            line.action,
            line.place,
            some(line.rows),
            some(line.snapshots),
            change(line.files_before, line.files_after, &grouped),
            change(line.bytes_before, line.bytes_after, &size),
        ]);
    }
    println!("{table}");
    Ok(())
}
