//! The figures of the Explore page, from two passes over `aircraft_hours`: who was there, and when.
//!
//! Who: one row a period, aircraft, country and airline; from it come the totals and both lists. When: one row an hour,
//! with all bands; from it come the series, the week and the bands. What a chart ignores (its own dimension) is left out
//! of the pass and applied after it.

use std::collections::BTreeMap;
use std::time::Instant;

use contrail_types::{Micros, time};
use serde::Serialize;

use super::filter::{BAND_WIDTH, BANDS, band_column, bands, place_in_week, within};
use super::rows::Rows;
use super::{Filters, Sources};
use crate::engine::{Engine, EngineError, Input};
use crate::reference;

/// What the caller knows about now; shown beside the figures.
#[derive(Clone, Debug, Default)]
pub struct Now {
    pub airborne: Option<i64>,
    pub data_age_s: Option<f64>,
    pub landed_at: Option<Micros>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Explore {
    pub from: String,
    pub to: String,
    pub filters: Filters,
    pub kpis: Kpis,
    pub previous: Option<Previous>,
    pub series: Vec<Point>,
    pub countries: Vec<Country>,
    pub airlines: Vec<Airline>,
    pub bands: Vec<Band>,
    pub hours: Vec<Slot>,
    pub took_ms: f64,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Kpis {
    pub aircraft: i64,
    pub observations: i64,
    pub countries: i64,
    pub airlines: i64,
    /// Of observations in the air, interpolated inside bands of 1000 m.
    pub median_altitude_m: Option<f64>,
    pub airborne_now: Option<i64>,
    pub data_age_s: Option<f64>,
    pub landed_at: Option<String>,
}

/// The period of equal length before.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Previous {
    pub aircraft: i64,
    pub observations: i64,
    pub countries: i64,
    pub airlines: i64,
    pub median_altitude_m: Option<f64>,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Point {
    pub hour: String,
    pub aircraft: i64,
    pub observations: i64,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Country {
    pub iso2: String,
    pub name: String,
    pub aircraft: i64,
    pub observations: i64,
    /// Aircraft in the period before; null when that is not covered.
    pub previous: Option<i64>,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Airline {
    pub icao: String,
    pub name: String,
    pub aircraft: i64,
    pub observations: i64,
    /// Aircraft in the period before; null when that is not covered.
    pub previous: Option<i64>,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Band {
    /// 0 is the ground, -1 unknown altitude.
    pub band: i32,
    /// Metres; null for the ground and for unknown altitudes.
    pub from_m: Option<i32>,
    /// Metres; null for the ground, for unknown altitudes and for the highest band.
    pub to_m: Option<i32>,
    pub observations: i64,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Slot {
    /// ISO day of the week, 1 is Monday.
    pub dow: u8,
    pub hour: u8,
    /// Mean number of distinct aircraft in that hour.
    pub aircraft: f64,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Range {
    pub first: Option<String>,
    pub last: Option<String>,
}

/// Everything on the page but the map. `covered_from` is the first hour that the folds hold: the period before is
/// compared only if it lies wholly after that.
pub fn explore(
    engine: &Engine,
    sources: &Sources,
    filters: &Filters,
    covered_from: Option<Micros>,
    now: &Now,
) -> Result<Explore, EngineError> {
    let started = Instant::now();
    let compared = covered_from.is_some_and(|first| first <= filters.before().0);
    let who = Who::read(engine, sources, filters, compared)?;
    let when = When::read(engine, sources, filters, compared)?;
    let (from, to) = filters.hours();
    let current = who.totals.get(&0).copied().unwrap_or_default();
    let before = who.totals.get(&1).copied().unwrap_or_default();
    Ok(Explore {
        from: time::rfc3339(from),
        to: time::rfc3339(to),
        filters: filters.clone(),
        kpis: Kpis {
            aircraft: current[0],
            observations: current[1],
            countries: current[2],
            airlines: current[3],
            median_altitude_m: when.median(filters, (from, to)),
            airborne_now: now.airborne,
            data_age_s: now.data_age_s,
            landed_at: now.landed_at.map(time::rfc3339),
        },
        previous: compared.then(|| Previous {
            aircraft: before[0],
            observations: before[1],
            countries: before[2],
            airlines: before[3],
            median_altitude_m: when.median(filters, filters.before()),
        }),
        series: when.series(filters),
        countries: who.list(2, compared, |iso2, name, [aircraft, observations], previous| Country {
            iso2,
            name: name(reference::country_name),
            aircraft,
            observations,
            previous,
        }),
        airlines: who.list(3, compared, |icao, name, [aircraft, observations], previous| Airline {
            icao,
            name: name(reference::airline_name),
            aircraft,
            observations,
            previous,
        }),
        bands: when.bands(filters),
        hours: when.week(filters),
        took_ms: (started.elapsed().as_secs_f64() * 1e4).round() / 10.0,
    })
}

/// First and last hour that the folds hold.
pub fn range(engine: &Engine, sources: &Sources) -> Result<Range, EngineError> {
    let inputs = [("aircraft_hours", sources.hours.clone())];
    let rows = Rows(engine.query_over("SELECT min(hour), max(hour) FROM aircraft_hours", &inputs, &[])?);
    let at = |column| rows.time(column, 0).map(time::rfc3339);
    Ok(Range { first: at(0), last: at(1) })
}

/// Aircraft-hours of a range with `n`, their observations under the band and phase filters, and what that reads. Hours
/// know bands and phases, but not which observation was both: cells do.
fn seen(sources: &Sources, filters: &Filters, range: (Micros, Micros)) -> (String, Vec<(&'static str, Input)>) {
    let mut inputs = vec![("aircraft_hours", sources.hours.clone())];
    let n = match (filters.band.is_empty(), filters.phase.is_empty()) {
        (_, true) => filters.in_bands(),
        (true, false) => filters.in_phase_columns(),
        (false, false) => {
            inputs.push(("aircraft_cells", sources.cells.clone()));
            let sql = format!(
                "SELECT hours.*, coalesce(joint.n, 0) AS n
                 FROM (SELECT * FROM aircraft_hours WHERE {range}) AS hours
                 LEFT JOIN (
                     SELECT hour, icao24, sum({}) AS n FROM aircraft_cells WHERE {range} AND {} GROUP BY hour, icao24
                 ) AS joint USING (hour, icao24)",
                filters.in_phases(),
                filters.band_rows(),
                range = within(range),
            );
            return (sql, inputs);
        }
    };
    (format!("SELECT *, {n} AS n FROM aircraft_hours WHERE {}", within(range)), inputs)
}

/// The span of hours that a pass reads.
fn span(filters: &Filters, compared: bool) -> (Micros, Micros) {
    let (start, end) = filters.hours();
    (if compared { filters.before().0 } else { start }, end)
}

/// Totals by period (0 the asked one, 1 the one before), and one entry a country (kind 2) and airline (kind 3).
struct Who {
    totals: BTreeMap<i64, [i64; 4]>,
    /// (kind, code) -> aircraft and observations by period.
    lists: BTreeMap<(i64, String), [[i64; 2]; 2]>,
}

impl Who {
    fn read(engine: &Engine, sources: &Sources, filters: &Filters, compared: bool) -> Result<Self, EngineError> {
        let (seen, inputs) = seen(sources, filters, span(filters, compared));
        let week = filters.week();
        let (countries, airlines) = (filters.countries(), filters.airlines());
        let start = filters.hours().0;
        let sql = format!(
            "WITH who AS MATERIALIZED (
                 SELECT (hour < make_timestamptz({start}))::BIGINT AS period, icao24, country, airline, sum(n) AS n
                 FROM ({seen})
                 WHERE {week} AND n > 0
                 GROUP BY ALL
             )
             SELECT 1::BIGINT, period, NULL, count(DISTINCT icao24), sum(n)::BIGINT, count(DISTINCT country), count(DISTINCT airline)
             FROM who WHERE {countries} AND {airlines} GROUP BY period
             UNION ALL
             SELECT 2, period, country, count(DISTINCT icao24), sum(n)::BIGINT, 0, 0
             FROM who WHERE {airlines} AND country IS NOT NULL GROUP BY period, country
             UNION ALL
             SELECT 3, period, airline, count(DISTINCT icao24), sum(n)::BIGINT, 0, 0
             FROM who WHERE {countries} AND airline IS NOT NULL GROUP BY period, airline"
        );
        let rows = Rows(engine.query_over(&sql, &inputs, &[])?);
        let mut who = Self { totals: BTreeMap::new(), lists: BTreeMap::new() };
        for i in 0..rows.len() {
            let (kind, period) = (rows.int(0, i), rows.int(1, i));
            match rows.text(2, i) {
                None => {
                    who.totals.insert(period, [3, 4, 5, 6].map(|c| rows.int(c, i)));
                }
                Some(code) => {
                    let entry = who.lists.entry((kind, code.to_owned())).or_default();
                    entry[usize::from(period != 0)] = [rows.int(3, i), rows.int(4, i)];
                }
            }
        }
        Ok(who)
    }

    /// One of the lists, most aircraft first; `make` gets the code, a way to its name, the counts, and those before.
    fn list<T>(
        &self,
        kind: i64,
        compared: bool,
        make: impl Fn(String, &dyn Fn(fn(&str) -> Option<&'static str>) -> String, [i64; 2], Option<i64>) -> T,
    ) -> Vec<T> {
        let mut entries: Vec<_> = self.lists.iter().filter(|((k, _), counts)| *k == kind && counts[0][0] > 0).collect();
        entries.sort_by_key(|((_, code), counts)| (-counts[0][0], -counts[0][1], code.clone()));
        let one = |((_, code), counts): (&(i64, String), &[[i64; 2]; 2])| {
            let name = |of: fn(&str) -> Option<&'static str>| of(code).unwrap_or(code).to_owned();
            make(code.clone(), &name, counts[0], compared.then_some(counts[1][0]))
        };
        entries.into_iter().map(one).collect()
    }
}

/// What was seen in each hour: aircraft, observations, and observations by band whatever bands are chosen.
struct When(Vec<Hour>);

struct Hour {
    start: Micros,
    aircraft: i64,
    observations: i64,
    /// As [`bands`] counts them.
    bands: Vec<i64>,
}

impl When {
    fn read(engine: &Engine, sources: &Sources, filters: &Filters, compared: bool) -> Result<Self, EngineError> {
        let (seen, inputs) = seen(sources, filters, span(filters, compared));
        let sums: Vec<String> = bands().map(|b| format!("sum({})::BIGINT", band_column(b))).collect();
        let sql = format!(
            "SELECT hour, count_if(n > 0)::BIGINT, sum(n)::BIGINT, {sums}
             FROM ({seen}) WHERE {countries} AND {airlines} GROUP BY hour ORDER BY hour",
            sums = sums.join(", "),
            countries = filters.countries(),
            airlines = filters.airlines(),
        );
        let rows = Rows(engine.query_over(&sql, &inputs, &[])?);
        let hours = (0..rows.len()).map(|i| Hour {
            start: rows.time(0, i).unwrap_or_default(),
            aircraft: rows.int(1, i),
            observations: rows.int(2, i),
            bands: (3..3 + bands().count()).map(|c| rows.int(c, i)).collect(),
        });
        let mut when = Self(hours.collect());
        if !filters.phase.is_empty() {
            when.count_bands(engine, sources, filters, span(filters, compared))?;
        }
        Ok(when)
    }

    /// Puts the bands of the chosen phases in the place of all of them.
    fn count_bands(
        &mut self,
        engine: &Engine,
        sources: &Sources,
        filters: &Filters,
        range: (Micros, Micros),
    ) -> Result<(), EngineError> {
        let inputs = [("aircraft_cells", sources.cells.clone()), ("aircraft_hours", sources.hours.clone())];
        let mut counted: BTreeMap<(Option<Micros>, i64), i64> = BTreeMap::new();
        for piece in filters.pieces(range) {
            let sql = format!(
                "SELECT hour, altitude_band::BIGINT, sum({})::BIGINT
                 FROM (SELECT * FROM aircraft_cells WHERE {}) {}
                 GROUP BY hour, altitude_band",
                filters.in_phases(),
                within(piece),
                filters.of_whom(piece)
            );
            let rows = Rows(engine.query_over(&sql, &inputs, &[])?);
            counted.extend((0..rows.len()).map(|i| ((rows.time(0, i), rows.int(1, i)), rows.int(2, i))));
        }
        for hour in &mut self.0 {
            let of = |band| counted.get(&(Some(hour.start), i64::from(band))).copied().unwrap_or(0);
            hour.bands = bands().map(of).collect();
        }
        Ok(())
    }

    fn of(&self, (start, end): (Micros, Micros)) -> impl Iterator<Item = &Hour> {
        self.0.iter().filter(move |h| (start..end).contains(&h.start))
    }

    fn series(&self, filters: &Filters) -> Vec<Point> {
        let chosen = self.of(filters.hours()).filter(|h| filters.in_week(h.start) && h.observations > 0);
        let point =
            |h: &Hour| Point { hour: time::rfc3339(h.start), aircraft: h.aircraft, observations: h.observations };
        chosen.map(point).collect()
    }

    fn week(&self, filters: &Filters) -> Vec<Slot> {
        let mut slots: BTreeMap<(u8, u8), (i64, i64)> = BTreeMap::new();
        for hour in self.of(filters.hours()) {
            let slot = slots.entry(place_in_week(hour.start)).or_default();
            *slot = (slot.0 + hour.aircraft, slot.1 + 1);
        }
        let slot =
            |((dow, hour), (sum, n)): ((u8, u8), (i64, i64))| Slot { dow, hour, aircraft: sum as f64 / n as f64 };
        slots.into_iter().map(slot).collect()
    }

    /// Observations by band in a period, in the chosen part of the week.
    fn sums(&self, filters: &Filters, period: (Micros, Micros)) -> Vec<(i32, i64)> {
        let mut sums: Vec<(i32, i64)> = bands().map(|b| (b, 0)).collect();
        for hour in self.of(period).filter(|h| filters.in_week(h.start)) {
            for (sum, n) in sums.iter_mut().zip(&hour.bands) {
                sum.1 += n;
            }
        }
        sums
    }

    fn bands(&self, filters: &Filters) -> Vec<Band> {
        let band = |(band, observations): (i32, i64)| Band {
            band,
            from_m: (band > 0).then(|| (band - 1) * BAND_WIDTH),
            to_m: (1..BANDS - 1).contains(&band).then(|| band * BAND_WIDTH),
            observations,
        };
        self.sums(filters, filters.hours()).into_iter().map(band).collect()
    }

    fn median(&self, filters: &Filters, period: (Micros, Micros)) -> Option<f64> {
        let chosen = |(band, _): &(i32, i64)| *band > 0 && (filters.band.is_empty() || filters.band.contains(band));
        median(&self.sums(filters, period).into_iter().filter(chosen).collect::<Vec<_>>())
    }
}

/// The median altitude in metres of observations counted by band, spread evenly inside each.
fn median(sums: &[(i32, i64)]) -> Option<f64> {
    let half = sums.iter().map(|(_, n)| n).sum::<i64>() as f64 / 2.0;
    let mut below = 0.0;
    for (band, n) in sums.iter().map(|(b, n)| (*b, *n as f64)) {
        if n > 0.0 && below + n >= half {
            let metres = f64::from((band - 1) * BAND_WIDTH) + (half - below) / n * f64::from(BAND_WIDTH);
            return Some(metres.round());
        }
        below += n;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_inside_its_band() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[(1, 0), (2, 0)]), None);
        assert_eq!(median(&[(11, 10)]), Some(10_500.0));
        assert_eq!(median(&[(1, 10), (11, 30)]), Some(10_333.0));
        assert_eq!(median(&[(1, 30), (14, 10)]), Some(667.0));
    }
}
