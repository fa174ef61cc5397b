//! What must hold of the demo sky.

use std::fmt::Write as _;
use std::time::Instant;

use contrail_types::time::SECOND;

use super::*;

#[test]
#[ignore]
fn dump() {
    let begin = Instant::now();
    let sky = DemoSky::new(1, AIRCRAFT);
    eprintln!("new {:?}, fleet {}", begin.elapsed(), sky.fleet.len());
    let times: Vec<i64> = std::env::var("DUMP").unwrap_or_default().split(',').filter_map(|t| t.parse().ok()).collect();
    for t in times {
        let begin = Instant::now();
        let answer = sky.answer(t * SECOND);
        let cold = begin.elapsed();
        let begin = Instant::now();
        let again = sky.answer((t + 10) * SECOND);
        let warm = begin.elapsed();
        let begin = Instant::now();
        again.to_batch("demo", Uuid::nil(), 0).unwrap();
        eprintln!("{t}: {} rows, cold {cold:?} warm {warm:?} batch {:?}", answer.states.len(), begin.elapsed());
        let mut text = String::new();
        for s in &answer.states {
            let i = sky.fleet.binary_search_by_key(&s.icao24, |a| a.icao24).unwrap();
            writeln!(
                text,
                "{}\t{}\t{}\t{:?}\t{}\t{:?}\t{:?}\t{:?}\t{}\t{:?}\t{:?}\t{:?}\t{:?}\t{}\t{}\t{}\t{}\t{:?}\t{}",
                s.icao24,
                s.padded_callsign(),
                s.origin_country.unwrap_or(""),
                s.time_position,
                s.last_contact,
                s.longitude,
                s.latitude,
                s.baro_altitude,
                s.on_ground,
                s.velocity,
                s.true_track,
                s.vertical_rate,
                s.geo_altitude,
                s.squawk.map_or(String::new(), |s| String::from_utf8_lossy(&s).into_owned()),
                s.spi,
                s.position_source,
                s.category,
                sky.fleet[i].role,
                sky.fleet[i].kind.code
            )
            .unwrap();
        }
        std::fs::write(format!("/tmp/sky/out/{t}.tsv"), text.replace("None", "").replace("Some(", "").replace(')', ""))
            .unwrap();
    }
    let memory = sky.memory.lock().unwrap();
    let bytes: usize = memory.iter().filter_map(|m| m.flight.as_ref()).map(|f| f.size()).sum();
    eprintln!("memory {} kB in {} flights", bytes / 1000, memory.iter().filter(|m| m.flight.is_some()).count());
}
