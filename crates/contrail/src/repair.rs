//! `contrail tables repair`: tables that have lost files become readable, and what that loses is said.

use std::sync::Arc;

use anyhow::{Result, bail};
use contrail_flow::data_dir::DataDir;
use contrail_flow::repair::{Mended, Mender};
use contrail_kit::class::chain;
use contrail_types::state::{DEAD_LETTERS, STATES_RAW};
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::Config;
use crate::exit::Usage;
use crate::line::House;
use crate::show::{grouped, print_json};

/// Files of a kind that are named one by one.
const NAMED: usize = 20;

pub async fn run(config: Config, table: Option<&str>, deep: bool, dry_run: bool, json: bool) -> Result<()> {
    let config = Arc::new(config);
    let house = House::look(config.clone()).await?;
    // Nobody may write meanwhile; a builder that runs would not see which hours it has to build again.
    let _folder = (!dry_run).then(|| DataDir::open(&config.data_dir)).transpose()?;
    let (lake, project, engine) = (house.lake.clone(), house.project.clone(), house.engine()?);
    let mender = Mender { lake, project, engine, deep };
    let mut tables = mender.tables().await?;
    if let Some(name) = table {
        tables.retain(|table| table == name);
        if tables.is_empty() {
            bail!(Usage(format!("there is no table {name}; `contrail tables` lists them")));
        }
    }
    let (mut all, mut failed) = (Vec::new(), 0);
    for name in tables {
        let bar =
            ProgressBar::new(0).with_style(ProgressStyle::with_template("{msg:40} {bar:30} {pos} of {len} files")?);
        bar.set_message(name.clone());
        let looked = |done: usize, of: usize| {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        };
        let mended = mender.mend(&name, dry_run, looked).await;
        bar.finish_and_clear();
        match mended {
            Ok(mended) => {
                if !json {
                    print!("{}", text(&mended));
                }
                all.push(mended);
            }
            Err(error) if table.is_some() => return Err(error.into()),
            // The others are looked at all the same.
            Err(error) => {
                failed += 1;
                eprintln!("contrail: {}", chain(&error));
            }
        }
    }
    if json {
        print_json(&all)?;
    } else if dry_run && all.iter().any(|mended| !mended.damage.is_none()) {
        println!("nothing was changed: leave --dry-run out to repair");
    }
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} tables could not be repaired, see above"),
    }
}

fn text(mended: &Mended) -> String {
    let damage = &mended.damage;
    let name = &damage.table;
    if damage.is_none() {
        return format!("{name}: every file is there\n");
    }
    let mut lines = vec![format!("{name}:")];
    lines.extend(broken(mended));
    lines.extend(lost(mended));
    let versions = damage.versions.len();
    if versions > 0 {
        lines.push(format!("{} versions of before cannot be read whole and are not kept", grouped(versions as u64)));
    }
    for tag in &damage.tags {
        lines.push(match tag.rows_lost {
            Some(rows) => format!("the version with the tag {} lacks {} rows from now on", tag.name, grouped(rows)),
            None => format!("nothing of the version with the tag {} can be read: the tag goes", tag.name),
        });
    }
    lines.join("\n  ") + "\n"
}

/// What is not there, or cannot be read.
fn broken(mended: &Mended) -> Vec<String> {
    let damage = &mended.damage;
    let mut lines = Vec::new();
    if let Some(lost) = &damage.metadata {
        lines.push(format!("metadata file {} cannot be read ({})", lost.path, lost.reason));
        let (commits, rows) = (lost.commits, grouped(lost.rows));
        lines.push(format!("{} stands in for it: the last {commits} commits are gone, with {rows} rows", lost.instead));
        lines.push(again(&damage.table).to_owned());
    }
    for broken in damage.broken.iter().take(NAMED) {
        lines.push(format!("{} {} {}", broken.kind, broken.path, broken.reason));
    }
    for file in damage.files.iter().take(NAMED) {
        let place = file.partition.as_deref().map(|place| format!(" of {place}")).unwrap_or_default();
        lines.push(format!("data file {} {}: {} rows{place}", file.path, file.reason, grouped(file.rows)));
    }
    let more = damage.broken.len().saturating_sub(NAMED) + damage.files.len().saturating_sub(NAMED);
    if more > 0 {
        lines.push(format!("and {} more files; --json names all", grouped(more as u64)));
    }
    for path in &damage.log {
        lines.push(format!("earlier metadata file {path} is not there; nothing is lost with it"));
    }
    lines
}

/// How rows of a version that is gone come back.
fn again(table: &str) -> &'static str {
    match table {
        STATES_RAW => {
            "what the log still has lands again at the next start; if it has let go of some, that start says how many"
        }
        DEAD_LETTERS => "letters of these commits do not come back",
        _ => "what is missing is built again at the next start",
    }
}

/// What that loses, and what of it comes back.
fn lost(mended: &Mended) -> Vec<String> {
    let damage = &mended.damage;
    let mut lines = Vec::new();
    if damage.found_files > 0 {
        let (files, rows) = (grouped(damage.found_files as u64), grouped(damage.found_rows));
        lines.push(format!("{files} files with {rows} rows were found again although their entries are lost"));
    }
    if let Some(unknown) = &damage.unknown {
        let span = match (&unknown.from, &unknown.to) {
            (Some(from), Some(to)) => format!(", {from} to {to}"),
            _ => String::new(),
        };
        let (files, rows) = (grouped(unknown.files), grouped(unknown.rows));
        lines.push(format!("{files} files with {rows} rows{span} were named there alone and could not be found again"));
    }
    if let Some(back) = &damage.back_to {
        let before = back.rows_before.map(|rows| format!(" instead of {}", grouped(rows))).unwrap_or_default();
        lines.push(format!(
            "it goes back to snapshot {} of {}: {} rows{before}",
            back.snapshot_id,
            back.at,
            grouped(back.rows)
        ));
        lines.push(again(&damage.table).to_owned());
    }
    if !mended.built_again.is_empty() {
        lines.push(format!("built again from its input at the next start: {}", mended.built_again.join(", ")));
    }
    if !mended.gone.is_empty() && damage.rows_lost() > 0 {
        lines.push(format!("rows gone for good: {}", mended.gone.join(", ")));
        if damage.table == STATES_RAW {
            lines.push("tables made from them keep what they have".into());
        }
    }
    for (stream, partitions) in &mended.offsets {
        for (partition, lost) in partitions {
            let rows = grouped(lost.rows as u64);
            lines.push(format!(
                "{rows} offsets of {stream}, partition {partition}, are lost; `contrail verify` counts them"
            ));
        }
    }
    if mended.unexplained > 0 && [STATES_RAW, DEAD_LETTERS].contains(&damage.table.as_str()) {
        let rows = grouped(mended.unexplained as u64);
        lines.push(format!("of {rows} lost rows it cannot be told which offsets they had"));
    }
    lines
}
