//! Positions on a spherical Earth: great circles and dead reckoning, in degrees, metres and seconds.
//!
//! Trigonometry goes through `libm`, so a result is the same bit for bit on every machine (the demo sky needs that).

use libm::{asin, atan2, cos, fmod, sin, sqrt};

/// Mean radius of the Earth in metres (IUGG R1).
pub const EARTH_RADIUS: f64 = 6_371_008.8;

const RAD: f64 = std::f64::consts::PI / 180.0;

/// Latitude and longitude in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    pub latitude: f64,
    pub longitude: f64,
}

impl Position {
    pub const fn new(latitude: f64, longitude: f64) -> Self {
        Self { latitude, longitude }
    }

    /// Great-circle distance in metres (haversine).
    pub fn distance(self, to: Self) -> f64 {
        let (dlat, dlon) = ((to.latitude - self.latitude) * RAD, (to.longitude - self.longitude) * RAD);
        let (a, b) = (sin(dlat / 2.0), sin(dlon / 2.0));
        let h = a * a + cos(self.latitude * RAD) * cos(to.latitude * RAD) * b * b;
        2.0 * EARTH_RADIUS * asin(sqrt(h.clamp(0.0, 1.0)))
    }

    /// Course in degrees, 0..360, with which the great circle to `to` leaves here.
    pub fn bearing(self, to: Self) -> f64 {
        let (lat1, lat2) = (self.latitude * RAD, to.latitude * RAD);
        let dlon = (to.longitude - self.longitude) * RAD;
        let y = sin(dlon) * cos(lat2);
        let x = cos(lat1) * sin(lat2) - sin(lat1) * cos(lat2) * cos(dlon);
        degrees(atan2(y, x) / RAD)
    }

    /// Where one arrives after `distance` metres on the great circle that leaves with `bearing` degrees.
    pub fn destination(self, bearing: f64, distance: f64) -> Self {
        let (lat, d, b) = (self.latitude * RAD, distance / EARTH_RADIUS, bearing * RAD);
        let lat2 = asin((sin(lat) * cos(d) + cos(lat) * sin(d) * cos(b)).clamp(-1.0, 1.0));
        let dlon = atan2(sin(b) * sin(d) * cos(lat), cos(d) - sin(lat) * sin(lat2));
        Self::new(lat2 / RAD, longitude(self.longitude + dlon / RAD))
    }

    /// Dead reckoning: moved along `track` degrees at `speed` m/s for `seconds`.
    pub fn moved(self, track: f64, speed: f64, seconds: f64) -> Self {
        self.destination(track, speed * seconds)
    }
}

/// Any angle in degrees folded into 0..360.
pub fn degrees(angle: f64) -> f64 {
    let a = fmod(angle, 360.0);
    if a < 0.0 { (a + 360.0) % 360.0 } else { a }
}

/// Any longitude in degrees folded into -180..180.
pub fn longitude(angle: f64) -> f64 {
    degrees(angle + 180.0) - 180.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frankfurt_to_new_york_is_6200_kilometres_to_the_north_west() {
        let (fra, jfk) = (Position::new(50.033, 8.570), Position::new(40.640, -73.779));
        assert!((fra.distance(jfk) / 1000.0 - 6_185.0).abs() < 25.0);
        assert!((fra.bearing(jfk) - 294.0).abs() < 2.0);
    }

    #[test]
    fn a_destination_lies_as_far_away_as_asked_also_over_the_antimeridian() {
        let start = Position::new(-10.0, 179.5);
        let end = start.destination(80.0, 200_000.0);
        assert!(end.longitude < -178.0);
        assert!((start.distance(end) - 200_000.0).abs() < 1.0);
    }

    #[test]
    fn angles_fold() {
        assert_eq!(degrees(-1.0), 359.0);
        assert_eq!(degrees(720.0), 0.0);
        assert_eq!(longitude(181.0), -179.0);
        assert_eq!(longitude(-180.0), -180.0);
    }
}
