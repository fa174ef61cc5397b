//! What receivers make of the truth: when an aircraft was heard last, and the errors and gaps of the real feed.
//!
//! Rates are those measured over recorded answers (15 % of rows older than 15 s, positions missing in 1-2 %, ...). A stale
//! row is not noise: it is the state of an earlier instant, repeated exactly until it is dropped after 300 s.

use contrail_types::units::{METRES_PER_FOOT, METRES_PER_SECOND_PER_KNOT};

use super::DemoState;
use super::air;
use super::coverage::{Coverage, FAR};
use super::fleet::{Aircraft, Role};
use super::flight::{Flight, Truth};
use super::random::{Dice, key, unit};
use super::trig::{atan2, degrees, longitude, nearest, sincos};
use super::types::Class;

/// A state is dropped when nothing was heard for so many seconds.
pub const KEPT: i64 = 315;

const RAD: f64 = std::f64::consts::PI / 180.0;

/// What is heard of a flight.
pub enum Heard {
    State(DemoState),
    Nothing,
    /// Nothing, and nothing ever will be: it is over.
    Over,
    /// Nothing, and nothing will be for so many seconds: it is far from all receivers.
    Silence(i64),
}

/// Kilometres a second by which a flight can come nearer to coverage, at most: it moves, and climbs into wider reach.
const NEARING: f64 = 0.9;

/// The state that a flight shows at `now` (seconds since the epoch).
pub fn state(aircraft: &Aircraft, flight: &Flight, coverage: &Coverage, now: i64) -> Heard {
    let on = flight.sortie.start;
    let off = on + flight.end() as i64;
    let since = on.max(now - KEPT);
    if off < now - KEPT {
        return Heard::Over;
    }
    let mut contact = heard(flight.key, now).min(off);
    contact = outage(flight, contact);
    if contact < since {
        return Heard::Nothing;
    }
    let mut truth = flight.at((contact - on) as f64);
    let margin = coverage.margin(truth.position, truth.altitude) - quiet(aircraft, &truth);
    if margin < 12.0 {
        if margin < FAR {
            let wait = if truth.on_ground { 0.0 } else { (FAR - margin) / NEARING };
            return Heard::Silence(contact - now + wait as i64);
        }
        match covered(aircraft, flight, coverage, contact, since) {
            Some(last) if last >= since => contact = last,
            _ if truth.on_ground => return Heard::Nothing,
            _ => return Heard::Silence(contact - now + (-margin / NEARING) as i64),
        }
        truth = flight.at((contact - on) as f64);
    }
    Heard::State(observe(aircraft, flight, truth, contact))
}

/// Coverage looks the same to an aircraft for so many seconds.
const BIN: i64 = 20;

/// The last instant up to `contact` at which the flight was inside of coverage.
fn covered(aircraft: &Aircraft, flight: &Flight, coverage: &Coverage, contact: i64, since: i64) -> Option<i64> {
    let on = flight.sortie.start;
    let mut bin = contact.div_euclid(BIN) * BIN;
    let mut last = contact;
    while bin + BIN > since {
        let truth = flight.at((bin - on).max(0) as f64);
        let margin = coverage.margin(truth.position, truth.altitude) - quiet(aircraft, &truth);
        if margin > 0.0 {
            return Some(last);
        }
        // Bins that are too near for it to have been inside need no look.
        let far = if truth.on_ground { 0.0 } else { -margin / NEARING };
        bin -= BIN * (1 + (far / BIN as f64) as i64);
        last = bin + BIN - 1;
    }
    None
}

/// Kilometres by which an aircraft is harder to hear than others: on the ground only a receiver at the airport helps.
fn quiet(aircraft: &Aircraft, truth: &Truth) -> f64 {
    let low = (1.0 - truth.altitude / 1_500.0).clamp(0.0, 1.0);
    // Antennas and heights differ, so reach has no sharp edge.
    let own = unit([aircraft.key, 0x9a1e7]) * (30.0 + 210.0 * (truth.altitude / 8_500.0).clamp(0.0, 1.0));
    own + if truth.on_ground {
        // Half a degree around an airport hears the ground or does not.
        let (a, b) = ((truth.position.latitude * 2.0).floor(), (truth.position.longitude * 2.0).floor());
        if unit([a as i64 as u64, b as i64 as u64, 0x6a0]) < 0.45 { 120.0 } else { 2_000.0 }
    } else {
        low * 30.0
    }
}

/// The last second up to `now` in which a message came through. Most aircraft are heard each second, some each few.
fn heard(flight: u64, now: i64) -> i64 {
    let shift = phase(flight, 16);
    let block = (now + shift).div_euclid(16) as u64;
    let begin = block as i64 * 16 - shift;
    match unit([flight, block, 0x4ea4d]) {
        x if x < 0.2 => now,
        x if x < 0.80 => now - (now - begin) % 2,
        x if x < 0.90 => now - (now - begin) % 3,
        x if x < 0.97 => now - (now - begin) % 8,
        _ => begin,
    }
}

