//! Rows of the state schema under construction, and the rules by which a JSON value becomes a field.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int32Builder, ListBuilder, StringArray, StringBuilder,
    TimestampMicrosecondArray, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use contrail_types::time::{ZONE, from_seconds};
use contrail_types::{Icao24, Micros, geo, state};

use super::scan::{Scanner, Value};
use super::{Rejected, Stamp};

/// One state vector in the units of the schema.
#[derive(Debug, Default)]
pub struct Row<'a> {
    pub callsign: Option<Cow<'a, str>>,
    pub origin_country: Option<Cow<'a, str>>,
    pub time_position: Option<Micros>,
    pub last_contact: Option<Micros>,
    pub longitude: Option<f64>,
    pub latitude: Option<f64>,
    pub baro_altitude: Option<f64>,
    pub on_ground: Option<bool>,
    pub velocity: Option<f64>,
    pub true_track: Option<f64>,
    pub vertical_rate: Option<f64>,
    pub sensors: Option<Vec<i32>>,
    pub geo_altitude: Option<f64>,
    pub squawk: Option<Cow<'a, str>>,
    pub spi: Option<bool>,
    pub position_source: Option<i32>,
    pub category: Option<i32>,
    pub alert: Option<bool>,
    pub emergency: Option<Cow<'a, str>>,
    pub registration: Option<Cow<'a, str>>,
    pub type_code: Option<Cow<'a, str>>,
    pub rssi: Option<f64>,
}

/// Columns that grow row by row.
pub struct Rows {
    icao24: StringBuilder,
    callsign: StringBuilder,
    origin_country: StringBuilder,
    time_position: TimestampMicrosecondBuilder,
    last_contact: TimestampMicrosecondBuilder,
    longitude: Float64Builder,
    latitude: Float64Builder,
    baro_altitude: Float64Builder,
    on_ground: BooleanBuilder,
    velocity: Float64Builder,
    true_track: Float64Builder,
    vertical_rate: Float64Builder,
    sensors: ListBuilder<Int32Builder>,
    geo_altitude: Float64Builder,
    squawk: StringBuilder,
    spi: BooleanBuilder,
    position_source: Int32Builder,
    category: Int32Builder,
    alert: BooleanBuilder,
    emergency: StringBuilder,
    registration: StringBuilder,
    type_code: StringBuilder,
    rssi: Float64Builder,
    pub rejected: Vec<Rejected>,
    pub left_out: BTreeMap<&'static str, u64>,
    count: usize,
}

impl Rows {
    /// Room for about `rows` rows.
    pub fn with_capacity(rows: usize) -> Self {
        let text = |width| StringBuilder::with_capacity(rows, rows * width);
        let time = || TimestampMicrosecondBuilder::with_capacity(rows).with_timezone(ZONE);
        let number = || Float64Builder::with_capacity(rows);
        let flag = || BooleanBuilder::with_capacity(rows);
        let DataType::List(element) = column_type(&state::schema(), "sensors") else {
            unreachable!("sensors is a list by the schema")
        };
        Self {
            icao24: text(6),
            callsign: text(7),
            origin_country: text(13),
            time_position: time(),
            last_contact: time(),
            longitude: number(),
            latitude: number(),
            baro_altitude: number(),
            on_ground: flag(),
            velocity: number(),
            true_track: number(),
            vertical_rate: number(),
            sensors: ListBuilder::with_capacity(Int32Builder::new(), rows).with_field(element),
            geo_altitude: number(),
            squawk: text(4),
            spi: flag(),
            position_source: Int32Builder::with_capacity(rows),
            category: Int32Builder::with_capacity(rows),
            alert: flag(),
            emergency: text(0),
            registration: text(0),
            type_code: text(0),
            rssi: number(),
            rejected: Vec::new(),
            left_out: BTreeMap::new(),
            count: 0,
        }
    }

