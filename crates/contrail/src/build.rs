//! `contrail build`: brings derived tables up to date, or writes hours anew from their input, on command.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::NaiveDateTime;
use contrail_flow::build::Builder;
use contrail_flow::data_dir::DataDir;
use contrail_types::Micros;
use contrail_types::time::{HOUR, hour_of};
use tokio::sync::watch;

use crate::cli::Build;
use crate::config::Config;
use crate::exit::Usage;
use crate::line::Line;
use crate::up::builder_parts;

pub async fn run(config: Config, asked: Build) -> Result<()> {
    let hours = hours(&asked)?;
    let folder = DataDir::open(&config.data_dir)?;
    let line = Line::open(Arc::new(config), &folder).await?;
    for asset in &asked.assets {
        let known = line.house.project.get(asset);
        known.with_context(|| format!("there is no model {asset}; `contrail assets` lists them"))?;
    }
    let mut builder = Builder::open(builder_parts(&line, &folder, watch::channel(0).1)).await?;
    while builder.step().await? {}
    let rows = match hours.is_empty() {
        true => None,
        false => Some(builder.rebuild(&hours).await?),
    };
    builder.publish().await?;
    match rows {
        Some(rows) => println!("{} hours built anew from their raw rows: {rows} observations", hours.len()),
        None => println!("everything is built up to what has landed"),
    }
    Ok(())
}

/// The hours that were asked for, each as its first instant.
fn hours(asked: &Build) -> Result<BTreeSet<Micros>> {
    let (from, to) = match (&asked.hour, &asked.from, &asked.to) {
        (Some(hour), ..) => (parse(hour)?, parse(hour)?),
        (None, Some(from), Some(to)) => (parse(from)?, parse(to)?),
        _ => return Ok(BTreeSet::new()),
    };
    Ok((0..).map(|n| from + n * HOUR).take_while(|hour| *hour <= to).collect())
}

fn parse(text: &str) -> Result<Micros> {
    let padded = match text.len() {
        10 => format!("{text}T00:00"),
        13 => format!("{text}:00"),
        _ => text.trim_end_matches('Z').to_owned(),
    };
    let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let time = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(&padded, form).ok());
    let bad = || Usage(format!("{text:?} is no hour: write it as 2026-03-14T15 (UTC)"));
    Ok(hour_of(time.ok_or_else(bad)?.and_utc().timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_as_people_write_them() {
        let hour = parse("2026-03-14T15").unwrap();
        assert_eq!(contrail_types::time::rfc3339(hour), "2026-03-14T15:00:00.000Z");
        assert_eq!(parse("2026-03-14T15:42:10Z").unwrap(), hour);
        assert_eq!(parse("2026-03-14").unwrap() + 15 * HOUR, hour);
        assert!(parse("yesterday").is_err());
    }
}