/// Every flight counts its windows of time from an instant of its own.
fn phase(flight: u64, width: i64) -> i64 {
    (flight >> 20) as i64 % width
}

/// Windows in which a flight may fall silent for a while.
const WINDOW: i64 = 900;

fn outage(flight: &Flight, contact: i64) -> i64 {
    // A silence that begins late may reach into the next window: the earlier one is asked first.
    let shift = phase(flight.key, WINDOW);
    let window = (contact + shift).div_euclid(WINDOW);
    let mut silent = contact;
    for w in [window, window - 1] {
        let mut dice = Dice::new([flight.key, w as u64, 0x0f7]);
        if dice.chance(0.46) {
            let begin = w * WINDOW - shift + dice.below(WINDOW as usize) as i64;
            let length = if dice.chance(0.62) { dice.between(120.0, 420.0) } else { dice.between(10.0, 120.0) };
            if (begin..begin + length as i64).contains(&silent) {
                silent = begin;
            }
        }
    }
    silent
}

/// Time of the position that goes with a contact.
fn position_time(flight: &Flight, contact: i64) -> i64 {
    let shift = phase(flight.key, 600);
    let window = (contact + shift).div_euclid(600);
    let mut dice = Dice::new([flight.key, window as u64, 0x905]);
    if dice.chance(0.3) {
        let begin = window * 600 - shift + dice.below(600) as i64;
        let length = 8.0 + 420.0 * dice.unit() * dice.unit() * dice.unit();
        if (begin..begin + length as i64).contains(&contact) {
            return begin;
        }
    }
    // A few seconds behind, now and then.
    let shifted = contact + phase(flight.key, 8);
    let block = shifted.div_euclid(8) as u64;
    let behind = match unit([flight.key, block, 0x906]) {
        x if x < 0.76 => 0,
        x if x < 0.95 => 1,
        _ => shifted.rem_euclid(8),
    };
    contact - behind
}

/// Positions that some transponders never renew: hours to days old.
fn forgotten(flight: &Flight, contact: i64) -> Option<i64> {
    let mut dice = Dice::new([flight.key, 0x01d]);
    dice.chance(0.0016).then(|| {
        let start = flight.sortie.start;
        let age = 900.0 + 1_200_000.0 * dice.unit() * dice.unit() * dice.unit() * dice.unit();
        (start - age as i64).min(contact)
    })
}

fn observe(aircraft: &Aircraft, flight: &Flight, truth: Truth, contact: i64) -> DemoState {
    let on = flight.sortie.start;
    let window = (contact + phase(flight.key, 600)).div_euclid(600) as u64;
    let chance = |what: u64| unit([flight.key, window, what]);
    let old = forgotten(flight, contact);
    let seen = old.unwrap_or_else(|| position_time(flight, contact).max(on));
    let at = if seen == contact { truth } else { flight.at((seen - on).max(0) as f64) };
    let hidden = chance(0x905e) < 0.0125;
    let source = source(aircraft, flight);
    let (speed, track) = velocity(&truth, source);
    let place = (!hidden).then(|| place(flight, &at, source, seen));
    let baro = (!hidden && (!truth.on_ground || chance(0xba6) < 0.03)).then(|| steps(truth.altitude, 25.0));
    let geo = (baro.is_some() && !truth.on_ground && chance(0x6e0) > 0.009)
        .then(|| steps(air::geometric(truth.position, truth.altitude, contact as f64), 25.0));
    let vertical = (!truth.on_ground || chance(0x3ed) < 0.06).then(|| climb(&truth, flight.key, contact));
    let mut state = DemoState {
        icao24: aircraft.icao24,
        callsign: callsign(flight),
        origin_country: aircraft.origin,
        time_position: (!hidden).then_some(seen),
        last_contact: contact,
        longitude: place.map(|p| p.0),
        latitude: place.map(|p| p.1),
        baro_altitude: baro,
        on_ground: truth.on_ground,
        velocity: Some(speed),
        true_track: Some(track),
        vertical_rate: vertical,
        geo_altitude: geo,
        squawk: squawk(aircraft, flight, contact - on),
        spi: chance(0x591) < 0.005,
        position_source: source,
        category: category(aircraft),
    };
    nonsense(&mut state, chance(0xbad));
    state
}

fn steps(metres: f64, feet: f64) -> f64 {
    let step = feet * METRES_PER_FOOT;
    nearest(nearest(metres / step) * step * 100.0) / 100.0
}

