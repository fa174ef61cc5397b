//! What the HTTP API speaks: the JSON of `/api/v1` as types, one module a group of endpoints.
//!
//! Names are snake_case; instants are [`Time`] (RFC 3339 with milliseconds) unless a field's name ends in `_s`; units
//! are SI. These types are the contract with the UI and are shown by `/api/openapi.json`.

mod aircraft;
mod catalog;
mod explore;
mod live;
mod sql;
mod status;

use contrail_types::{Micros, time};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::problem::Problem;

pub use aircraft::{AircraftDay, AircraftHistory, Timeline, Track, TrackColumns};
pub use catalog::{Asset, Catalog, CatalogRequest, ColumnInfo, SnapshotInfo, Table};
pub use explore::{
    AirlineCount, BandCount, CountryCount, Density, Explore, ExploreAnswer, ExploreRequest, Filters, HourCell,
    HourCount, Kpis, Previous, Range,
};
pub use live::{Announcement, Identities, IdentityColumns, Trail, Trails};
pub use sql::{SqlAnswer, SqlColumn, SqlRequest, SqlRows};
pub use status::{
    Backfill, BuildStatus, Credits, FeedState, FeedStatus, LakeStatus, LogStatus, RoleStatus, SkyStatus, Status,
    TableStatus,
};

/// An instant: microseconds since the Unix epoch, written as RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000Z")]
pub struct Time(pub Micros);

impl Time {
    /// RFC 3339, or a plain number of seconds since the epoch.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(seconds) = text.parse::<f64>() {
            return time::from_seconds(seconds).map(Self);
        }
        chrono::DateTime::parse_from_rfc3339(text).ok().map(|t| Self(t.timestamp_micros()))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&time::rfc3339(self.0))
    }
}

/// Reads RFC 3339, or an integer of microseconds as the tables hold it.
impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            Micros(Micros),
        }
        match Form::deserialize(d)? {
            Form::Micros(us) => Ok(Self(us)),
            Form::Text(text) => chrono::DateTime::parse_from_rfc3339(&text)
                .map(|t| Self(t.timestamp_micros()))
                .map_err(|_| serde::de::Error::custom(format!("{text:?} is no RFC 3339 time"))),
        }
    }
}

/// A value of another stage as the type of the same shape here: both are the JSON of the same contract.
pub fn of_same_shape<T: Serialize, U: serde::de::DeserializeOwned>(value: &T) -> Result<U, Problem> {
    let json = serde_json::to_value(value).map_err(|e| Problem::internal(e.to_string()))?;
    serde_json::from_value(json).map_err(|e| Problem::internal(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_milliseconds_and_read_back_from_either_form() {
        let t = Time(1_714_311_965_250_000);
        assert_eq!(serde_json::to_string(&t).unwrap(), "\"2024-04-28T13:46:05.250Z\"");
        assert_eq!(serde_json::from_str::<Time>("\"2024-04-28T15:46:05.25+02:00\"").unwrap(), t);
        assert_eq!(of_same_shape::<_, Time>(&t.0).unwrap(), t);
        assert_eq!(Time::parse("1714311965.25"), Some(t));
        assert_eq!(Time::parse("yesterday"), None);
    }
}
