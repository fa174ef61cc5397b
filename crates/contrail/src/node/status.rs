//! `/api/v1/status`, and what the live stream says of feeds and lake, from the roles' pulse.

use contrail_flow::pulse::{Beats, FeedPulse};
use contrail_serve::api::{self, FeedState, Time};
use contrail_serve::live;
use contrail_source::feed::health::FeedState as Health;
use contrail_source::pacer::Window;

use super::Watched;
use crate::desk::overview;

/// The roles of this process and of its peers, and what they do.
pub async fn status(watched: &Watched, demo: bool) -> api::Status {
    let line = &watched.line;
    let beats = line.pulse.read();
    let now = line.house.clock.now();
    let board = watched.board.get();
    let roles = board.iter().map(|(name, state)| {
        let rate = beats.rate(name, now);
        let note = (*name == "land").then(|| beats.land.resumed_from.clone()).flatten();
        api::RoleStatus { rate_per_s: Some(rate), note, ..api::RoleStatus::of(name, state) }
    });
    let mut status = api::Status {
        version: env!("CARGO_PKG_VERSION").into(),
        demo,
        roles: roles.collect(),
        feeds: beats.feeds.values().map(|feed| self::feed(feed, now)).collect(),
        log: log(watched),
        spool: overview::spool(line).await,
        lake: Some(lake(watched, &beats).await),
        build: Some(api::BuildStatus {
            built_at: beats.build.built_at.map(Time),
            held_hours: beats.build.held_hours.iter().copied().map(Time).collect(),
            outdated: Vec::new(),
        }),
        backfill: beats.backfill.as_ref().map(|b| api::Backfill {
            label: b.label.clone(),
            done: b.done,
            total: b.total,
            running: b.running,
        }),
        ..api::Status::default()
    };
    for peer in watched.peers.said() {
        status.roles.extend(peer.roles.into_iter().filter(|role| role.role != "health"));
        status.feeds.extend(peer.feeds);
        if let (Some(lake), Some(theirs)) = (&mut status.lake, peer.lake) {
            lake.landed_at = lake.landed_at.max(theirs.landed_at);
            lake.landed_rows = lake.landed_rows.into_iter().chain(theirs.landed_rows).reduce(|a, b| a + b);
        }
        if let (Some(build), Some(theirs)) = (&mut status.build, peer.build) {
            build.built_at = build.built_at.max(theirs.built_at);
            build.held_hours.extend(theirs.held_hours);
        }
        status.spool = status.spool.or(peer.spool);
        status.backfill = status.backfill.or(peer.backfill);
    }
    status
}

/// One feed, as its health says and as its answers get on.
pub fn feed(pulse: &FeedPulse, now: i64) -> api::FeedStatus {
    let h = pulse.health.borrow().clone();
    let overdue =
        h.next_fetch_at.is_some_and(|at| now > at + 2_000_000 + h.interval.map_or(0, |i| i.as_micros() as i64));
    let state = match h.state {
        _ if pulse.held_up.is_some() => FeedState::Failed,
        Health::Failed => FeedState::Failed,
        Health::Ended => FeedState::Ended,
        Health::Waiting => FeedState::Waiting,
        Health::Ok if overdue => FeedState::Late,
        Health::Ok => FeedState::Ok,
    };
    let warnings = h.warnings.join("; ");
    let message = match (h.message.is_empty(), warnings.is_empty()) {
        (_, true) => h.message.clone(),
        (true, false) => warnings,
        (false, false) => format!("{}; {warnings}", h.message),
    };
    api::FeedStatus {
        name: h.name,
        kind: h.kind.as_str().into(),
        state,
        interval_s: h.interval.map(|i| i.as_secs_f64()),
        last_fetch_at: h.last_fetch_at.map(Time),
        last_answer_time: h.last_answer_time.map(Time),
        next_fetch_at: h.next_fetch_at.map(Time),
        status: h.status,
        message: Some(message).filter(|m| !m.is_empty()),
        error: pulse.held_up.clone().or(h.error),
        retry_at: h.retry_at.map(Time),
        rows: Some(h.rows),
        credits: h.credits.map(|c| api::Credits {
            remaining: c.remaining.map(|n| n as i64),
            limit: Some(c.limit as i64),
            window: match c.window {
                Window::Day => "day".into(),
                Window::Hour => "hour".into(),
            },
            runs_out_at: c.runs_out_at.map(Time),
        }),
        clock_skew_s: h.clock_skew,
        bad_rows: h.bad_rows,
        bad_fields: h.bad_fields.into_iter().map(|(name, n)| (name.to_owned(), n)).collect(),
    }
}

/// The log as it was seen last.
fn log(watched: &Watched) -> Option<api::LogStatus> {
    let seen = watched.seen.borrow();
    let bounds = seen.bounds.as_ref()?;
    let kafka = watched.line.stream.kafka.is_some();
    Some(api::LogStatus {
        lag_rows: seen.lag_of_all(),
        start: bounds.partitions.values().map(|held| held.start).min().unwrap_or(0),
        end: bounds.partitions.values().map(|held| held.end).max().unwrap_or(0),
        bytes: bounds.bytes.unwrap_or(0),
        limit_bytes: bounds.limit,
        kind: if kafka { "kafka" } else { "embedded" }.into(),
        stream: bounds.stream.clone(),
        error: seen.error.as_ref().map(|(_, why)| why.clone()),
    })
}

async fn lake(watched: &Watched, beats: &Beats) -> api::LakeStatus {
    let (line, mut tables) = (&watched.line, Vec::new());
    for name in line.house.tables().await.unwrap_or_default() {
        let Ok(table) = line.house.table(&name).await else { continue };
        let Ok(version) = table.load().await else { continue };
        let (rows, files, bytes) = version.totals();
        tables.push(api::TableStatus {
            name,
            rows,
            files,
            bytes,
            snapshot_id: version.snapshot_id().map(|id| id.to_string()),
        });
    }
    api::LakeStatus { landed_at: watched.landed_at().map(Time), landed_rows: Some(beats.land.landed_rows), tables }
}

/// What the map shows beside the sky: the feed that is worst off speaks for all.
pub fn pulse(watched: &Watched, demo: bool) -> live::Pulse {
    let line = &watched.line;
    let beats = line.pulse.read();
    let now = line.house.clock.now();
    let own = beats.feeds.values().map(|f| feed(f, now));
    let feeds: Vec<api::FeedStatus> = own.chain(watched.peers.said().into_iter().flat_map(|peer| peer.feeds)).collect();
    let worst = feeds.iter().max_by_key(|f| match f.state {
        FeedState::Failed => 4,
        FeedState::Late => 3,
        FeedState::Ok => 2,
        FeedState::Waiting => 1,
        FeedState::Ended => 0,
    });
    let next = feeds.iter().filter_map(|f| f.retry_at.or(f.next_fetch_at)).min();
    let lag = log(watched).map(|log| log.lag_rows);
    let Some(worst) = worst else {
        return live::Pulse { demo, state: FeedState::Waiting, lag_rows: lag, ..live::Pulse::default() };
    };
    live::Pulse {
        demo,
        state: worst.state,
        message: worst.error.clone().or_else(|| worst.message.clone()),
        next_fetch_at: next.map(|time| time.0),
        interval_s: feeds.iter().filter_map(|f| f.interval_s).reduce(f64::min),
        credits: feeds.iter().find_map(|f| f.credits.clone()),
        landed_at: watched.landed_at(),
        lag_rows: lag,
    }
}
