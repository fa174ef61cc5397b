//! Instants: microseconds since the Unix epoch, UTC, as every table and message of Contrail stores them.

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, SecondsFormat, Utc};

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

/// The zone label of every timestamp column: what Iceberg and Avro readers of Arrow produce.
pub const ZONE: &str = "+00:00";

pub const SECOND: Micros = 1_000_000;
pub const MINUTE: Micros = 60 * SECOND;
pub const HOUR: Micros = 60 * MINUTE;
pub const DAY: Micros = 24 * HOUR;

/// The Arrow type of every instant: timestamp in microseconds, UTC.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(ZONE.into()))
}

/// Whole seconds, as OpenSky sends them, to [`Micros`]; `None` where they do not fit.
pub fn from_seconds(seconds: f64) -> Option<Micros> {
    let us = (seconds * 1e6).round();
    (us.is_finite() && us.abs() < 9e18).then_some(us as Micros)
}

pub fn to_datetime(us: Micros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(us).unwrap_or_default()
}

/// RFC 3339 with milliseconds and `Z`, for people and JSON.
pub fn rfc3339(us: Micros) -> String {
    to_datetime(us).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The start of the hour that `us` lies in.
pub fn hour_of(us: Micros) -> Micros {
    us.div_euclid(HOUR) * HOUR
}

/// The start of the day (UTC) that `us` lies in.
pub fn day_of(us: Micros) -> Micros {
    us.div_euclid(DAY) * DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_days_floor_before_the_epoch_too() {
        assert_eq!(hour_of(-1), -HOUR);
        assert_eq!(day_of(-1), -DAY);
        assert_eq!(hour_of(HOUR), HOUR);
    }

    #[test]
    fn seconds_that_do_not_fit_are_none() {
        assert_eq!(from_seconds(1.5), Some(1_500_000));
        assert_eq!(from_seconds(1e300), None);
        assert_eq!(from_seconds(f64::NAN), None);
    }
}
