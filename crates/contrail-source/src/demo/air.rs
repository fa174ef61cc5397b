//! The air itself: wind by latitude and height, the standard atmosphere, and pressure that is not standard.

use contrail_types::geo::Position;
use libm::pow;

use super::trig::{cos, sin, sincos};

const RAD: f64 = std::f64::consts::PI / 180.0;
const DAY: f64 = 86_400.0;

/// Wind as metres a second towards east and north.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wind {
    pub east: f64,
    pub north: f64,
}

impl Wind {
    /// What it adds to the ground speed of one who moves along `track` degrees.
    pub fn along(self, track: f64) -> f64 {
        let (e, n) = sincos(track * RAD);
        self.east * e + self.north * n
    }
}

/// The wind at a place, a height in metres, and a time in seconds since the epoch: a jet stream in each hemisphere that
/// meanders and moves, easterlies in the tropics, weather near the ground.
pub fn wind(at: Position, height: f64, time: f64) -> Wind {
    let days = time / DAY;
    let lon = at.longitude * RAD;
    let meander = 6.0 * sin(3.0 * lon - 0.9 * days) + 3.0 * sin(5.0 * lon + 0.6 * days);
    let jet = |centre: f64, width: f64| {
        let off = (at.latitude - centre) / width;
        1.0 / (1.0 + off * off * off * off)
    };
    let strength = 0.75 + 0.25 * sin(2.0 * lon + 0.4 * days);
    let level = (height / 10_500.0).clamp(0.0, 1.15);
    let westerly = 46.0 * strength * (jet(42.0 + meander, 13.0) + jet(-43.0 - meander, 13.0));
    let easterly = -9.0 * jet(4.0, 14.0);
    let weather = 5.0 * sin(at.latitude * RAD * 7.0 + 4.0 * lon + 1.3 * days);
    Wind {
        east: (westerly + easterly) * level + weather * (1.0 - 0.5 * level),
        north: 14.0 * level * cos(3.0 * lon - 0.9 * days) + 4.0 * cos(at.latitude * RAD * 5.0 - 3.0 * lon + days),
    }
}

/// Geometric minus barometric altitude at sea level and a metre higher for each metre of altitude: warm air stretches,
/// and the sea-level pressure is seldom 1013 hPa.
fn pressure(at: Position, time: f64) -> (f64, f64) {
    let (days, lon) = (time / DAY, at.longitude * RAD);
    let sea = 70.0 * sin(2.0 * lon + at.latitude * RAD * 3.0 - 0.7 * days) + 25.0;
    let warm = 0.052 * cos(at.latitude * RAD * 2.0) + 0.004 * sin(4.0 * lon + days);
    (sea, warm)
}

/// Geometric altitude of a barometric one.
pub fn geometric(at: Position, barometric: f64, time: f64) -> f64 {
    let (sea, warm) = pressure(at, time);
    barometric * (1.0 + warm) + sea
}

/// Barometric altitude of a geometric one.
pub fn barometric(at: Position, geometric: f64, time: f64) -> f64 {
    let (sea, warm) = pressure(at, time);
    (geometric - sea) / (1.0 + warm)
}

/// True airspeed of an indicated one at an altitude in the standard atmosphere.
pub fn true_airspeed(indicated: f64, height: f64) -> f64 {
    indicated / pow((1.0 - 2.2558e-5 * height.clamp(-300.0, 15_000.0)).max(0.3), 2.128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jet_blows_from_the_west_and_the_tropics_are_calm() {
        for day in 0..20 {
            for lon in (-180..180).step_by(30) {
                let time = f64::from(day) * DAY;
                let mid = wind(Position::new(43.0, lon.into()), 11_000.0, time);
                assert!((5.0..75.0).contains(&mid.east), "{mid:?}");
                let low = wind(Position::new(4.0, lon.into()), 11_000.0, time);
                assert!(low.east.abs() < 22.0, "{low:?}");
            }
        }
    }

    #[test]
    fn altitudes_convert_both_ways() {
        let at = Position::new(33.0, -84.0);
        let geo = geometric(at, 10_668.0, 1.7e9);
        assert!((barometric(at, geo, 1.7e9) - 10_668.0).abs() < 1e-6);
        assert!((geo - 10_668.0).abs() < 800.0);
    }

    #[test]
    fn three_hundred_knots_at_ten_kilometres_is_about_260_metres_a_second() {
        assert!((true_airspeed(154.0, 10_000.0) - 262.0).abs() < 10.0);
    }
}
