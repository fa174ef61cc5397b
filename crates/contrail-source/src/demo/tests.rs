//! What must hold of the demo sky.

use std::collections::{BTreeMap, HashMap, HashSet};

use contrail_types::time::{HOUR, MINUTE};

use super::*;
use crate::reference::{address_blocks, airlines, airport_index, airports, country_of};
use fleet::Role;

/// 2026-11-18 00:00 UTC, a Wednesday.
const DAY: Micros = 1_794_960_000_000_000;
const NOON: Micros = DAY + 14 * HOUR;

fn digest(answer: &DemoAnswer) -> u64 {
    let mut sum = random::key([answer.time as u64, answer.states.len() as u64]);
    let bits = |x: Option<f64>| x.map_or(1, f64::to_bits);
    for s in &answer.states {
        sum = random::key([
            sum,
            s.icao24.get().into(),
            u64::from_le_bytes(s.callsign),
            s.time_position.unwrap_or(1) as u64,
            s.last_contact as u64,
            bits(s.longitude),
            bits(s.latitude),
            bits(s.baro_altitude),
            bits(s.geo_altitude),
            bits(s.velocity),
            bits(s.true_track),
            bits(s.vertical_rate),
            s.squawk.map_or(1, u32::from_le_bytes).into(),
            u64::from(s.on_ground) << 1 | u64::from(s.spi),
            (s.position_source << 8 | s.category) as u64,
        ]);
    }
    sum
}

#[test]
fn an_answer_is_the_same_on_every_machine_and_in_any_order() {
    let sky = DemoSky::new(7, 1500);
    let fresh = sky.answer(NOON);
    // Changes when the sky is changed on purpose; on another machine it must not.
    assert_eq!(digest(&fresh), SNAPSHOT, "{:#x}, {} rows", digest(&fresh), fresh.states.len());
    for minutes in [-700, 3, 90, -4, 0] {
        let again = sky.answer(NOON + minutes * MINUTE);
        assert_eq!(again, DemoSky::new(7, 1500).answer(NOON + minutes * MINUTE), "{minutes}");
    }
    assert_ne!(DemoSky::new(8, 1500).answer(NOON), fresh);
}

const SNAPSHOT: u64 = 0xec34b702c140222e;

/// Every flight of a day of a small sky.
fn flights(sky: &DemoSky) -> Vec<(&Aircraft, Flight)> {
    let mut all = Vec::new();
    for aircraft in &sky.fleet {
        let mut time = DAY / SECOND;
        while time < DAY / SECOND + 86_400 {
            let slot = schedule::slot(aircraft, &sky.markets, time);
            assert!(slot.from <= time && time < slot.to, "{slot:?} at {time}");
            all.extend(slot.sortie.map(|sortie| (aircraft, Flight::new(aircraft, sortie))));
            time = slot.to;
        }
    }
    all
}

#[test]
fn flights_fit_their_time_and_move_without_jumps() {
    let sky = DemoSky::new(3, 500);
    let flights = flights(&sky);
    assert!(flights.len() > 1_500, "{}", flights.len());
    for (aircraft, flight) in &flights {
        let name = || format!("{:?} {} {:?}", aircraft.role, aircraft.kind.code, flight.sortie);
        let planned = (flight.sortie.end - flight.sortie.start) as f64;
        assert!(flight.end() <= planned, "{} needs {} s", name(), flight.end());
        let mut t = random::unit([flight.key]) * 37.0;
        while t + 1.0 < flight.end() {
            check_second(flight, t).unwrap_or_else(|wrong| panic!("{wrong} after {t} s: {}", name()));
            t += 37.0;
        }
    }
}

