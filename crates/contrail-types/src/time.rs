//! Instants: microseconds since the Unix epoch, UTC, as every table and message of Contrail stores them.

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

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

/// An instant: microseconds since the Unix epoch, written as RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000Z")]
pub struct Time(pub Micros);

impl Time {
    /// RFC 3339, the same without seconds, a day (its start in UTC), or a number of seconds since the epoch.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(seconds) = text.parse::<f64>() {
            return from_seconds(seconds).map(Self);
        }
        let zoned = text.strip_suffix(['Z', 'z']).map_or_else(|| text.to_owned(), |utc| format!("{utc}+00:00"));
        let minutes = || DateTime::parse_from_str(&zoned, "%Y-%m-%dT%H:%M%:z");
        let instant = DateTime::parse_from_rfc3339(text).or_else(|_| minutes()).map(|t| t.timestamp_micros());
        let day = || Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc().timestamp_micros());
        instant.ok().or_else(day).map(Self)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&rfc3339(self.0))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no RFC 3339 time")))
    }
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

    #[test]
    fn times_are_written_with_milliseconds_and_read_back_from_either_form() {
        let t = Time(1_714_311_965_250_000);
        assert_eq!(serde_json::to_string(&t).unwrap(), "\"2024-04-28T13:46:05.250Z\"");
        assert_eq!(serde_json::from_str::<Time>("\"2024-04-28T15:46:05.25+02:00\"").unwrap(), t);
        assert_eq!(Time::parse("1714311965.25"), Some(t));
        assert_eq!(Time::parse("2024-04-28T13:46Z"), Some(Time(1_714_311_960_000_000)));
        assert_eq!(Time::parse("2024-04-28"), Some(Time(1_714_262_400_000_000)));
        assert_eq!(Time::parse("yesterday"), None);
    }
}
