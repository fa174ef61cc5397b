//! `contrail tables relocate`: the tables' own paths follow a data folder that has moved.

use std::path::PathBuf;

use anyhow::{Result, bail};
use contrail_flow::data_dir::DataDir;
use contrail_kit::Clock;
use contrail_lake::{LakeOptions, Relocation, Relocator, SqliteCatalog};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::config::Config;
use crate::exit::Usage;
use crate::line::NAMESPACE;
use crate::show::{grouped, head, print_json};

/// Where from and to, and what to do about files that are not there.
#[derive(Debug, clap::Args)]
pub struct Relocate {
    /// This table only
    pub table: Option<String>,
    /// The warehouse folder that the tables were written in; what the catalog says without it
    #[arg(long, value_name = "DIR")]
    pub from: Option<String>,
    /// The warehouse folder that they lie in now; that of the configuration without it
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Goes on although files are not there; `contrail tables repair` is next then
    #[arg(long)]
    pub accept_missing: bool,
    /// Only says what would be written anew
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Serialize)]
struct Relocated<'a> {
    #[serde(flatten)]
    plan: &'a Relocation,
    done: bool,
}

pub async fn run(config: Config, asked: Relocate, json: bool) -> Result<()> {
    if config.lake.is_remote() {
        bail!(Usage(
            "this lake's catalog is elsewhere (lake.catalog): its paths are the catalog's to change. Put the files back under \
             their old prefix, or have the tables written anew at the new one by an engine that rewrites paths (Spark: \
             rewrite_table_path) and registered there in the catalog"
                .into()
        ));
    }
    let folder = std::fs::canonicalize(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    let catalog = config.lake.catalog_file(&folder);
    if !catalog.exists() {
        bail!(Usage(format!(
            "{} holds no lake: name the folder that it lies in now with --data-dir",
            folder.display()
        )));
    }
    // Nobody may write while the paths change.
    let _folder = (!asked.dry_run).then(|| DataDir::open(&folder)).transpose()?;
    let warehouse = match asked.to {
        Some(to) => std::fs::canonicalize(&to).unwrap_or(to),
        None => config.lake.warehouse_folder(&folder),
    };
    let options = LakeOptions { namespace: NAMESPACE.into(), warehouse, queue: catalog.clone() };
    let catalog = SqliteCatalog::open(&catalog)?;
    let relocator = Relocator::open(catalog, &options, asked.from, asked.accept_missing, Clock::system())?;
    let plans = relocator.plan(asked.table.as_deref()).await?;
    if !asked.dry_run {
        let bar = ProgressBar::new(plans.iter().map(|plan| plan.to_write as u64).sum());
        bar.set_style(ProgressStyle::with_template("{msg:40} {bar:30} {pos} of {len} files {eta}")?);
        for plan in &plans {
            bar.set_message(plan.name.clone());
            relocator.relocate(plan, || bar.inc(1)).await?;
        }
        bar.finish_and_clear();
    }
    let done = !asked.dry_run;
    if json {
        return print_json(&plans.iter().map(|plan| Relocated { plan, done }).collect::<Vec<_>>());
    }
    show(&plans, done);
    Ok(())
}

fn show(plans: &[Relocation], done: bool) {
    if plans.is_empty() {
        println!("nothing has moved: every table lies where the catalog says");
        return;
    }
    let mut table = head(&["table", "versions", "files", "written anew", "from", "to"], &[1, 2, 3]);
    for plan in plans {
        table.add_row([
            plan.name.clone(),
            grouped(plan.snapshots as u64),
            grouped(plan.files as u64),
            grouped(plan.to_write as u64),
            plan.from.clone(),
            plan.to.clone(),
        ]);
    }
    println!("{table}");
    for plan in plans.iter().filter(|plan| !plan.missing.is_empty()) {
        let (count, first) = (grouped(plan.missing.len() as u64), &plan.missing[0]);
        println!("{}: {count} files are not there, the first is {first}: `contrail tables repair` is next", plan.name);
    }
    if !done {
        println!("nothing was changed: leave --dry-run out to write the new paths");
    }
}