/// Whether position, speed, track, altitude and vertical rate of one second agree with each other.
fn check_second(flight: &Flight, t: f64) -> Result<(), String> {
    let (a, m, b) = (flight.at(t), flight.at(t + 0.5), flight.at(t + 1.0));
    let moved = a.position.distance(b.position);
    let (least, most) = (a.speed.min(m.speed).min(b.speed), a.speed.max(m.speed).max(b.speed));
    // Single precision leaves a metre after ten thousand kilometres; taxiing cuts corners.
    if moved > most * 1.03 + 2.5 || (!a.on_ground && moved < least * 0.96 - 2.5) || most > 400.0 {
        return Err(format!("moved {moved} m at {least} to {most} m/s"));
    }
    let rise = b.altitude - a.altitude;
    let rates = [a.vertical, m.vertical, b.vertical];
    let (low, high) = rates.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    if rise < low - 0.2 || rise > high + 0.2 || rise.abs() > 40.0 {
        return Err(format!("rose {rise} m at {low} to {high} m/s"));
    }
    if !a.on_ground && !b.on_ground && moved > 20.0 {
        let off = trig::longitude(a.position.bearing(b.position) - m.track).abs();
        // Gliders circle at fifteen degrees a second.
        if off > 12.0 {
            return Err(format!("track off by {off} degrees"));
        }
    }
    Ok(())
}

#[test]
fn rows_of_answers_ten_seconds_apart_do_not_jump() {
    let sky = DemoSky::new(5, 2_500);
    let mut before: HashMap<Icao24, DemoState> = HashMap::new();
    let mut compared = 0;
    for i in 0..30 {
        for state in sky.answer(NOON + i * 10 * SECOND).states {
            let Some(last) = before.insert(state.icao24, state.clone()) else { continue };
            if state.last_contact == last.last_contact {
                assert_eq!(state, last, "a repeated observation repeats all of it");
                continue;
            }
            let (Some(a), Some(b)) = (place(&last), place(&state)) else { continue };
            let seconds = (state.time_position.unwrap() - last.time_position.unwrap()).abs();
            assert!(a.distance(b) <= 400.0 * seconds as f64 + 60.0, "{last:?} {state:?}");
            compared += 1;
        }
    }
    assert!(compared > 40_000, "{compared}");
}

fn place(s: &DemoState) -> Option<contrail_types::geo::Position> {
    Some(contrail_types::geo::Position::new(s.latitude?, s.longitude?))
}

#[test]
fn quirks_come_at_the_rates_of_the_real_feed() {
    let sky = DemoSky::new(1, AIRCRAFT);
    let answer = sky.answer(NOON);
    let (all, count) = (&answer.states, answer.states.len() as f64);
    assert!((10_500.0..13_500.0).contains(&count), "{count} rows");
    let share = |what: &dyn Fn(&DemoState) -> bool| all.iter().filter(|s| what(s)).count() as f64 / count;
    let lag = |s: &DemoState| answer.time - s.last_contact;
    let cases: [(&str, f64, f64, f64); 14] = [
        ("older than 15 s", share(&|s| lag(s) > 15), 0.10, 0.17),
        ("older than 120 s", share(&|s| lag(s) > 120), 0.03, 0.09),
        ("no position", share(&|s| s.longitude.is_none()), 0.01, 0.02),
        ("no squawk", share(&|s| s.squawk.is_none()), 0.30, 0.64),
        ("no barometric altitude", share(&|s| s.baro_altitude.is_none()), 0.06, 0.11),
        ("on the ground", share(&|s| s.on_ground), 0.05, 0.10),
        ("blank callsign", share(&|s| s.padded_callsign().trim().is_empty()), 0.01, 0.04),
        ("eight blanks", share(&|s| s.padded_callsign() == "        "), 0.000_3, 0.006),
        ("not ADS-B", share(&|s| s.position_source != 0), 0.01, 0.06),
        ("old position", share(&|s| s.time_position.is_some_and(|t| s.last_contact - t > 40)), 0.008, 0.035),
        ("days-old position", share(&|s| s.time_position.is_some_and(|t| answer.time - t > 7_200)), 0.000_2, 0.004),
        ("impossible", share(&|s| s.velocity > Some(400.0) || s.vertical_rate > Some(80.0)), 0.000_1, 0.002),
        ("from the United States", share(&|s| s.origin_country == Some("United States")), 0.33, 0.50),
        ("above 9 km", share(&|s| s.baro_altitude > Some(9_000.0)), 0.40, 0.60),
    ];
    for (what, is, least, most) in cases {
        assert!((least..most).contains(&is), "{what}: {is}");
    }
    assert!(all.iter().all(|s| (0..=reception::KEPT).contains(&lag(s))));
    assert!(all.windows(2).all(|w| w[0].icao24 < w[1].icao24));
    assert!(all.iter().any(|s| s.position_source == 3 && s.true_track < Some(0.0)), "FLARM counts to both sides");
    let octal = |s: &DemoState| s.squawk.is_none_or(|c| c.iter().all(|d| (b'0'..=b'7').contains(d)));
    assert!(all.iter().all(octal));
    let later: HashMap<_, _> =
        sky.answer(NOON + MINUTE).states.into_iter().map(|s| (s.icao24, s.last_contact)).collect();
    let repeated = all.iter().filter(|s| later.get(&s.icao24) == Some(&s.last_contact)).count() as f64 / count;
    assert!((0.05..0.14).contains(&repeated), "repeated after a minute: {repeated}");
}

