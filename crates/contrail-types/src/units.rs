//! Conversions between the units that the air uses and the SI units that Contrail stores.
//!
//! Stored altitudes are metres, speeds metres per second, angles degrees. Feeds in feet and knots (readsb) are
//! converted on the way in, viewers that ask for feet on the way out; nothing in between converts.

/// Metres in one international foot (exact).
pub const METRES_PER_FOOT: f64 = 0.3048;
/// Metres per second in one knot (exact: 1852 m an hour).
pub const METRES_PER_SECOND_PER_KNOT: f64 = 1852.0 / 3600.0;

pub fn feet_to_metres(feet: f64) -> f64 {
    feet * METRES_PER_FOOT
}

pub fn metres_to_feet(metres: f64) -> f64 {
    metres / METRES_PER_FOOT
}

pub fn knots_to_metres_per_second(knots: f64) -> f64 {
    knots * METRES_PER_SECOND_PER_KNOT
}

pub fn metres_per_second_to_knots(speed: f64) -> f64 {
    speed / METRES_PER_SECOND_PER_KNOT
}

/// A vertical rate in feet per minute to metres per second.
pub fn feet_per_minute_to_metres_per_second(rate: f64) -> f64 {
    rate * METRES_PER_FOOT / 60.0
}

pub fn metres_per_second_to_feet_per_minute(rate: f64) -> f64 {
    rate * 60.0 / METRES_PER_FOOT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flight_level_350_is_10668_metres() {
        assert!((feet_to_metres(35_000.0) - 10_668.0).abs() < 1e-9);
        assert!((metres_to_feet(10_668.0) - 35_000.0).abs() < 1e-9);
    }

    #[test]
    fn a_hundred_knots_and_back() {
        let speed = knots_to_metres_per_second(100.0);
        assert!((speed - 51.444_444).abs() < 1e-5);
        assert!((metres_per_second_to_knots(speed) - 100.0).abs() < 1e-9);
        assert!((feet_per_minute_to_metres_per_second(1000.0) - 5.08).abs() < 1e-9);
    }
}
