//! What the live sky costs, and how it takes a recording of the real one.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use contrail_kit::Clock;
use contrail_source::replay::recording::Recording;
use contrail_source::wire::{Stamp, opensky};
use contrail_types::time::SECOND;
use uuid::Uuid;

use super::testing::{S, T0, sky};
use super::{LiveSky, StateFilter, Unknown};

const AIRCRAFT: u32 = 15_000;

/// Resident memory of this process in bytes, where the system tells.
fn resident() -> Option<u64> {
    let mut statm = String::new();
    std::fs::File::open("/proc/self/statm").ok()?.read_to_string(&mut statm).ok()?;
    statm.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
}

/// CPU time of this thread, where the system tells; else wall time. On a busy machine only the first means anything.
fn cpu() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ns = stat.as_deref().and_then(|s| s.split(' ').next()?.parse().ok());
    ns.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

#[test]
#[ignore = "a measurement: cargo test --release -p contrail-serve measure -- --ignored --nocapture --test-threads 1"]
fn measure_fold_and_publish() {
    let clock = Clock::fixed(T0);
    let live = LiveSky::new("m", clock.clone(), Arc::new(Unknown));
    let batches: Vec<_> = (0..60).map(|i| sky(AIRCRAFT, T0 + i * 60 * S)).collect();
    let before = resident();
    let (mut fold, mut publish) = (Vec::new(), Vec::new());
    for (i, batch) in batches.iter().enumerate() {
        clock.set(T0 + i as i64 * 60 * S + 3 * S);
        let start = cpu();
        live.fold(batch).unwrap();
        fold.push(cpu() - start);
        let start = cpu();
        live.publish();
        publish.push(cpu() - start);
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        (times[times.len() / 2], times[times.len() - 1])
    };
    let frame = live.latest().unwrap();
    println!("fold: median and worst {:?}", median(&mut fold));
    println!("publish: median and worst {:?}", median(&mut publish));
    println!("frame: {} aircraft, {} kB gzip", frame.aircraft, frame.gzip.len() / 1000);
    let start = cpu();
    let identities = serde_json::to_vec(&live.identities(None)).unwrap();
    println!("identities: {:?}, {} kB", (cpu() - start), identities.len() / 1000);
    let start = cpu();
    let states = live.states(&StateFilter::default());
    let body = opensky::write(&states, T0, opensky::WriteOptions::default());
    println!("states/all: {:?}, {} kB", (cpu() - start), body.len() / 1000);
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("memory for {AIRCRAFT} aircraft with an hour of trails: {} MB", (after - before) / 1_000_000);
    }
}

/// The folder of recordings that may not be part of the project.
pub fn recordings() -> Option<PathBuf> {
    let folder = std::env::var_os("CONTRAIL_RECORDINGS").map(PathBuf::from).filter(|f| f.is_dir());
    if folder.is_none() {
        eprintln!("SKIPPED: set CONTRAIL_RECORDINGS to a folder with opensky/*.ndjson.gz to run this test");
    }
    folder
}

/// Folds a recording answer by answer, fetched three seconds after its time; the aircraft of the last frame.
fn played(path: &Path) -> (usize, usize) {
    let clock = Clock::fixed(0);
    let live = LiveSky::new("r", clock.clone(), Arc::new(Unknown));
    let (mut skipped, mut fetched_at) = (0, 0);
    for line in Recording::open(path).unwrap() {
        let body = line.unwrap().body;
        fetched_at = opensky::time_of(&body).unwrap().max(fetched_at) + 3 * SECOND;
        let fetch_id = Uuid::from_u128(fetched_at as u128);
        let parsed = opensky::parse(&body, &Stamp { feed: "opensky", fetch_id, fetched_at }).unwrap();
        clock.set(fetched_at);
        skipped += live.fold(&parsed.states).unwrap().skipped;
        let frame = live.publish().unwrap();
        let now = live.announcement();
        assert_eq!((now.frame as usize > 0, now.aircraft as usize), (true, frame.aircraft));
    }
    let frame = live.latest().unwrap();
    let states = live.states(&StateFilter::default());
    assert!(states.num_rows() >= frame.aircraft);
    (frame.aircraft, skipped)
}

#[test]
fn real_recordings_play_as_if_live() {
    let Some(folder) = recordings() else { return };
    let (aircraft, skipped) = played(&folder.join("opensky/global_24x60s_2024-04-28.ndjson.gz"));
    assert!((8_000..10_000).contains(&aircraft), "{aircraft}");
    assert_eq!(skipped, 0);
    let (aircraft, _) = played(&folder.join("opensky/dulles_raw_450_2023-03-14.ndjson.gz"));
    assert!((5..40).contains(&aircraft), "{aircraft}");
}

#[test]
fn a_recording_stepped_through_gives_every_row_once() {
    use crate::sky::{Content, Pace, Replay, SkySource};
    let Some(folder) = recordings() else { return };
    for (name, expected) in
        [("global_24x60s_2024-04-28.ndjson.gz", 207_126), ("dulles_raw_450_2023-03-14.ndjson.gz", 4_237)]
    {
        let mut replay = Replay::open(&folder.join("opensky").join(name), Pace::Step).unwrap();
        let mut rows = 0;
        while let Content::Raw(body) = replay.answer(0) {
            let stamp = Stamp { feed: "opensky", fetch_id: Uuid::nil(), fetched_at: T0 };
            rows += opensky::parse(&body, &stamp).unwrap().states.num_rows();
        }
        assert_eq!(rows, expected, "{name}");
    }
}