#[test]
fn the_answers_time_repeats_and_goes_back_now_and_then() {
    let sky = DemoSky::new(1, 1);
    let steps = |every: Micros| {
        let times: Vec<_> = (0..4_000).map(|i| sky.server_time(NOON + i * every)).collect();
        let share = |what: fn(i64) -> bool| {
            times.windows(2).filter(|w| what(w[1] - w[0])).count() as f64 / (times.len() - 1) as f64
        };
        (share(|d| d == 0), share(|d| d < 0))
    };
    let (repeats, back) = steps(5 * SECOND / 2);
    assert!((0.12..0.32).contains(&repeats) && (0.03..0.12).contains(&back), "{repeats} {back}");
    let (repeats, back) = steps(10 * SECOND);
    assert!(repeats + back > 0.001 && repeats + back < 0.05, "{repeats} {back}");
}

#[test]
fn europe_sleeps_when_it_is_night_there() {
    let sky = DemoSky::new(2, 3_000);
    let count = |at| {
        let mut regions = [0.0_f64; 2];
        for s in sky.answer(at).states {
            let Some(p) = place(&s) else { continue };
            if (36.0..62.0).contains(&p.latitude) && (-10.0..25.0).contains(&p.longitude) {
                regions[0] += 1.0;
            } else if (25.0..50.0).contains(&p.latitude) && (-125.0..-65.0).contains(&p.longitude) {
                regions[1] += 1.0;
            }
        }
        regions
    };
    let (day, night, early) = (count(NOON), count(DAY + 2 * HOUR), count(DAY + 9 * HOUR));
    assert!(night[0] < 0.25 * day[0], "Europe: {night:?} {day:?}");
    assert!(early[1] < 0.5 * day[1] && night[1] > 0.5 * day[1], "America: {early:?} {night:?} {day:?}");
}

#[test]
fn cruise_levels_follow_the_semicircular_rule() {
    let sky = DemoSky::new(4, 2_000);
    let (mut right, mut wrong) = (0, 0);
    for (aircraft, flight) in flights(&sky) {
        let middle = flight.at(flight.end() * 0.5);
        let level = middle.altitude / 30.48;
        let jet = matches!(aircraft.role, Role::Line | Role::LongHaul | Role::Business);
        // Near north and south the rule turns over while a flight changes its level.
        let clear = trig::longitude(middle.track * 2.0).abs() > 40.0;
        if !jet || middle.vertical != 0.0 || !(290.0..=410.0).contains(&level) || !clear {
            continue;
        }
        assert!((level - level.round()).abs() < 0.01, "FL{level}");
        let odd = (level / 10.0).round() as i64 % 2 == 1;
        if odd == (middle.track < 180.0) { right += 1 } else { wrong += 1 }
    }
    assert!(right > 1_000 && wrong * 50 < right, "{right} right, {wrong} wrong");
}

