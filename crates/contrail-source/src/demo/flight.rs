//! One flight as it is flown: its path, its profile, its call. Built from a sortie, asked for any instant.

use contrail_types::geo::Position;

use super::fleet::Aircraft;
use super::identity;
use super::path::Path;
use super::profile::Profile;
use super::random::{Dice, key};
use super::schedule::{Purpose, Sortie};
use super::site::Site;
use super::{local, travel};

/// An aircraft at an instant, free of noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    pub position: Position,
    /// Barometric altitude, metres.
    pub altitude: f64,
    pub on_ground: bool,
    /// Over the ground, m/s.
    pub speed: f64,
    pub track: f64,
    pub vertical: f64,
}

/// A flight.
#[derive(Clone, Debug)]
pub struct Flight {
    pub sortie: Sortie,
    /// Chance that belongs to this flight.
    pub key: u64,
    path: Path,
    profile: Profile,
    /// Metres along the path at which it leaves the ground and touches it again.
    air: (f64, f64),
    pub callsign: [u8; 8],
    /// 7700 or 7600, and the seconds after the start from which on.
    pub emergency: Option<(u16, f64)>,
}

/// What [`travel`] and [`local`] make.
pub struct Course {
    pub path: Path,
    pub profile: Profile,
    pub air: (f64, f64),
}

impl Flight {
    pub fn new(aircraft: &Aircraft, sortie: Sortie) -> Self {
        let key = key([aircraft.key, sortie.cycle as u64, sortie.index.into(), 0xf119]);
        let mut dice = Dice::new([key]);
        let course = match sortie.purpose {
            Purpose::Travel => travel::course(aircraft, &sortie, &mut dice),
            Purpose::Circuits => local::circuits(aircraft, &sortie, &mut dice),
            Purpose::Local => local::outing(aircraft, &sortie, &mut dice),
            Purpose::Soaring => local::soaring(aircraft, &sortie, &mut dice),
            Purpose::Rounds => local::rounds(aircraft, &sortie, &mut dice),
        };
        let length = course.profile.end();
        let emergency = match dice.below(24_000) {
            0..=2 => Some((7700, dice.between(0.3, 0.8) * length)),
            3..=4 => Some((7600, dice.between(0.3, 0.8) * length)),
            _ => None,
        };
        let callsign = callsign(aircraft, &sortie);
        Self { sortie, key, path: course.path, profile: course.profile, air: course.air, callsign, emergency }
    }

    /// Seconds after the start at which the transponder goes off.
    pub fn end(&self) -> f64 {
        self.profile.end()
    }

    /// The state `t` seconds after the start.
    pub fn at(&self, t: f64) -> Truth {
        let now = self.profile.at(t);
        let fix = self.path.at(now.s);
        Truth {
            position: fix.position,
            altitude: now.h,
            on_ground: now.s < self.air.0 || now.s >= self.air.1,
            speed: now.v,
            track: fix.track,
            vertical: now.vertical,
        }
    }
}

fn callsign(aircraft: &Aircraft, sortie: &Sortie) -> [u8; 8] {
    use crate::reference::CallsignStyle::Registration;
    let text = match aircraft.airline {
        _ if sortie.purpose == Purpose::Rounds => format!("OPS{}", aircraft.key % 90 + 1),
        Some(airline) if airline.style != Registration => {
            let back = sortie.index % 2 == 1;
            let other = if back { sortie.from } else { sortie.to };
            // The number belongs to the route and the time of day, so it comes again tomorrow.
            let route =
                [aircraft.base.airport.into(), other.airport.into(), aircraft.key % 64, (sortie.index / 2).into()];
            identity::callsign(airline, key(route), back)
        }
        _ => identity::registration(aircraft.icao24, aircraft.country).unwrap_or_default(),
    };
    identity::padded(&text)
}

/// The key by which an aircraft finds its stand at one end of a sortie: at home always the same one.
pub fn parking(aircraft: &Aircraft, sortie: &Sortie, site_is_base: bool) -> u64 {
    if site_is_base { aircraft.key } else { key([aircraft.key, sortie.cycle as u64, (sortie.index / 2).into()]) }
}

/// Radius of turns that a type flies near airfields: 22 degrees of bank.
pub fn turn_radius(speed: f64) -> f64 {
    speed * speed / 3.96
}

/// The two ends of a sortie and whether each is the base.
pub fn ends(aircraft: &Aircraft, sortie: &Sortie) -> [(Site, bool); 2] {
    [sortie.from, sortie.to].map(|place| (place.site(), place == aircraft.base))
}
