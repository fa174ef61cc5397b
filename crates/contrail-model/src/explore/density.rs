//! Where aircraft were: observations by grid cell.

use contrail_types::time::{DAY, HOUR};
use serde::Serialize;

use super::filter::within;
use super::rows::Rows;
use super::{Filters, Sources};
use crate::engine::{Engine, EngineError};

/// Cells with observations: row from latitude -90, column from longitude -180 (south-west corner), count.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Density {
    pub cell_deg: f64,
    pub cells: Vec<(i32, i32, i64)>,
}

/// Observations by grid cell; the cell is coarser for longer ranges.
pub fn density(engine: &Engine, sources: &Sources, filters: &Filters) -> Result<Density, EngineError> {
    let range = filters.hours();
    let merged = match range.1 - range.0 {
        length if length <= 2 * DAY => 1,
        length if length <= 10 * DAY => 2,
        _ => 4,
    };
    let bands = match filters.band.is_empty() {
        true => "true".into(),
        false => {
            let list: Vec<String> = filters.band.iter().map(i32::to_string).collect();
            format!("altitude_band IN ({})", list.join(", "))
        }
    };
    let who = match (filters.country.is_empty(), filters.airline.is_empty()) {
        (true, true) => String::new(),
        _ => format!(
            "SEMI JOIN (SELECT hour, icao24 FROM aircraft_hours WHERE {} AND {} AND {}) USING (hour, icao24)",
            within(range),
            filters.countries(),
            filters.airlines()
        ),
    };
    let (counted, range_sql, week) = (filters.in_phases(), within(range), filters.week());
    let sql = format!(
        "SELECT (cell // {columns} // {merged})::BIGINT AS row, (cell % {columns} // {merged})::BIGINT AS col, sum(seen)::BIGINT AS seen
         FROM (
             SELECT cell, sum({counted}) AS seen
             FROM (SELECT * FROM aircraft_cells WHERE {range_sql} AND {bands} AND {week}) {who}
             GROUP BY cell
         )
         WHERE seen > 0
         GROUP BY ALL ORDER BY row, col",
        columns = 1440,
    );
    let mut inputs = vec![("aircraft_cells", sources.cells.clone())];
    if !who.is_empty() {
        inputs.push(("aircraft_hours", sources.hours.clone()));
    }
    let rows = Rows(engine.query_over(&sql, &inputs, &[])?);
    let cells = (0..rows.len()).map(|i| (rows.int(0, i) as i32, rows.int(1, i) as i32, rows.int(2, i))).collect();
    debug_assert!(range.0 % HOUR == 0);
    Ok(Density { cell_deg: 0.25 * f64::from(merged), cells })
}
