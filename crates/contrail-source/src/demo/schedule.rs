//! When an aircraft flies and where to: a day (two for long hauls) of sorties that starts and ends at its base.
//!
//! Each cycle follows from the aircraft's key and the cycle's number alone, so any time can be asked without the
//! times before it. Days are days of the base: the waves of traffic move round the Earth with the sun.

use contrail_types::geo::{self, Position};

use super::fleet::{Aircraft, Role, soaring};
use super::market::Markets;
use super::random::Dice;
use super::site::Place;
use crate::reference::airports;

/// What one flight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// From one place to another.
    Travel,
    /// Traffic patterns around the field.
    Circuits,
    /// Out to somewhere, around, and back.
    Local,
    /// From thermal to thermal.
    Soaring,
    /// Driving about an airport.
    Rounds,
}

/// One flight: seconds since the epoch at which its transponder goes on and by which it is surely off again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sortie {
    pub cycle: i64,
    pub index: u32,
    pub purpose: Purpose,
    pub from: Place,
    pub to: Place,
    pub start: i64,
    pub end: i64,
}

/// A stretch of time in which an aircraft does one thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    pub from: i64,
    pub to: i64,
    pub sortie: Option<Sortie>,
}

const HOUR: f64 = 3600.0;
const DAY: i64 = 86_400;
const RAD: f64 = std::f64::consts::PI / 180.0;

/// What `aircraft` does at `time`: the sortie whose time it is, or the pause around it.
pub fn slot(aircraft: &Aircraft, markets: &Markets, time: i64) -> Slot {
    let period = if aircraft.role == Role::LongHaul { 2 * DAY } else { DAY };
    let site = &airports()[aircraft.base.airport as usize];
    // Days start at three in the morning of the base, freight days at midnight; every second day for half the long haulers.
    let dawn = if aircraft.role == Role::Freight { 0 } else { 3 * 3600 };
    let offset = dawn - (site.utc_offset_h * HOUR) as i64 + if aircraft.key & 1 == 0 { DAY } else { 0 };
    let cycle = (time - offset).div_euclid(period);
    let begin = cycle * period + offset;
    let mut day = Day { aircraft, markets, cycle, begin, period, time, index: 0, pause: begin, found: None };
    let mut dice = Dice::new([aircraft.key, cycle as u64, 0xda7]);
    match aircraft.role {
        Role::Line => day.line(&mut dice),
        Role::LongHaul => day.long_haul(&mut dice),
        Role::Freight => day.freight(&mut dice),
        Role::Business | Role::Military => day.business(&mut dice),
        Role::Private => day.private(&mut dice),
        Role::Helicopter => day.helicopter(&mut dice),
        Role::Glider => day.glider(&mut dice),
        Role::Vehicle => day.vehicle(&mut dice),
    }
    day.found.unwrap_or(Slot { from: day.pause, to: begin + period, sortie: None })
}

/// A cycle being laid out until the slot at `time` is found.
struct Day<'a> {
    aircraft: &'a Aircraft,
    markets: &'a Markets,
    cycle: i64,
    begin: i64,
    period: i64,
    time: i64,
    index: u32,
    /// End of the sortie before.
    pause: i64,
    found: Option<Slot>,
}

