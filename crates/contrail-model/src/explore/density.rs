//! Where aircraft were: observations by grid cell.

use std::collections::BTreeMap;

use contrail_types::explore::Density;
use contrail_types::time::{DAY, HOUR};

use super::question::within;
use super::rows::Rows;
use super::{Question, Sources};
use crate::engine::{Engine, EngineError};

/// Columns of the grid of 0.25 degree cells.
const COLUMNS: i64 = 1440;

/// Observations by grid cell; the cell is coarser for longer ranges, whose answer would else exceed a megabyte.
pub fn density(engine: &Engine, sources: &Sources, question: &Question) -> Result<Density, EngineError> {
    let range = question.hours();
    let merged = match range.1 - range.0 {
        length if length < 12 * HOUR => 1,
        length if length <= 10 * DAY => 2,
        _ => 4,
    };
    let cell = match merged {
        1 => "cell".to_owned(),
        _ => format!("{COLUMNS} * (cell // {COLUMNS} // {merged}) + cell % {COLUMNS} // {merged}"),
    };
    let mut sums: BTreeMap<i64, u64> = BTreeMap::new();
    for piece in question.pieces(range) {
        let who = question.of_whom(piece);
        let sql = format!(
            "SELECT ({cell})::BIGINT AS merged, sum({})::BIGINT AS seen
             FROM (SELECT * FROM aircraft_cells WHERE {} AND {} AND {}) {who}
             GROUP BY merged",
            question.in_phases(),
            within(piece),
            question.band_rows(),
            question.week(),
        );
        let mut inputs = vec![("aircraft_cells", sources.cells.clone())];
        if !who.is_empty() {
            inputs.push(("aircraft_hours", sources.hours.clone()));
        }
        let rows = Rows(engine.query_over(&sql, &inputs, &[])?);
        for row in 0..rows.len() {
            *sums.entry(rows.int(0, row)).or_default() += rows.count(1, row);
        }
    }
    let place = |cell: i64| ((cell / COLUMNS) as i32, (cell % COLUMNS) as i32);
    let seen = sums.into_iter().filter(|(_, seen)| *seen > 0);
    let cells = seen.map(|(cell, seen)| (place(cell).0, place(cell).1, seen)).collect();
    Ok(Density { cell_deg: 0.25 * f64::from(merged), cells })
}
