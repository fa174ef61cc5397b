//! `contrail stream`: the stream for people at a terminal, through the node that runs on the folder or without one.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use anyhow::{Result, bail};
use contrail_flow::data_dir::DataDir;
use contrail_flow::stream::StreamState;
use contrail_kit::supervise::Supervisor;
use contrail_serve::api::{self, DeadLetterFilter, TailFrom, TailMessage, TailRequest, Time};
use contrail_serve::{Problem, StreamDesk};
use tokio::sync::watch;

use crate::cli::{DeadLetters, Letters, Stream};
use crate::client::Node;
use crate::config::Config;
use crate::desk::Desk;
use crate::exit::Usage;
use crate::line::Line;
use crate::node::Watched;
use crate::peers::Peers;
use crate::show::{grouped, head, print_json, size, time};

/// How long a tail that follows waits for the next message.
const FOLLOW_MS: u64 = 10_000;

pub async fn run(config: Config, command: Option<Stream>, json: bool) -> Result<()> {
    let desk = open(config).await?;
    match command {
        None => overview(&desk.overview().await, json),
        Some(Stream::Lag { most }) => lag(&desk.overview().await, most, json),
        Some(Stream::Tail { icao24, from, limit, follow }) => {
            let from = begin(from.as_deref())?;
            tail(desk.as_ref(), TailRequest { icao24, from, limit, wait_ms: 0 }, follow, json).await
        }
        Some(Stream::DeadLetters { command }) => {
            let all = DeadLetters::Show { which: Letters::default(), replayed: false, limit: 50 };
            letters(desk.as_ref(), command.unwrap_or(all), json).await
        }
    }
}

/// The node that runs on the data folder; without one, the folder itself.
async fn open(config: Config) -> Result<Box<dyn StreamDesk>> {
    if let Some(node) = Node::find(&config.data_dir).await {
        return Ok(Box::new(node));
    }
    if !config.data_dir.join("VERSION").exists() {
        let folder = config.data_dir.display();
        bail!(Usage(format!(
            "{folder} holds no data yet: run `contrail up` first, or name the right folder with --data-dir"
        )));
    }
    let folder = DataDir::open(&config.data_dir)?;
    let line = Line::open(Arc::new(config), &folder, &[]).await?;
    let mut seen = StreamState::default();
    seen.look(line.stream.log.as_ref(), line.house.raw()?, &line.house.clock).await;
    let board = Supervisor::new(line.house.clock.clone()).board();
    // The folder is held as long as the desk lives, which is as long as the process.
    std::mem::forget(folder);
    Ok(Box::new(Desk(Watched { line, board, seen: watch::channel(seen).1, peers: Peers::new(&[]) })))
}

fn begin(from: Option<&str>) -> Result<TailFrom> {
    Ok(match from {
        None => TailFrom::End,
        Some("earliest") => TailFrom::Time(0),
        Some(text) => match Time::parse(text) {
            Some(Time(at)) => TailFrom::Time(at),
            None => TailFrom::Cursor(text.to_owned()),
        },
    })
}

fn overview(stream: &api::Stream, json: bool) -> Result<()> {
    if json {
        return print_json(stream);
    }
    println!("{} {}, stream {}", stream.kind, stream.topic, stream.stream);
    if let Some(brokers) = &stream.brokers {
        println!("brokers {brokers}");
    }
    if let Some(error) = &stream.error {
        println!("CANNOT BE ASKED: {error}");
    }
    println!(
        "{} messages wait; {:.0} a second come, {:.0} land\n",
        grouped(stream.lag_rows.max(0) as u64),
        stream.appended_per_s,
        stream.landed_per_s
    );
    partitions(stream);
    for d in &stream.differences {
        println!("\n{} is {}, configured is {}: {}", d.name, d.is, d.wanted, d.meaning);
    }
    if let Some(spool) = &stream.spool {
        let (waiting, used, limit) = (grouped(spool.waiting.max(0) as u64), size(spool.bytes), size(spool.limit_bytes));
        println!("\nspool: {waiting} messages wait, {used} of {limit}, {} fetches missed", spool.missed_fetches);
        if let Some(error) = &spool.error {
            println!("spool: nothing is taken, {error}");
        }
    }
    let registry = &stream.registry;
    let level = registry.level.as_deref().unwrap_or("unknown");
    println!("\nschemas of {} ({} registry, compatibility {level})", registry.subject, registry.kind);
    if let Some(error) = &registry.error {
        println!("the registry cannot be asked: {error}");
    }
    let mut table = head(&["version", "id", "fields", "", "added", "removed", "not in the table"], &[0, 1, 2]);
    for v in &registry.versions {
        let ours = if v.ours { "ours" } else { "" }.to_owned();
        let row = [v.version.to_string(), v.id.to_string(), v.fields.to_string(), ours];
        table.add_row(row.into_iter().chain([v.added.join(", "), v.removed.join(", "), v.not_in_table.join(", ")]));
    }
    println!("{table}");
    let dead = &stream.dead_letters;
    let last = dead.last_at.map(|at| format!(", the last {}", time(at))).unwrap_or_default();
    println!("\ndead letters: {}, of them replayed {}{last}", grouped(dead.rows), grouped(dead.replayed));
    Ok(())
}

