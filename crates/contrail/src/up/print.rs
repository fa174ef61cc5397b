//! What `up` shows: one calm block that renews itself in a terminal, plain lines anywhere else.

use std::io::IsTerminal;
use std::time::Duration;

use contrail_flow::pulse::Beats;
use contrail_kit::supervise::{Board, RoleState};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::line::Line;

const TICK: Duration = Duration::from_secs(1);

/// Shows the node's state until `stop`.
pub fn start(line: &Line, board: Board, address: Option<String>, stop: CancellationToken) -> JoinHandle<()> {
    let line = line.clone();
    let terminal = std::io::stderr().is_terminal();
    if !terminal || address.is_none() {
        if let Some(address) = address {
            println!("Contrail is up: {address}");
        }
        return tokio::spawn(async move { stop.cancelled().await });
    }
    tokio::spawn(async move {
        let bars = MultiProgress::new();
        let style = ProgressStyle::with_template("{msg}").expect("a template");
        let add = || bars.add(ProgressBar::new_spinner().with_style(style.clone()));
        let head = add();
        head.set_message(format!("\n  Contrail   {}\n", address.unwrap_or_default()));
        let rows: Vec<ProgressBar> = board.get().iter().map(|_| add()).collect();
        let next = add();
        let fill = add();
        while !stop.is_cancelled() {
            let beats = line.pulse.read();
            let now = line.house.clock.now();
            for ((name, state), row) in board.get().iter().zip(&rows) {
                row.set_message(role(name, state, &beats, now));
            }
            next.set_message(format!("\n  {}", upcoming(&beats, now)));
            fill.set_message(backfill(&beats));
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(TICK) => {}
            }
        }
        for bar in [head, next, fill].iter().chain(&rows) {
            bar.finish_and_clear();
        }
    })
}

fn role(name: &str, state: &RoleState, beats: &Beats, now: i64) -> String {
    let (light, word) = match state {
        RoleState::Running { .. } => ("\x1b[32m●\x1b[0m", String::new()),
        RoleState::Starting | RoleState::Stopping => ("\x1b[33m●\x1b[0m", format!("{state:?}").to_lowercase()),
        RoleState::Waiting { error, retry_at, .. } => {
            let wait = (retry_at - now).max(0) / 1_000_000;
            ("\x1b[33m●\x1b[0m", format!("tries again in {wait} s: {error}"))
        }
        RoleState::Stopped => ("○", "stopped".into()),
        RoleState::Failed { error, .. } => ("\x1b[31m●\x1b[0m", error.clone()),
    };
    let rate = beats.rate(name, now);
    let rate = if name == "serve" { String::new() } else { format!("{rate:>8.0} rows/s") };
    format!("  {light} {name:<8} {rate:<16} {word}")
}

fn upcoming(beats: &Beats, now: i64) -> String {
    let feeds = beats.feeds.values().map(|feed| {
        let h = feed.health.borrow();
        let wait = h.next_fetch_at.map(|at| (at - now).max(0) / 1_000_000);
        match (&feed.held_up, &h.error, wait) {
            (Some(why), ..) => format!("{}: held up, {why}", h.name),
            (_, Some(error), Some(wait)) => format!("{}: {error}; next fetch in {wait} s", h.name),
            (_, Some(error), None) => format!("{}: {error}", h.name),
            (_, _, Some(wait)) => format!("{}: {} states, next fetch in {wait} s", h.name, h.rows),
            _ => format!("{}: {}", h.name, h.message),
        }
    });
    feeds.collect::<Vec<_>>().join("\n  ")
}

fn backfill(beats: &Beats) -> String {
    match &beats.backfill {
        Some(fill) if fill.running && fill.total > 0 => {
            let done = (fill.done * 30 / fill.total) as usize;
            format!("  {} [{}{}] {} of {}", fill.label, "█".repeat(done), "·".repeat(30 - done), fill.done, fill.total)
        }
        _ => String::new(),
    }
}