impl Day<'_> {
    /// Adds a sortie; false when it does not fit or the slot has been found.
    fn add(&mut self, purpose: Purpose, from: Place, to: Place, start: i64, length: i64) -> bool {
        let start = start.max(self.pause + 330);
        let end = start + length;
        if self.found.is_some() || end + 330 > self.begin + self.period {
            return false;
        }
        if self.time < start {
            self.found = Some(Slot { from: self.pause, to: start, sortie: None });
            return false;
        }
        let (cycle, index) = (self.cycle, self.index);
        if self.time < end {
            let sortie = Sortie { cycle, index, purpose, from, to, start, end };
            self.found = Some(Slot { from: start, to: end, sortie: Some(sortie) });
            return false;
        }
        self.index += 1;
        self.pause = end;
        true
    }

    fn after(&self, hours: f64) -> i64 {
        self.begin + (hours * HOUR) as i64
    }

    fn destination(&self, dice: &mut Dice) -> Option<Place> {
        self.markets.pick(self.aircraft.market, dice).map(|airport| Place { airport, field: 0 })
    }

    /// Out and back, `turn` seconds on the ground there; `false` at the end.
    fn rotation(&mut self, start: i64, to: Place, turn: i64) -> bool {
        let base = self.aircraft.base;
        let (out, back) = (block(self.aircraft, base, to), block(self.aircraft, to, base));
        if start.max(self.pause + 330) + out + turn + back + 660 > self.begin + self.period {
            return false;
        }
        self.add(Purpose::Travel, base, to, start, out) && self.add(Purpose::Travel, to, base, self.pause + turn, back)
    }

    fn line(&mut self, dice: &mut Dice) {
        if dice.chance(0.06) {
            return;
        }
        // The first wave leaves between half past five and nine.
        let mut start = self.after(2.4 + 3.8 * dice.unit() * dice.unit().max(0.35));
        loop {
            let Some(to) = self.destination(dice) else { return };
            let (there, here) = (dice.between(1_300.0, 2_700.0) as i64, dice.between(1_500.0, 4_200.0) as i64);
            // Nobody leaves on a rotation after half past nine in the evening.
            if start > self.after(18.6) || !self.rotation(start, to, there) {
                return;
            }
            start = self.pause + here;
        }
    }

    fn long_haul(&mut self, dice: &mut Dice) {
        if dice.chance(0.05) {
            return;
        }
        // Late morning, afternoon or late evening.
        let mut start = self.after(match dice.below(10) {
            0..=3 => dice.between(5.5, 9.5),
            4..=6 => dice.between(9.5, 14.0),
            _ => dice.between(17.0, 20.9),
        });
        while let Some(to) = self.destination(dice) {
            let (there, here) = (dice.between(5_400.0, 11_000.0) as i64, dice.between(6_000.0, 16_000.0) as i64);
            if !self.rotation(start, to, there) {
                return;
            }
            start = self.pause + here;
        }
    }

    fn freight(&mut self, dice: &mut Dice) {
        if dice.chance(0.12) {
            return;
        }
        let Some(to) = self.destination(dice) else { return };
        let base = self.aircraft.base;
        let out = block(self.aircraft, base, to);
        let back = block(self.aircraft, to, base);
        let start = self.after(dice.between(2.2, 5.0));
        let home = self.after(dice.between(21.4, 23.7)) - back;
        if dice.chance(0.35) && out + back < 7 * 3600 {
            // A second pair in daylight, for what cannot wait.
            if !self.rotation(start, to, 5_400) {
                return;
            }
            let Some(other) = self.destination(dice) else { return };
            self.rotation(self.pause + 7_200, other, 5_400);
        } else if start + out + 1_800 < home {
            let _ = self.add(Purpose::Travel, base, to, start, out) && self.add(Purpose::Travel, to, base, home, back);
        } else {
            self.rotation(start, to, 3_600);
        }
    }

    fn business(&mut self, dice: &mut Dice) {
        let busy = if self.aircraft.airline.is_some() { 0.85 } else { 0.55 };
        if !dice.chance(busy) {
            return;
        }
        let mut start = self.after(dice.between(3.0, 10.0));
        for _ in 0..3 {
            let Some(to) = self.destination(dice) else { return };
            let (there, here) = (dice.between(1_800.0, 14_000.0) as i64, dice.between(2_400.0, 9_000.0) as i64);
            if start > self.after(17.5) || !self.rotation(start, to, there) {
                return;
            }
            start = self.pause + here;
        }
    }

    fn private(&mut self, dice: &mut Dice) {
        if !dice.chance(if self.aircraft.airline.is_some() { 0.85 } else { 0.62 }) {
            return;
        }
        let base = self.aircraft.base;
        let mut start = self.after(dice.between(4.4, 12.0));
        for _ in 0..3 {
            let what = dice.unit();
            let more = if what < 0.24 {
                self.add(Purpose::Circuits, base, base, start, 6_000)
            } else if what < 0.58 {
                self.add(Purpose::Local, base, base, start, 8_400)
            } else {
                let Some(to) = self.destination(dice) else { return };
                let to = Place { airport: to.airport, field: 1 + dice.below(7) as u8 };
                self.rotation(start, to, dice.between(1_500.0, 9_000.0) as i64)
            };
            start = self.pause + dice.between(1_200.0, 10_000.0) as i64;
            if !more || start > self.after(13.5) || dice.chance(0.35) {
                return;
            }
        }
    }

    fn helicopter(&mut self, dice: &mut Dice) {
        let mut start = self.after(dice.between(2.5, 14.0));
        let base = self.aircraft.base;
        while dice.chance(0.72) {
            if !self.add(Purpose::Local, base, base, start, 6_600) {
                return;
            }
            start = self.pause + dice.between(2_400.0, 14_000.0) as i64;
        }
    }

    fn glider(&mut self, dice: &mut Dice) {
        let at = airports()[self.aircraft.base.airport as usize].position;
        let day = (self.begin / DAY) % 365;
        if dice.chance(if soaring(at, day as f64) { 0.7 } else { 0.22 }) {
            let (start, base) = (self.after(dice.between(7.8, 10.5)), self.aircraft.base);
            self.add(Purpose::Soaring, base, base, start, 15_000);
        }
    }

    fn vehicle(&mut self, dice: &mut Dice) {
        let (mut start, base) = (self.after(dice.between(0.5, 2.5)), self.aircraft.base);
        while self.add(Purpose::Rounds, base, base, start, dice.between(5_000.0, 15_000.0) as i64) {
            start = self.pause + dice.between(600.0, 7_000.0) as i64;
        }
    }
}

fn centre(place: Place) -> Position {
    airports()[place.airport as usize].position
}

/// Seconds from transponder on to off that are enough for a flight, whatever runway, wind and holds it meets.
pub fn block(aircraft: &Aircraft, from: Place, to: Place) -> i64 {
    let kind = aircraft.kind;
    let (a, b) = (centre(from), centre(to));
    let small = from.field > 0 || to.field > 0;
    let distance = a.distance(b) + if small { 100_000.0 } else { 60_000.0 };
    let tail = tail_wind(a, b, distance);
    let slow = if small { 0.8 } else { 1.0 };
    let cruise = distance / ((kind.cruise * slow + tail).max(kind.cruise * 0.6));
    // Climb and descent are slower than cruise; taxi, queues and a hold come on top.
    let overhead = if kind.cruise > 180.0 { 3_300.0 } else { 2_700.0 };
    (cruise * 1.04 + overhead) as i64
}

/// A careful guess of the mean tail wind: what the jet stream may cost westwards, nothing gained eastwards. Cheap, for
/// it is asked for every flight of a day.
fn tail_wind(a: Position, b: Position, distance: f64) -> f64 {
    let middle = (a.latitude + b.latitude) / 2.0;
    let west = -geo::longitude(b.longitude - a.longitude) * 111_195.0 * libm::cos(middle * RAD) / distance;
    let jet = |latitude: f64| {
        let off = (latitude.abs() - 43.0) / 22.0;
        1.0 / (1.0 + off * off * off * off)
    };
    let strongest = jet(a.latitude).max(jet(b.latitude)).max(jet(middle));
    -10.0 - 46.0 * strongest * west.clamp(0.0, 1.0)
}
