//! `contrail tables tag|rollback`: versions of a table kept under a name, and gone back to.

use std::sync::Arc;

use anyhow::{Result, bail};
use contrail_flow::rules::deriving::Progress;
use contrail_lake::{At, LakeTable};
use contrail_serve::api::Time;
use contrail_types::state::{DEAD_LETTERS, STATES_RAW};
use serde::Serialize;

use crate::client::Node;
use crate::config::Config;
use crate::exit::Usage;
use crate::line::House;
use crate::show::{grouped, head, print_json, time};

/// Beginnings of the properties that say how far a table is.
const LANDED: [&str; 1] = ["contrail.offsets."];
const BUILT: [&str; 2] = ["contrail.built.", "contrail.held"];
const EPOCH: &str = "contrail.epoch";

#[derive(Serialize)]
struct Tag {
    name: String,
    snapshot_id: String,
    at: Option<String>,
    operation: Option<String>,
}

pub async fn tag(
    config: Config,
    table: &str,
    name: Option<&str>,
    at: Option<&str>,
    delete: bool,
    json: bool,
) -> Result<()> {
    let house = House::visit(Arc::new(config)).await?;
    let table = house.table(table).await?;
    match (name, delete) {
        (None, true) => bail!(Usage("name the tag to delete".into())),
        (Some(name), true) => {
            table.untag(name).await?;
            if !json {
                println!("{} has no tag {name} any more", table.name());
            }
        }
        (Some(name), false) => {
            let snapshot = table.tag(name, at.map(At::parse).as_ref()).await?;
            if !json {
                println!("{} keeps snapshot {snapshot} as {name}", table.name());
            }
        }
        (None, false) => {}
    }
    if json || name.is_none() {
        return list(&table, json).await;
    }
    Ok(())
}

async fn list(table: &LakeTable, json: bool) -> Result<()> {
    let version = table.load().await?;
    let snapshots = version.snapshots();
    let tags = version.tags().into_iter().map(|(name, id)| {
        let snapshot = snapshots.iter().find(|snapshot| snapshot.id == id);
        Tag {
            name,
            snapshot_id: id.to_string(),
            at: snapshot.map(|snapshot| time(Time(snapshot.at))),
            operation: snapshot.map(|snapshot| snapshot.operation.clone()),
        }
    });
    let tags: Vec<Tag> = tags.collect();
    if json {
        return print_json(&tags);
    }
    if tags.is_empty() {
        println!("{} has no tags", table.name());
        return Ok(());
    }
    let mut shown = head(&["tag", "snapshot", "at", "operation"], &[1]);
    for tag in tags {
        shown.add_row([tag.name, tag.snapshot_id, tag.at.unwrap_or_default(), tag.operation.unwrap_or_default()]);
    }
    println!("{shown}");
    Ok(())
}

/// What a rollback does, or would do.
#[derive(Serialize)]
struct Back {
    table: String,
    to: String,
    rows_before: u64,
    rows_after: u64,
    done: bool,
}

pub async fn rollback(config: Config, table: &str, to: &str, dry_run: bool, json: bool) -> Result<()> {
    if table == DEAD_LETTERS {
        bail!(Usage("dead letters do not go back: landing counts on those it has written; purge them instead".into()));
    }
    if !dry_run && Node::find(&config.data_dir).await.is_some() {
        bail!(Usage("a node runs on this data folder: stop it, roll back, start it again".into()));
    }
    let house = House::visit(Arc::new(config)).await?;
    let table = house.table(table).await?;
    let at = At::parse(to);
    let rows_before = table.load().await?.totals().0;
    let rows_after = table.load_at(&at).await?.totals().0;
    if !dry_run {
        if table.name() == STATES_RAW {
            table.rollback(&at, &LANDED, |_| Vec::new()).await?;
        } else {
            // Whoever holds the table in memory sees by this that it has been overwritten.
            let epoch = |version: &contrail_lake::Version| {
                let epoch = Progress::read(version.properties()).map_or(0, |progress| progress.epoch);
                vec![(EPOCH.to_owned(), (epoch + 1).to_string())]
            };
            table.rollback(&at, &BUILT, epoch).await?;
        }
    }
    let back = Back { table: table.name().into(), to: at.to_string(), rows_before, rows_after, done: !dry_run };
    if json {
        return print_json(&back);
    }
    let does = if dry_run { "would go" } else { "went" };
    println!("{} {does} back to {at}: {} rows become {}", back.table, grouped(rows_before), grouped(rows_after));
    if table.name() == STATES_RAW {
        println!("what the log still has lands again at the next start; tables made from it keep what they have");
    } else {
        println!("what has come since is built again at the next start");
    }
    Ok(())
}
