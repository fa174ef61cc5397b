//! `contrail build`: brings derived tables up to date, or writes hours anew from their input, on command.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use chrono::NaiveDateTime;
use contrail_flow::build::Builder;
use contrail_flow::build::order::Order;
use contrail_flow::data_dir::DataDir;
use contrail_types::Micros;
use contrail_types::time::{HOUR, hour_of};
use indicatif::ProgressBar;
use tokio::sync::watch;

use crate::cli::{Build, Role};
use crate::client::Node;
use crate::config::Config;
use crate::exit::Usage;
use crate::line::Line;
use crate::up::builder_parts;

/// Through the node that runs on the data folder; without one, here.
pub async fn run(config: Config, asked: Build, json: bool) -> Result<()> {
    let order = Order { hours: hours(&asked)?, models: asked.assets.into_iter().collect() };
    let bar = ProgressBar::new_spinner().with_message(match order.hours.len() {
        0 => "building what has landed".to_owned(),
        1 => "building an hour anew".to_owned(),
        n => format!("building {n} hours anew"),
    });
    bar.enable_steady_tick(Duration::from_millis(120));
    let rows = match Node::find(&config.data_dir).await {
        Some(node) => node.build(&order).await?,
        None => build_here(config, &order).await?,
    };
    bar.finish_and_clear();
    if json {
        return crate::show::print_json(&serde_json::json!({ "hours": order.hours.len(), "rows": rows }));
    }
    match order.hours.len() {
        0 => println!("everything is built up to what has landed"),
        n if order.wants("states") => println!("hours built anew: {n}, from raw rows; observations: {rows}"),
        n => println!("hours built anew: {n}"),
    }
    Ok(())
}

async fn build_here(config: Config, order: &Order) -> Result<u64> {
    let folder = DataDir::open(&config.data_dir)?;
    let line = Line::open(Arc::new(config), &folder, &[Role::Build]).await?;
    let mut builder = Builder::open(builder_parts(&line, &folder, watch::channel(0).1)?).await?;
    Ok(builder.rebuild(order).await?)
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