    pub fn push(&mut self, icao24: Icao24, row: &Row<'_>) {
        let address = icao24.to_ascii();
        self.icao24.append_value(std::str::from_utf8(&address).unwrap_or_default());
        self.callsign.append_option(row.callsign.as_deref());
        self.origin_country.append_option(row.origin_country.as_deref());
        self.time_position.append_option(row.time_position);
        self.last_contact.append_option(row.last_contact);
        self.longitude.append_option(row.longitude);
        self.latitude.append_option(row.latitude);
        self.baro_altitude.append_option(row.baro_altitude);
        self.on_ground.append_option(row.on_ground);
        self.velocity.append_option(row.velocity);
        self.true_track.append_option(row.true_track);
        self.vertical_rate.append_option(row.vertical_rate);
        match &row.sensors {
            Some(ids) => {
                self.sensors.values().append_slice(ids);
                self.sensors.append(true);
            }
            None => self.sensors.append(false),
        }
        self.geo_altitude.append_option(row.geo_altitude);
        self.squawk.append_option(row.squawk.as_deref());
        self.spi.append_option(row.spi);
        self.position_source.append_option(row.position_source);
        self.category.append_option(row.category);
        self.alert.append_option(row.alert);
        self.emergency.append_option(row.emergency.as_deref());
        self.registration.append_option(row.registration.as_deref());
        self.type_code.append_option(row.type_code.as_deref());
        self.rssi.append_option(row.rssi);
        self.count += 1;
    }

    pub fn reject(&mut self, reason: &'static str, row: &[u8]) {
        self.rejected.push(Rejected { reason, row: row.to_vec() });
    }

    /// The batch, with the provenance of all its rows.
    pub fn batch(&mut self, stamp: &Stamp<'_>, answer_time: Micros) -> Result<RecordBatch, ArrowError> {
        let count = std::mem::take(&mut self.count);
        let text = |value: &str| Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, count))) as ArrayRef;
        let time = |at| Arc::new(TimestampMicrosecondArray::from(vec![at; count]).with_timezone(ZONE)) as ArrayRef;
        let columns: Vec<ArrayRef> = vec![
            text(stamp.feed),
            text(&stamp.fetch_id.to_string()),
            time(stamp.fetched_at),
            time(answer_time),
            Arc::new(self.icao24.finish()),
            Arc::new(self.callsign.finish()),
            Arc::new(self.origin_country.finish()),
            Arc::new(self.time_position.finish()),
            Arc::new(self.last_contact.finish()),
            Arc::new(self.longitude.finish()),
            Arc::new(self.latitude.finish()),
            Arc::new(self.baro_altitude.finish()),
            Arc::new(self.on_ground.finish()),
            Arc::new(self.velocity.finish()),
            Arc::new(self.true_track.finish()),
            Arc::new(self.vertical_rate.finish()),
            Arc::new(self.sensors.finish()),
            Arc::new(self.geo_altitude.finish()),
            Arc::new(self.squawk.finish()),
            Arc::new(self.spi.finish()),
            Arc::new(self.position_source.finish()),
            Arc::new(self.category.finish()),
            Arc::new(self.alert.finish()),
            Arc::new(self.emergency.finish()),
            Arc::new(self.registration.finish()),
            Arc::new(self.type_code.finish()),
            Arc::new(self.rssi.finish()),
        ];
        RecordBatch::try_new(state::schema(), columns)
    }
}

fn column_type(schema: &SchemaRef, name: &str) -> DataType {
    schema.field_with_name(name).map_or(DataType::Null, |field| field.data_type().clone())
}