fn partitions(stream: &api::Stream) {
    let mut table =
        head(&["partition", "start", "landed", "end", "lag", "per second", "landed by"], &[0, 1, 2, 3, 4, 5]);
    for p in &stream.partitions {
        table.add_row([
            p.partition.to_string(),
            p.start.to_string(),
            p.landed.map(|at| at.to_string()).unwrap_or_default(),
            p.end.to_string(),
            grouped(p.lag_rows.max(0) as u64),
            format!("{:.0}", p.appended_per_s),
            p.writer.clone().unwrap_or_default(),
        ]);
    }
    println!("{table}");
}

fn lag(stream: &api::Stream, most: Option<i64>, json: bool) -> Result<()> {
    if let Some(error) = &stream.error {
        bail!("{error}");
    }
    if json {
        print_json(&stream.partitions)?;
    } else {
        partitions(stream);
    }
    match most {
        Some(most) if stream.lag_rows > most => bail!("{} messages wait, more than {most}", stream.lag_rows),
        _ => Ok(()),
    }
}

async fn tail(desk: &dyn StreamDesk, mut request: TailRequest, follow: bool, json: bool) -> Result<()> {
    let mut shown = 0;
    loop {
        let tail = desk.tail(request.clone()).await.map_err(failed)?;
        for message in &tail.messages {
            match json {
                true => println!("{}", serde_json::to_string(message)?),
                false => println!("{}", line(message, shown == 0)),
            }
            shown += 1;
        }
        std::io::stdout().flush()?;
        if !follow {
            return Ok(());
        }
        request.from = TailFrom::Cursor(tail.next);
        request.wait_ms = FOLLOW_MS;
        request.limit = 1000;
    }
}

/// One message in a line; `first` with the columns' names above.
fn line(m: &TailMessage, first: bool) -> String {
    let text = |key: &str| match m.state.as_ref().map(|state| &state[key]) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Number(number)) => format!("{:.4}", number.as_f64().unwrap_or_default()),
        _ => String::new(),
    };
    let place = format!("{}:{}", m.partition, m.offset);
    let at = m.appended_at.map(time).unwrap_or_default();
    let key = m.key.as_deref().unwrap_or("-");
    let rest = match &m.dead {
        Some(reason) => format!("DEAD: {reason}"),
        None => format!(
            "{:<8} {:>9} {:>9} {:>9} {:>8}",
            text("callsign"),
            text("latitude"),
            text("longitude"),
            whole(&text("baro_altitude")),
            whole(&text("velocity"))
        ),
    };
    let names = "partition:offset  appended             icao24   callsign  latitude longitude altitude m  m/s\n";
    format!("{}{place:<17} {at:<20} {key:<8} {rest}", if first { names } else { "" })
}

fn whole(number: &str) -> String {
    number.split('.').next().unwrap_or_default().to_owned()
}

async fn letters(desk: &dyn StreamDesk, command: DeadLetters, json: bool) -> Result<()> {
    match command {
        DeadLetters::Show { which, replayed, limit } => {
            let filter = DeadLetterFilter { replayed, limit: Some(limit), ..filter(which)? };
            let found = desk.dead_letters(filter).await.map_err(failed)?;
            if json {
                return print_json(&found);
            }
            let mut table = head(&["landed", "partition:offset", "bytes", "reason", "payload"], &[2]);
            for l in &found.letters {
                let payload: String =
                    l.text.as_deref().or(l.base64.as_deref()).unwrap_or_default().chars().take(60).collect();
                let place = format!("{}:{}{}", l.partition, l.offset, if l.replayed { " (replayed)" } else { "" });
                let landed = l.landed_at.map(time).unwrap_or_default();
                table.add_row([landed, place, l.bytes.to_string(), l.reason.clone(), payload]);
            }
            println!("{table}\n{} of {} dead letters", found.letters.len(), grouped(found.total));
            Ok(())
        }
        DeadLetters::Replay { which } => {
            let bar = indicatif::ProgressBar::new_spinner().with_message("replaying dead letters");
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            let done = desk.replay(filter(which)?).await;
            bar.finish_and_clear();
            report(&done.map_err(failed)?, "landed", json)
        }
        DeadLetters::Purge { which, yes } => {
            let filter = filter(which)?;
            let all = DeadLetterFilter { replayed: true, limit: Some(1), ..filter.clone() };
            let total = desk.dead_letters(all).await.map_err(failed)?.total;
            if !yes && total > 0 && !agreed(total)? {
                bail!(Usage("nothing was deleted".into()));
            }
            report(&desk.purge(filter).await.map_err(failed)?, "deleted", json)
        }
    }
}

fn agreed(total: u64) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!(Usage(format!("{total} dead letters would be deleted for good: say --yes")));
    }
    eprint!("delete {total} dead letters for good? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn report(done: &api::DeadLettersDone, word: &str, json: bool) -> Result<()> {
    if json {
        return print_json(done);
    }
    println!("{} dead letters: {} {word}, {} replayed before, {} left", done.taken, done.done, done.before, done.left);
    if let Some(reason) = &done.reason {
        println!("left, such as: {reason}");
    }
    Ok(())
}

fn filter(which: Letters) -> Result<DeadLetterFilter> {
    let read = |text: &String| {
        Time::parse(text).ok_or_else(|| Usage(format!("{text:?} is no time: write it as 2026-03-14T15:00Z")))
    };
    let before = which.before.as_ref().map(read).transpose()?;
    let (reason, partition, offset) = (which.reason, which.partition, which.offset);
    Ok(DeadLetterFilter { reason, partition, offset, before, ..DeadLetterFilter::default() })
}

fn failed(problem: Problem) -> anyhow::Error {
    match problem.status {
        400..500 => anyhow::Error::new(Usage(problem.to_string())),
        _ => anyhow::anyhow!("{problem}"),
    }
}
