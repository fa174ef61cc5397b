//! The sky read back out: identity columns, and the latest states as a batch for the wire writers.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow::array::{TimestampMicrosecondArray, new_null_array};
use arrow::datatypes::DataType;
use contrail_types::{Icao24, Micros, state, time};

use super::{Aircraft, SHOWN, Sky};
use crate::api::IdentityColumns;

/// Which aircraft of the sky; the default is all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateFilter {
    /// South, west, north, east in degrees; west may be greater than east (a box over the antimeridian).
    pub bounds: Option<[f64; 4]>,
    /// None is everybody.
    pub icao24: Option<Vec<Icao24>>,
}

impl StateFilter {
    fn passes(&self, icao24: u32, aircraft: &Aircraft) -> bool {
        let listed = self.icao24.as_ref().is_none_or(|list| list.iter().any(|i| i.get() == icao24));
        let inside = self.bounds.is_none_or(|[south, west, north, east]| {
            aircraft.fix.is_some_and(|f| {
                let across = if west <= east {
                    (west..=east).contains(&f.longitude)
                } else {
                    f.longitude >= west || f.longitude <= east
                };
                across && (south..=north).contains(&f.latitude)
            })
        });
        listed && inside
    }
}

impl Aircraft {
    pub(super) fn list(&self, icao24: u32, columns: &mut IdentityColumns) {
        let text = |t: &Option<Arc<str>>| t.as_deref().map(str::to_owned);
        let (state, identity) = (&self.state, &self.identity);
        let small = |value: i32| u8::try_from(value).ok();
        columns.icao24.push(format!("{icao24:06x}"));
        columns.callsign.push(text(&state.callsign));
        columns.country.push(text(&identity.country));
        columns.country_name.push(text(&state.origin_country));
        columns.airline.push(text(&identity.airline));
        columns.airline_name.push(text(&identity.airline_name));
        columns.squawk.push(text(&state.squawk));
        columns.category.push(state.category.and_then(small).unwrap_or(0));
        columns.registration.push(text(&state.registration));
        columns.type_code.push(text(&state.type_code));
        columns.position_source.push(state.position_source.and_then(small));
    }
}

impl Sky {
    /// The latest states in the schema of [`contrail_types::state`], ordered by icao24.
    pub fn states(&mut self, filter: &StateFilter, clock: Micros) -> RecordBatch {
        let at = self.time.now(clock).unwrap_or_default();
        let shown: Vec<(u32, &Aircraft)> = self
            .aircraft
            .iter()
            .map(|(&icao24, a)| (icao24, a))
            .filter(|(icao24, a)| at - a.state.key.last_contact <= SHOWN && filter.passes(*icao24, a))
            .collect();
        let schema = state::schema();
        let columns = schema.fields().iter().map(|f| column(f.name(), &shown, f.data_type())).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(shown.len()));
        RecordBatch::try_new_with_options(schema.clone(), columns, &options)
            .unwrap_or_else(|_| RecordBatch::new_empty(schema))
    }

    /// One aircraft, also when it has left the frame: its state, and its identity as columns of length one.
    pub fn one(&self, icao24: Icao24) -> Option<(RecordBatch, IdentityColumns)> {
        let shown = [(icao24.get(), self.aircraft.get(&icao24.get())?)];
        let mut identity = IdentityColumns::default();
        shown[0].1.list(icao24.get(), &mut identity);
        let schema = state::schema();
        let columns = schema.fields().iter().map(|f| column(f.name(), &shown, f.data_type())).collect();
        Some((RecordBatch::try_new(schema, columns).ok()?, identity))
    }
}

fn column(name: &str, rows: &[(u32, &Aircraft)], data_type: &DataType) -> ArrayRef {
    let text = |of: fn(&Aircraft) -> Option<&str>| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, a)| of(a)).collect::<StringArray>())
    };
    let instant = |of: fn(&Aircraft) -> Option<Micros>| -> ArrayRef {
        let values: TimestampMicrosecondArray = rows.iter().map(|(_, a)| of(a)).collect();
        Arc::new(values.with_timezone(time::ZONE))
    };
    let number = |of: fn(&Aircraft) -> f64| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, a)| Some(of(a)).filter(|v| !v.is_nan())).collect::<Float64Array>())
    };
    let truth = |of: fn(&Aircraft) -> Option<bool>| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, a)| of(a)).collect::<BooleanArray>())
    };
    let int = |of: fn(&Aircraft) -> Option<i32>| -> ArrayRef {
        Arc::new(rows.iter().map(|(_, a)| of(a)).collect::<Int32Array>())
    };
    match name {
        "feed" => text(|a| Some(&a.state.fetch.feed)),
        "fetch_id" => text(|a| Some(&a.state.fetch.fetch_id)),
        "fetched_at" => instant(|a| Some(a.state.fetch.fetched_at)),
        "answer_time" => instant(|a| Some(a.state.fetch.answer_time)),
        "icao24" => Arc::new(rows.iter().map(|(i, _)| Some(format!("{i:06x}"))).collect::<StringArray>()),
        "callsign" => text(|a| a.state.callsign.as_deref()),
        "origin_country" => text(|a| a.state.origin_country.as_deref()),
        "time_position" => instant(|a| a.fix.map(|f| f.at)),
        "last_contact" => instant(|a| Some(a.state.key.last_contact)),
        "longitude" => number(|a| a.fix.map_or(f64::NAN, |f| f.longitude)),
        "latitude" => number(|a| a.fix.map_or(f64::NAN, |f| f.latitude)),
        "baro_altitude" => number(|a| a.state.baro_altitude),
        "geo_altitude" => number(|a| a.state.geo_altitude),
        "velocity" => number(|a| a.state.velocity),
        "true_track" => number(|a| a.state.true_track),
        "vertical_rate" => number(|a| a.state.vertical_rate),
        "rssi" => number(|a| a.state.rssi),
        "on_ground" => truth(|a| a.state.on_ground),
        "spi" => truth(|a| a.state.spi),
        "alert" => truth(|a| a.state.alert),
        "squawk" => text(|a| a.state.squawk.as_deref()),
        "emergency" => text(|a| a.state.emergency.as_deref()),
        "registration" => text(|a| a.state.registration.as_deref()),
        "type_code" => text(|a| a.state.type_code.as_deref()),
        "position_source" => int(|a| a.state.position_source),
        "category" => int(|a| a.state.category),
        _ => new_null_array(data_type, rows.len()),
    }
}
