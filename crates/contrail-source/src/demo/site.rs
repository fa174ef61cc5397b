//! Airfields as flights need them: where the runways lie, which end is in use, where one parks.

use contrail_types::geo::{Position, degrees};

use super::air;
use super::path::Plane;
use super::random::{Dice, unit};
use crate::reference::airports;

/// An airport of the table (`field` 0), or one of the small airfields around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub airport: u16,
    pub field: u8,
}

/// An airfield.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    pub position: Position,
    pub elevation: f64,
    /// Direction of the runways, 0..180.
    pub axis: f64,
    /// Metres from the middle to each of a pair of parallel runways; 0 where there is one.
    pub parallel: f64,
    pub runway: f64,
    id: u64,
}

impl Place {
    pub fn site(self) -> Site {
        let airport = &airports()[self.airport as usize];
        let id = u64::from(self.airport) << 8 | u64::from(self.field);
        let mut dice = Dice::new([id, 0xa1f1]);
        let axis = airport.runway.unwrap_or_else(|| dice.between(40.0, 140.0).round());
        if self.field == 0 {
            let parallel = if airport.weight >= 45.0 { dice.between(600.0, 900.0) } else { 0.0 };
            let (position, elevation) = (airport.position, airport.elevation);
            return Site { position, elevation, axis, parallel, runway: 3000.0, id };
        }
        let position = airport.position.destination(dice.between(0.0, 360.0), dice.between(9_000.0, 60_000.0));
        let elevation = airport.elevation + dice.between(-20.0, 60.0);
        let axis = dice.between(30.0, 150.0).round();
        Site { position, elevation, axis, parallel: 0.0, runway: 900.0, id }
    }
}

/// The runway in use for one flight, in the plane of its airfield.
#[derive(Clone, Copy, Debug)]
pub struct Runway {
    pub heading: f64,
    /// Metres to the right of the axis.
    aside: f64,
    axis: f64,
    half: f64,
}

impl Site {
    pub fn plane(&self) -> Plane {
        Plane::new(self.position)
    }

    /// Against the wind; which of two parallel runways, the flight decides.
    pub fn runway(&self, time: i64, choice: f64) -> Runway {
        // One decision for six hours and all flights.
        let block = time.div_euclid(21_600) * 21_600;
        let tail = air::wind(self.position, 1200.0, block as f64).along(self.axis);
        let heading = if tail > 0.0 { degrees(self.axis + 180.0) } else { self.axis };
        let aside = if choice < 0.5 { -self.parallel } else { self.parallel };
        Runway { heading, aside, axis: self.axis, half: self.runway / 2.0 }
    }

    /// Where an aircraft parks: u along the axis, v to the right of it.
    pub fn stand(&self, who: u64) -> (f64, f64) {
        let (a, b) = (unit([self.id, who, 1]), unit([self.id, who, 2]));
        if self.parallel > 0.0 {
            (self.runway * 0.6 * (a - 0.5), (self.parallel - 300.0) * (2.0 * b - 1.0))
        } else if self.runway > 1000.0 {
            (self.runway * 0.4 * (a - 0.5), 320.0 + 260.0 * b)
        } else {
            (self.runway * 0.5 * (a - 0.5), 90.0 + 60.0 * b)
        }
    }

    /// From along and right of the axis to east and north.
    pub fn xy(&self, (u, v): (f64, f64)) -> (f64, f64) {
        let (s, c) = libm::sincos(self.axis * std::f64::consts::PI / 180.0);
        (u * s + v * c, u * c - v * s)
    }

    /// Barometric altitude of its ground.
    pub fn ground(&self, time: f64) -> f64 {
        air::barometric(self.position, self.elevation, time)
    }
}

impl Runway {
    fn sign(&self) -> f64 {
        if (self.heading - self.axis).abs() < 1.0 { 1.0 } else { -1.0 }
    }

    /// A point `along` metres behind the threshold in use, in (u, v) of the site.
    pub fn point(&self, along: f64) -> (f64, f64) {
        (self.sign() * (along - self.half), self.aside)
    }

    /// The same on the taxiway beside it, on the side of the stands.
    pub fn taxiway(&self, along: f64, stand: (f64, f64)) -> (f64, f64) {
        let width = if self.half > 1000.0 { 190.0 } else { 50.0 };
        let side = if stand.1 < self.aside { -width } else { width };
        (self.point(along).0, self.aside + side)
    }
}
