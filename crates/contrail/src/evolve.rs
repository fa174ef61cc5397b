//! `contrail tables evolve`: columns for the fields of the stream that the raw table lacks, by the node that runs on the
//! folder, else here.

use std::sync::Arc;

use anyhow::Result;
use contrail_flow::data_dir::DataDir;
use contrail_flow::evolve::{self, EvolveError};
use contrail_lake::LakeTable;
use contrail_log::NotInTable;
use contrail_serve::api::{Evolved, StreamField};
use contrail_types::state;

use crate::client::Node;
use crate::config::Config;
use crate::line::{House, Line};
use crate::node::catalog::type_name;
use crate::show::{head, print_json};

pub async fn run(config: Config, dry_run: bool, json: bool) -> Result<()> {
    let evolved = match Node::find(&config.data_dir).await {
        Some(node) => node.evolve(state::STATES_RAW, dry_run).await?,
        None => here(config, dry_run).await?,
    };
    if json {
        return print_json(&evolved);
    }
    print!("{}", text(&evolved));
    Ok(())
}

async fn here(config: Config, dry_run: bool) -> Result<Evolved> {
    let config = Arc::new(config);
    // Refuses a folder without a lake before anything is made in it.
    drop(House::visit(config.clone()).await?);
    let folder = DataDir::open(&config.data_dir)?;
    let line = Line::open(config, &folder, &[]).await?;
    Ok(answer(&line, line.house.raw()?, dry_run).await?)
}

/// Adds the columns, unless it is only asked which there would be.
pub async fn answer(line: &Line, raw: &LakeTable, dry_run: bool) -> Result<Evolved, EvolveError> {
    let (registry, subject) = (line.stream.registry.as_ref(), &line.stream.subject);
    let found = match dry_run {
        true => evolve::missing(registry, subject, raw).await?,
        false => evolve::evolve(registry, subject, raw).await?,
    };
    Ok(told(found, dry_run))
}

fn told(found: NotInTable, dry_run: bool) -> Evolved {
    let added = found.fields.into_iter().map(|field| StreamField {
        data_type: Some(type_name(&field.column.data_type).into()),
        name: field.column.name,
        since_version: field.since,
        id: field.id,
        reason: None,
    });
    let left = found.unfit.into_iter().map(|field| StreamField {
        name: field.name,
        since_version: field.since,
        id: field.id,
        reason: Some(field.reason),
        data_type: None,
    });
    Evolved { table: state::STATES_RAW.into(), dry_run, added: added.collect(), left: left.collect() }
}

fn text(evolved: &Evolved) -> String {
    let mut text = match (evolved.added.len(), evolved.dry_run) {
        (0, _) => format!("{} has a column for every field that can have one\n", evolved.table),
        (n, true) => format!("{} would gain {n} columns:\n", evolved.table),
        (n, false) => {
            format!("{} has gained {n} columns; rows that land from now on have their values:\n", evolved.table)
        }
    };
    let mut table = head(&["column", "type", "since version", "schema id"], &[2, 3]);
    for field in &evolved.added {
        let kind = field.data_type.clone().unwrap_or_default();
        table.add_row([field.name.clone(), kind, field.since_version.to_string(), field.id.to_string()]);
    }
    if !evolved.added.is_empty() {
        text += &format!("{table}\n");
    }
    for field in &evolved.left {
        let reason = field.reason.as_deref().unwrap_or_default();
        text += &format!("no column for {} (version {}): it {reason}\n", field.name, field.since_version);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_and_what_was_left_is_told() {
        let added = StreamField {
            name: "mach".into(),
            data_type: Some("double".into()),
            since_version: 2,
            id: 7,
            reason: None,
        };
        let left =
            StreamField { name: "tags".into(), reason: Some("is array".into()), data_type: None, ..added.clone() };
        let evolved = Evolved { table: "states_raw".into(), dry_run: false, added: vec![added], left: vec![left] };
        let told = text(&evolved);
        assert!(told.starts_with("states_raw has gained 1 columns; rows that land"), "{told}");
        assert!(told.contains("mach") && told.contains("double"), "{told}");
        assert!(told.ends_with("no column for tags (version 2): it is array\n"), "{told}");
        let would = text(&Evolved { dry_run: true, ..evolved.clone() });
        assert!(would.starts_with("states_raw would gain 1 columns:"), "{would}");
        let nothing = Evolved { added: vec![], left: vec![], ..evolved };
        assert_eq!(text(&nothing), "states_raw has a column for every field that can have one\n");
    }
}
