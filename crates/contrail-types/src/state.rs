//! The state vector: the one list of its columns, from which the log's Avro schema, the raw table and docs are made.
//!
//! Units are SI: metres, metres per second, degrees; instants are [`crate::time::timestamp`]. Meanings follow the
//! OpenSky REST API's `/states/all`; the last five columns are filled only by feeds that know them (readsb).

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::table::{Column, TableDef, Transform};
use crate::time::timestamp;

/// Name of the table that holds every row as received.
pub const STATES_RAW: &str = "states_raw";
/// Name of the table of messages that could not be read.
pub const DEAD_LETTERS: &str = "dead_letters";

/// The columns of one state as it travels through the log: provenance first, then the state vector itself.
pub fn columns() -> Vec<Column> {
    use DataType::{Boolean, Float64, Int32, Utf8};
    let sensors = DataType::List(Arc::new(Field::new("element", Int32, true)));
    let must = |name, data_type, doc| Column::new(name, data_type, false, doc);
    let may = |name, data_type, doc| Column::new(name, data_type, true, doc);
    vec![
        must("feed", Utf8, "Name of the feed that delivered the row"),
        must("fetch_id", Utf8, "The fetch that delivered the row (UUIDv7), as in the ledger of fetches"),
        must("fetched_at", timestamp(), "When this node received the answer, by its own clock"),
        must("answer_time", timestamp(), "The answer's own time; the fetch's where the answer has none"),
        must("icao24", Utf8, "ICAO 24-bit address of the transponder, six lower-case hex digits"),
        may("callsign", Utf8, "Callsign without padding; null when blank"),
        may("origin_country", Utf8, "Country inferred from the ICAO 24-bit address"),
        may("time_position", timestamp(), "Time of the last position report"),
        may("last_contact", timestamp(), "Time of the last message of any kind"),
        may("longitude", Float64, "WGS 84 longitude in degrees, -180..180"),
        may("latitude", Float64, "WGS 84 latitude in degrees, -90..90"),
        may("baro_altitude", Float64, "Barometric altitude in metres"),
        may("on_ground", Boolean, "Whether the position came from a surface report"),
        may("velocity", Float64, "Speed over ground in metres per second"),
        may("true_track", Float64, "Track over ground in degrees, clockwise from north, 0..360"),
        may("vertical_rate", Float64, "Climb (positive) or descent in metres per second"),
        may("sensors", sensors, "Ids of the receivers that contributed; null when not asked for"),
        may("geo_altitude", Float64, "Geometric altitude in metres"),
        may("squawk", Utf8, "Transponder code, four octal digits"),
        may("spi", Boolean, "Special purpose indicator"),
        may("position_source", Int32, "Origin of the position: 0 ADS-B, 1 ASTERIX, 2 MLAT, 3 FLARM"),
        may("category", Int32, "Aircraft category as OpenSky numbers it, 0..20; 0 is no information"),
        may("alert", Boolean, "Alert bit: the squawk has changed"),
        may("emergency", Utf8, "Emergency state as the aircraft reports it, such as lifeguard"),
        may("registration", Utf8, "Registration (tail number)"),
        may("type_code", Utf8, "ICAO type designator, such as A320"),
        may("rssi", Float64, "Signal strength at the receiver in dBFS"),
    ]
}

/// The log's address of a row, appended to [`columns`] in the raw table.
pub fn log_columns() -> Vec<Column> {
    vec![
        Column::new("log_stream", DataType::Utf8, false, "The log in which the offset counts"),
        Column::new("log_partition", DataType::Int32, false, "Partition of that log"),
        Column::new("log_offset", DataType::Int64, false, "Offset inside that partition"),
    ]
}

/// Arrow schema of [`columns`], with field ids equal to those of the raw table.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let raw = raw_table().arrow_schema();
        Arc::new(Schema::new(raw.fields()[..columns().len()].to_vec()))
    });
    SCHEMA.clone()
}

/// `states_raw`: every row as received and where the log keeps it.
pub fn raw_table() -> TableDef {
    TableDef {
        name: STATES_RAW.into(),
        doc: "Every state vector as received, one row a log message".into(),
        columns: columns().into_iter().chain(log_columns()).collect(),
        partition: Some(("answer_time".into(), Transform::Hour)),
        sort: vec!["icao24".into(), "last_contact".into()],
        bounds: ["icao24", "answer_time", "last_contact", "longitude", "latitude", "log_offset"].map(Into::into).into(),
        ids: Vec::new(),
        gained: Vec::new(),
    }
}

/// `dead_letters`: what could not be read, with the reason and where it came from.
pub fn dead_letters_table() -> TableDef {
    let mut columns = vec![
        Column::new("landed_at", timestamp(), false, "When the message was given up, by the lander's clock"),
        Column::new("appended_at", timestamp(), true, "When the log took the message"),
        Column::new("reason", DataType::Utf8, false, "Why it could not be read"),
        Column::new("key", DataType::Binary, true, "The message's key as received"),
        Column::new("payload", DataType::Binary, true, "The message's value as received"),
    ];
    columns.extend(log_columns());
    TableDef {
        name: DEAD_LETTERS.into(),
        doc: "Messages that could not be read, as received".into(),
        columns,
        partition: Some(("landed_at".into(), Transform::Day)),
        sort: vec!["log_partition".into(), "log_offset".into()],
        bounds: ["landed_at", "log_offset"].map(Into::into).into(),
        ids: Vec::new(),
        gained: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::FIELD_ID;

    #[test]
    fn field_ids_are_dense_and_the_list_element_follows_the_columns() {
        let schema = raw_table().arrow_schema();
        for (field, id) in schema.fields().iter().zip(1..) {
            assert_eq!(field.metadata()[FIELD_ID], id.to_string(), "{}", field.name());
        }
        let DataType::List(item) = schema.field_with_name("sensors").unwrap().data_type() else { panic!() };
        assert_eq!(item.metadata()[FIELD_ID], (schema.fields().len() + 1).to_string());
    }

    #[test]
    fn every_column_says_what_it_is() {
        for column in raw_table().columns.iter().chain(&dead_letters_table().columns) {
            assert!(column.doc.len() > 5, "{}", column.name);
        }
    }
}