/// Counts of fields that could not be what they should.
#[derive(Debug, Default)]
pub struct Bad(pub BTreeMap<&'static str, u64>);

impl Bad {
    #[cold]
    pub fn count<T>(&mut self, name: &'static str) -> Option<T> {
        *self.0.entry(name).or_default() += 1;
        None
    }

    /// A number inside -`most`..`most`. What lies beyond is not nonsense of an aircraft (that is kept and marked later)
    /// but nonsense of the wire.
    #[inline]
    pub fn number(&mut self, name: &'static str, value: Value<'_>, most: f64) -> Option<f64> {
        match value {
            // Adding 0 makes -0 an ordinary 0, so that equal values are equal bytes.
            Value::Number(number) if number.abs() <= most => Some(number + 0.0),
            Value::Null => None,
            _ => self.count(name),
        }
    }

    /// A track in 0..360; FLARM's come in -180..180.
    #[inline]
    pub fn track(&mut self, name: &'static str, value: Value<'_>) -> Option<f64> {
        self.number(name, value, 360.0)
            .map(|track| if (0.0..360.0).contains(&track) { track } else { geo::degrees(track) })
    }

    /// An instant given in seconds since the epoch.
    #[inline]
    pub fn instant(&mut self, name: &'static str, value: Value<'_>) -> Option<Micros> {
        match value {
            Value::Number(seconds) => instant(seconds).or_else(|| self.count(name)),
            Value::Null => None,
            _ => self.count(name),
        }
    }

    #[inline]
    pub fn flag(&mut self, name: &'static str, value: Value<'_>) -> Option<bool> {
        match value {
            Value::Bool(flag) => Some(flag),
            Value::Null => None,
            _ => self.count(name),
        }
    }

    /// A flag that may also be written 0 or 1.
    pub fn bit(&mut self, name: &'static str, value: Value<'_>) -> Option<bool> {
        match value {
            Value::Number(bit) if bit == 0.0 || bit == 1.0 => Some(bit == 1.0),
            value => self.flag(name, value),
        }
    }

    /// A whole number of at least 0 and at most `most`.
    #[inline]
    pub fn whole(&mut self, name: &'static str, value: Value<'_>, most: i32) -> Option<i32> {
        match value {
            Value::Number(number) if number.fract() == 0.0 && (0.0..=f64::from(most)).contains(&number) => {
                Some(number as i32)
            }
            Value::Null => None,
            _ => self.count(name),
        }
    }

    /// A text without its padding; blank is none. Longer than `most` bytes it is nonsense.
    #[inline]
    pub fn text<'a>(&mut self, name: &'static str, value: Value<'a>, most: usize) -> Option<Cow<'a, str>> {
        let text = match value {
            Value::Text(text) => text,
            Value::Null => return None,
            _ => return self.count(name),
        };
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        };
        match text.len() {
            0 => None,
            length if length > most => self.count(name),
            _ => Some(text),
        }
    }

    /// Four octal digits.
    #[inline]
    pub fn squawk<'a>(&mut self, name: &'static str, value: Value<'a>) -> Option<Cow<'a, str>> {
        let code = self.text(name, value, usize::MAX)?;
        if code.len() == 4 && code.bytes().all(|b| matches!(b, b'0'..=b'7')) { Some(code) } else { self.count(name) }
    }

    /// Ids of receivers; one bad id spoils the list.
    pub fn ids(&mut self, name: &'static str, value: Value<'_>) -> Option<Vec<i32>> {
        let raw = match value {
            Value::Null => return None,
            Value::Array(raw) => raw,
            _ => return self.count(name),
        };
        let mut scanner = Scanner::new(raw);
        let (mut ids, mut first) = (Vec::new(), true);
        let mut read = || -> Option<()> {
            scanner.expect(b'[', "").ok()?;
            while scanner.more(b']', &mut first).ok()? {
                match scanner.value().ok()? {
                    Value::Number(id) if id.fract() == 0.0 && id.abs() <= f64::from(i32::MAX) => ids.push(id as i32),
                    _ => return None,
                }
            }
            Some(())
        };
        if read().is_some() { Some(ids) } else { self.count(name) }
    }
}

/// Seconds since the epoch as an instant, up to the year 9999.
pub fn instant(seconds: f64) -> Option<Micros> {
    const YEAR_10000: f64 = 253_402_300_800.0;
    (0.0..YEAR_10000).contains(&seconds).then(|| from_seconds(seconds)).flatten()
}

/// Limits of what a number of the wire can be; aircraft nonsense such as 2676 m/s stays well inside.
pub mod limit {
    /// Metres.
    pub const ALTITUDE: f64 = 1e6;
    /// Metres per second, level or vertical.
    pub const SPEED: f64 = 1e5;
    /// Bytes.
    pub const CALLSIGN: usize = 16;
    pub const NAME: usize = 100;
}