/// Whole knots east and north, as ADS-B carries them; taxiing aircraft send speed in steps and track in 128ths of a turn.
fn velocity(truth: &Truth, source: i32) -> (f64, f64) {
    let cents = |x: f64| nearest(x * 100.0) / 100.0;
    if truth.on_ground {
        let knots = nearest(truth.speed / METRES_PER_SECOND_PER_KNOT * 4.0) / 4.0;
        let track = nearest(truth.track / 2.8125) * 2.8125 % 360.0;
        return (cents(knots * METRES_PER_SECOND_PER_KNOT), cents(track));
    }
    if source == 3 {
        // FLARM counts tracks from -180 to 180.
        return (cents(truth.speed), nearest(longitude(truth.track)));
    }
    let (s, c) = sincos(truth.track * RAD);
    let knots = truth.speed / METRES_PER_SECOND_PER_KNOT;
    let (east, north) = (nearest(knots * s), nearest(knots * c));
    let track = if east == 0.0 && north == 0.0 { 0.0 } else { cents(degrees(atan2(east, north) / RAD)) };
    (cents((east * east + north * north).sqrt() * METRES_PER_SECOND_PER_KNOT), track % 360.0)
}

/// Four decimals; multilateration is some tens of metres off.
fn place(flight: &Flight, truth: &Truth, source: i32, seen: i64) -> (f64, f64) {
    let off = if source == 2 { 3e-4 } else { 0.0 };
    let (a, b) = (unit([flight.key, seen as u64, 0x1a7]) - 0.5, unit([flight.key, seen as u64, 0x104]) - 0.5);
    let at = truth.position;
    let four = |x: f64| nearest(x * 1e4) / 1e4;
    (longitude(four(at.longitude + a * off)), four(at.latitude + b * off))
}

/// Steps of 64 ft/min; level flight trembles by one.
fn climb(truth: &Truth, flight: u64, contact: i64) -> f64 {
    let step = 64.0 * METRES_PER_FOOT / 60.0;
    let tremble = match unit([flight, contact.div_euclid(5) as u64, 0x3e4]) {
        x if x < 0.16 => -1.0,
        x if x < 0.28 => 1.0,
        _ => 0.0,
    };
    nearest((nearest(truth.vertical / step) + tremble) * step * 100.0) / 100.0
}

fn source(aircraft: &Aircraft, flight: &Flight) -> i32 {
    let x = unit([flight.key, 0x50c]);
    match aircraft.role {
        Role::Glider if x < 0.82 => 3,
        Role::Private | Role::Helicopter if x < 0.14 => 2,
        Role::Private if x < 0.17 => 3,
        Role::Line | Role::Business if x < 0.014 => 2,
        Role::Military if x < 0.35 => 2,
        _ if x > 0.9985 => 1,
        _ => 0,
    }
}

fn category(aircraft: &Aircraft) -> i32 {
    let x = unit([aircraft.key, 0xca7]);
    match aircraft.kind.class {
        Class::Vehicle | Class::Glider | Class::Helicopter if x > 0.06 => aircraft.kind.category,
        _ if x < 0.22 => 0,
        _ if x < 0.26 => 1,
        _ if aircraft.kind.code == "B752" => 5,
        _ => aircraft.kind.category,
    }
}

fn callsign(flight: &Flight) -> [u8; 8] {
    match unit([flight.key, 0xb1a]) {
        // Nobody has heard the identification yet.
        x if x < 0.019 => [0; 8],
        x if x < 0.021 => [b' '; 8],
        _ => flight.callsign,
    }
}

fn squawk(aircraft: &Aircraft, flight: &Flight, since: i64) -> Option<[u8; 4]> {
    let digits = |code: u16| {
        let mut text = [b'0'; 4];
        let mut rest = code;
        for place in text.iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        text
    };
    if let Some((code, _)) = flight.emergency.filter(|(_, from)| since as f64 >= *from) {
        return Some(digits(code));
    }
    let mut dice = Dice::new([flight.key, 0x5a4]);
    let american = matches!(aircraft.country, "US" | "CA" | "MX");
    let europe = aircraft.icao24.get() >> 20 == 4 || aircraft.icao24.get() >> 20 == 3;
    let unknown = match aircraft.role {
        Role::Vehicle => 1.0,
        Role::Glider => 0.85,
        _ if american => 0.5,
        _ if europe => 0.2,
        _ => 0.45,
    };
    if dice.chance(unknown) {
        return None;
    }
    let visual = matches!(aircraft.role, Role::Private | Role::Glider | Role::Helicopter);
    if visual && dice.chance(0.75) {
        return Some(digits(if american { 1200 } else { 7000 }));
    }
    if europe && dice.chance(0.17) {
        return Some(*b"1000");
    }
    // Four octal digits; the codes with a meaning of their own are left to those who mean them.
    let code = dice.below(0o7400).max(0o101);
    Some([9, 6, 3, 0].map(|shift| b'0' + (code >> shift & 7) as u8))
}

/// What cannot be and yet is sent.
fn nonsense(state: &mut DemoState, x: f64) {
    if x < 0.000_25 {
        state.velocity = Some(2_676.1 - (key([state.last_contact as u64]) % 16) as f64 * 100.0);
    } else if x < 0.000_4 {
        state.vertical_rate = Some(604.0);
    } else if x < 0.000_7 {
        state.vertical_rate = Some(if x < 0.000_55 { -88.11 } else { 88.43 });
    } else if x < 0.000_9 {
        state.baro_altitude = Some(38_709.6);
    }
}
