//! Where an aircraft was during the last hour, ten bytes a point.

use std::collections::VecDeque;

use contrail_types::{Micros, time};

use crate::api;

/// How far back a trail goes, in seconds.
pub const LENGTH_S: i64 = 3600;
/// A point is kept every so many seconds on a straight and level path …
const SPACING_S: i64 = 60;
/// … and this soon when the aircraft turns or climbs.
const SPACING_TURN_S: i64 = 20;
const TURN_DEG: f64 = 6.0;
const CLIMB_M: f64 = 150.0;

const LAT_STEP: f64 = 180.0 / 16_777_215.0;
const LON_STEP: f64 = 360.0 / 16_777_215.0;
const NO_ALTITUDE: i16 = i16::MIN;

/// Time in seconds modulo 2^16, latitude and longitude in 24 bits each (about 1 and 2 m), altitude in metres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point([u8; 10]);

impl Point {
    fn pack(at_s: i64, latitude: f64, longitude: f64, altitude: i16) -> Self {
        let t = (at_s.rem_euclid(1 << 16) as u16).to_le_bytes();
        let lat = (((latitude + 90.0) / LAT_STEP).round() as u32).to_le_bytes();
        let lon = (((longitude + 180.0) / LON_STEP).round() as u32).to_le_bytes();
        let alt = altitude.to_le_bytes();
        Self([t[0], t[1], lat[0], lat[1], lat[2], lon[0], lon[1], lon[2], alt[0], alt[1]])
    }

    /// Seconds since the epoch, given a later instant less than 18 h away.
    fn at_s(&self, later_s: i64) -> i64 {
        let t = i64::from(u16::from_le_bytes([self.0[0], self.0[1]]));
        later_s - (later_s - t).rem_euclid(1 << 16)
    }

    fn latitude(&self) -> f64 {
        f64::from(u32::from_le_bytes([self.0[2], self.0[3], self.0[4], 0])) * LAT_STEP - 90.0
    }

    fn longitude(&self) -> f64 {
        f64::from(u32::from_le_bytes([self.0[5], self.0[6], self.0[7], 0])) * LON_STEP - 180.0
    }

    fn altitude(&self) -> i16 {
        i16::from_le_bytes([self.0[8], self.0[9]])
    }
}

/// The points of one aircraft, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    points: VecDeque<Point>,
    last_s: i64,
    last_track: f32,
    last_altitude: i16,
}

impl Trail {
    /// Takes a measured position when it is far enough from the last one kept. Units: degrees, metres.
    pub fn add(&mut self, at: Micros, latitude: f64, longitude: f64, altitude: i16, track: f64) {
        let at_s = at.div_euclid(time::SECOND);
        let since = at_s - self.last_s;
        if since > LENGTH_S {
            self.points.clear();
        }
        if !self.points.is_empty() {
            let turned = ((track - f64::from(self.last_track) + 540.0).rem_euclid(360.0) - 180.0).abs() > TURN_DEG;
            let climbed = (f64::from(altitude) - f64::from(self.last_altitude)).abs() > CLIMB_M;
            let spacing = if turned || climbed { SPACING_TURN_S } else { SPACING_S };
            if since < spacing {
                return;
            }
        }
        self.points.push_back(Point::pack(at_s, latitude, longitude, altitude));
        (self.last_s, self.last_track, self.last_altitude) = (at_s, track as f32, altitude);
        while self.points.front().is_some_and(|p| at_s - p.at_s(at_s) > LENGTH_S) {
            self.points.pop_front();
        }
    }

    /// The points since `from_s`.
    pub fn since(&self, from_s: i64) -> api::Trail {
        let mut trail = api::Trail::default();
        // 1e-5 degrees is as much as a point knows; more digits would only be noise on the wire.
        let round = |degrees: f64| (degrees * 1e5).round() / 1e5;
        for point in &self.points {
            let at_s = point.at_s(self.last_s);
            if at_s >= from_s {
                trail.t.push(at_s);
                trail.lat.push(round(point.latitude()));
                trail.lon.push(round(point.longitude()));
                trail.alt.push(Some(point.altitude()).filter(|&a| a != NO_ALTITUDE));
            }
        }
        trail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_714_311_965;

    #[test]
    fn a_point_comes_back_within_two_metres() {
        for (lat, lon) in [(0.0, 0.0), (50.0333, 8.5706), (-90.0, -180.0), (90.0, 180.0), (-33.9461, 151.1772)] {
            let p = Point::pack(START, lat, lon, -12);
            assert!((p.latitude() - lat).abs() < 1e-5 && (p.longitude() - lon).abs() < 2e-5, "{lat} {lon}");
            assert_eq!((p.at_s(START + 3600), p.altitude()), (START, -12));
        }
    }

    #[test]
    fn straight_flight_keeps_a_point_a_minute_and_a_turn_three() {
        let mut straight = Trail::default();
        let mut turning = Trail::default();
        for s in (0..7200).step_by(10) {
            let at = (START + s) * time::SECOND;
            straight.add(at, 50.0, 8.0, 10_000, 90.0);
            turning.add(at, 50.0, 8.0, 10_000, (s * 3 % 360) as f64);
        }
        assert_eq!(straight.points.len(), 61);
        assert_eq!(turning.points.len(), 181);
        let last_20 = straight.since(START + 7200 - 1200);
        assert_eq!(last_20.t.len(), 20);
        assert!(last_20.t.is_sorted());
    }

    #[test]
    fn what_is_older_or_repeated_changes_nothing() {
        let mut trail = Trail::default();
        trail.add(START * time::SECOND, 1.0, 2.0, NO_ALTITUDE, 0.0);
        trail.add(START * time::SECOND, 1.0, 2.0, NO_ALTITUDE, 0.0);
        trail.add((START - 500) * time::SECOND, 3.0, 4.0, 0, 0.0);
        let kept = trail.since(0);
        assert_eq!((kept.t, kept.alt), (vec![START], vec![None]));
        assert!((kept.lat[0] - 1.0).abs() < 2e-5 && (kept.lon[0] - 2.0).abs() < 3e-5);
    }
}