#[test]
fn addresses_are_of_the_country_of_registry_and_airlines_fly_from_their_hubs() {
    let sky = DemoSky::new(1, 4_000);
    let addresses: HashSet<_> = sky.fleet.iter().map(|a| a.icao24).collect();
    assert_eq!(addresses.len(), sky.fleet.len());
    for a in &sky.fleet {
        assert_eq!(country_of(a.icao24).map(|b| b.iso2), Some(a.country), "{}", a.icao24);
        if let Some(airline) = a.airline {
            let base = airports()[a.base.airport as usize].iata;
            assert!(airline.hubs.iter().any(|(hub, _)| *hub == base), "{} at {base}", airline.icao);
        }
    }
    let small = DemoSky::new(1, 300);
    let flights = flights(&small);
    let calls: BTreeMap<_, usize> = flights.iter().fold(BTreeMap::new(), |mut m, (a, f)| {
        *m.entry(a.airline.map(|x| f.callsign.starts_with(x.icao.as_bytes()))).or_default() += 1;
        m
    });
    assert_eq!(calls.get(&Some(false)), None, "{calls:?}");
}

#[test]
fn the_reference_tables_are_sound() {
    let blocks = address_blocks();
    assert!(blocks.len() >= 185, "{}", blocks.len());
    assert!(blocks.windows(2).all(|w| w[0].last < w[1].first), "blocks overlap");
    let iso2 = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
    for b in blocks {
        assert!(iso2(b.iso2) && !b.country.is_empty() && (b.last - b.first + 1).is_multiple_of(256), "{b:?}");
    }
    for (address, country) in [
        (0x3c6444, "Germany"),
        (0x4ca123, "Ireland"),
        (0xa00001, "United States"),
        (0x71be12, "Republic of Korea"),
        (0x484a00, "Kingdom of the Netherlands"),
        (0x780a12, "China"),
        (0x155c67, "Russian Federation"),
    ] {
        assert_eq!(country_of(Icao24::new(address).unwrap()).map(|b| b.country), Some(country));
    }
    assert!(country_of(Icao24::new(0x003e53).unwrap()).is_none());
    assert!(airports().len() >= 600 && airlines().len() >= 400);
    assert!(airports().windows(2).all(|w| w[0].iata < w[1].iata));
    assert!(airlines().windows(2).all(|w| w[0].icao < w[1].icao));
    for csv in [crate::reference::AIRLINES_CSV, crate::reference::AIRPORTS_CSV, crate::reference::ADDRESS_BLOCKS_CSV] {
        let width = csv.lines().next().unwrap().split(',').count();
        assert!(!csv.contains('"') && csv.lines().all(|l| l.split(',').count() == width));
    }
    assert_eq!(airports().len() + 1, crate::reference::AIRPORTS_CSV.lines().count());
    assert_eq!(airlines().len() + 1, crate::reference::AIRLINES_CSV.lines().count());
    for airline in airlines() {
        assert!(airline.hubs.iter().all(|(hub, _)| airport_index(hub).is_some()), "{}", airline.icao);
    }
}

#[test]
fn a_history_has_one_answer_a_step_and_becomes_rows_of_the_schema() {
    let sky = DemoSky::new(1, 300);
    let answers: Vec<_> = history(&sky, NOON - HOUR, NOON, 10 * MINUTE).collect();
    assert_eq!(answers.len(), 6);
    let batch = answers[0].to_batch("demo", Uuid::nil(), NOON).unwrap();
    assert_eq!(batch.num_rows(), answers[0].states.len());
    assert_eq!(batch.schema(), contrail_types::state::schema());
}

#[test]
fn the_truth_is_where_the_rows_say() {
    let sky = DemoSky::new(1, 600);
    let answer = sky.answer(NOON);
    let mut near = 0;
    for s in answer.states.iter().filter(|s| s.time_position.is_some_and(|t| answer.time - t < 300)) {
        let Some(truth) = sky.truth(s.icao24, s.time_position.unwrap() * SECOND) else { continue };
        assert!(truth.position.distance(place(s).unwrap()) < 60.0, "{s:?} {truth:?}");
        near += 1;
    }
    assert!(near > 300, "{near}");
}
