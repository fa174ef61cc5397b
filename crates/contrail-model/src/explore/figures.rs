//! The figures of the Explore page, from two passes over `aircraft_hours`: who was there, and when.
//!
//! Who: one row a period, aircraft, country and airline; from it come the totals and both lists. When: one row an hour,
//! with all bands; from it come the series, the week and the bands. What a chart ignores (its own dimension) is left out
//! of the pass and applied after it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Instant;

use contrail_types::explore::{BandCount, Explore, HourCell, HourCount, Kpis, Previous, Range, Ranked};
use contrail_types::{Micros, Time};

use super::question::{BAND_WIDTH, BANDS, band_column, bands, place_in_week, within};
use super::rows::Rows;
use super::{Question, Sources};
use crate::engine::{Engine, EngineError, Input};
use crate::reference;

/// What the caller knows about now; shown beside the figures.
#[derive(Clone, Debug, Default)]
pub struct Now {
    pub airborne: Option<u64>,
    pub data_age_s: Option<f64>,
    pub landed_at: Option<Micros>,
}

/// Everything on the page but the map. `covered_from` is the first hour that the folds hold: the period before is
/// compared only if it lies wholly after that.
pub fn explore(
    engine: &Engine,
    sources: &Sources,
    question: &Question,
    covered_from: Option<Micros>,
    now: &Now,
) -> Result<Explore, EngineError> {
    let started = Instant::now();
    let compared = covered_from.is_some_and(|first| first <= question.before().0);
    let who = Who::read(engine, sources, question, compared)?;
    let when = When::read(engine, sources, question, compared)?;
    let [aircraft, observations, countries, airlines] = who.totals.get(&0).copied().unwrap_or_default();
    let before = who.totals.get(&1).copied().unwrap_or_default();
    let (from, to) = question.hours();
    Ok(Explore {
        from: Time(from),
        to: Time(to),
        filters: question.chosen().clone(),
        kpis: Kpis {
            aircraft,
            observations,
            countries,
            airlines,
            median_altitude_m: when.median(question, (from, to)),
            airborne_now: now.airborne,
            data_age_s: now.data_age_s,
            landed_at: now.landed_at.map(Time),
        },
        previous: compared.then(|| Previous {
            aircraft: before[0],
            observations: before[1],
            countries: before[2],
            airlines: before[3],
            median_altitude_m: when.median(question, question.before()),
        }),
        series: when.series(question),
        countries: who.list(COUNTRY, compared, reference::country_name),
        airlines: who.list(AIRLINE, compared, reference::airline_name),
        bands: when.bands(question),
        hours: when.week(question),
        took_ms: (started.elapsed().as_secs_f64() * 1e4).round() / 10.0,
    })
}

/// First and last hour that the folds hold.
pub fn range(engine: &Engine, sources: &Sources) -> Result<Range, EngineError> {
    let inputs = [("aircraft_hours", sources.hours.clone())];
    let rows = Rows(engine.query_over("SELECT min(hour), max(hour) FROM aircraft_hours", &inputs, &[])?);
    let at = |column| rows.time(column, 0).map(Time);
    Ok(Range { first: at(0), last: at(1) })
}

/// Aircraft-hours of a range with `n`, their observations under the band and phase filters, and what that reads. Hours
/// know bands and phases, but not which observation was both: cells do.
fn seen(sources: &Sources, question: &Question, range: (Micros, Micros)) -> (String, Vec<(&'static str, Input)>) {
    let mut inputs = vec![("aircraft_hours", sources.hours.clone())];
    let n = match (question.chosen().band.is_empty(), question.chosen().phase.is_empty()) {
        (_, true) => question.in_bands(),
        (true, false) => question.in_phase_columns(),
        (false, false) => {
            inputs.push(("aircraft_cells", sources.cells.clone()));
            let sql = format!(
                "SELECT hours.*, coalesce(joint.n, 0) AS n
                 FROM (SELECT * FROM aircraft_hours WHERE {range}) AS hours
                 LEFT JOIN (
                     SELECT hour, icao24, sum({}) AS n FROM aircraft_cells WHERE {range} AND {} GROUP BY hour, icao24
                 ) AS joint USING (hour, icao24)",
                question.in_phases(),
                question.band_rows(),
                range = within(range),
            );
            return (sql, inputs);
        }
    };
    (format!("SELECT *, {n} AS n FROM aircraft_hours WHERE {}", within(range)), inputs)
}

/// The span of hours that a pass reads.
fn span(question: &Question, compared: bool) -> (Micros, Micros) {
    let (start, end) = question.hours();
    (if compared { question.before().0 } else { start }, end)
}

/// The kinds of rows that [`Who`] reads: totals, and its two lists.
const COUNTRY: i64 = 2;
const AIRLINE: i64 = 3;

/// Totals by period (0 the asked one, 1 the one before), and one entry a country and airline.
struct Who {
    totals: BTreeMap<i64, [u64; 4]>,
    /// (kind, code) -> aircraft and observations by period.
    lists: BTreeMap<(i64, String), [[u64; 2]; 2]>,
}

impl Who {
    fn read(engine: &Engine, sources: &Sources, question: &Question, compared: bool) -> Result<Self, EngineError> {
        let (seen, inputs) = seen(sources, question, span(question, compared));
        let week = question.week();
        let (countries, airlines) = (question.countries(), question.airlines());
        let start = question.hours().0;
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
             SELECT {COUNTRY}, period, country, count(DISTINCT icao24), sum(n)::BIGINT, 0, 0
             FROM who WHERE {airlines} AND country IS NOT NULL GROUP BY period, country
             UNION ALL
             SELECT {AIRLINE}, period, airline, count(DISTINCT icao24), sum(n)::BIGINT, 0, 0
             FROM who WHERE {countries} AND airline IS NOT NULL GROUP BY period, airline"
        );
        let rows = Rows(engine.query_over(&sql, &inputs, &[])?);
        let mut who = Self { totals: BTreeMap::new(), lists: BTreeMap::new() };
        for i in 0..rows.len() {
            let (kind, period) = (rows.int(0, i), rows.int(1, i));
            match rows.text(2, i) {
                None => {
                    who.totals.insert(period, [3, 4, 5, 6].map(|c| rows.count(c, i)));
                }
                Some(code) => {
                    let entry = who.lists.entry((kind, code.to_owned())).or_default();
                    entry[usize::from(period != 0)] = [rows.count(3, i), rows.count(4, i)];
                }
            }
        }
        Ok(who)
    }

    /// One of the lists, most aircraft first.
    fn list(&self, kind: i64, compared: bool, name: fn(&str) -> Option<&'static str>) -> Vec<Ranked> {
        let here = self.lists.iter().filter(|((k, _), [now, _])| *k == kind && now[0] > 0);
        let entry = |((_, code), [now, before]): (&(i64, String), &[[u64; 2]; 2])| Ranked {
            code: code.clone(),
            name: name(code).unwrap_or(code).to_owned(),
            aircraft: now[0],
            observations: now[1],
            previous: compared.then_some(before[0]),
        };
        let mut list: Vec<Ranked> = here.map(entry).collect();
        // Stable, so that equal ones stay in the order of their codes.
        list.sort_by_key(|entry| Reverse((entry.aircraft, entry.observations)));
        list
    }
}

/// What was seen in each hour: aircraft, observations, and observations by band whatever bands are chosen.
struct When(Vec<Hour>);

struct Hour {
    start: Micros,
    aircraft: u64,
    observations: u64,
    /// As [`bands`] counts them.
    bands: Vec<u64>,
}

impl When {
    fn read(engine: &Engine, sources: &Sources, question: &Question, compared: bool) -> Result<Self, EngineError> {
        let (seen, inputs) = seen(sources, question, span(question, compared));
        let sums: Vec<String> = bands().map(|b| format!("sum({})::BIGINT", band_column(b))).collect();
        let sql = format!(
            "SELECT hour, count_if(n > 0)::BIGINT, sum(n)::BIGINT, {sums}
             FROM ({seen}) WHERE {countries} AND {airlines} GROUP BY hour ORDER BY hour",
            sums = sums.join(", "),
            countries = question.countries(),
            airlines = question.airlines(),
        );
        let rows = Rows(engine.query_over(&sql, &inputs, &[])?);
        let hours = (0..rows.len()).map(|i| Hour {
            start: rows.time(0, i).unwrap_or_default(),
            aircraft: rows.count(1, i),
            observations: rows.count(2, i),
            bands: (3..3 + bands().count()).map(|c| rows.count(c, i)).collect(),
        });
        let mut when = Self(hours.collect());
        if !question.chosen().phase.is_empty() {
            when.count_bands(engine, sources, question, span(question, compared))?;
        }
        Ok(when)
    }

    /// Puts the bands of the chosen phases in the place of all of them.
    fn count_bands(
        &mut self,
        engine: &Engine,
        sources: &Sources,
        question: &Question,
        range: (Micros, Micros),
    ) -> Result<(), EngineError> {
        let inputs = [("aircraft_cells", sources.cells.clone()), ("aircraft_hours", sources.hours.clone())];
        let mut counted: BTreeMap<(Option<Micros>, i64), u64> = BTreeMap::new();
        for piece in question.pieces(range) {
            let sql = format!(
                "SELECT hour, altitude_band::BIGINT, sum({})::BIGINT
                 FROM (SELECT * FROM aircraft_cells WHERE {}) {}
                 GROUP BY hour, altitude_band",
                question.in_phases(),
                within(piece),
                question.of_whom(piece)
            );
            let rows = Rows(engine.query_over(&sql, &inputs, &[])?);
            counted.extend((0..rows.len()).map(|i| ((rows.time(0, i), rows.int(1, i)), rows.count(2, i))));
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

    fn series(&self, question: &Question) -> Vec<HourCount> {
        let chosen = self.of(question.hours()).filter(|h| question.in_week(h.start) && h.observations > 0);
        let point = |h: &Hour| HourCount { hour: Time(h.start), aircraft: h.aircraft, observations: h.observations };
        chosen.map(point).collect()
    }

    fn week(&self, question: &Question) -> Vec<HourCell> {
        let mut slots: BTreeMap<(u8, u8), (u64, u64)> = BTreeMap::new();
        for hour in self.of(question.hours()) {
            let slot = slots.entry(place_in_week(hour.start)).or_default();
            *slot = (slot.0 + hour.aircraft, slot.1 + 1);
        }
        let slot =
            |((dow, hour), (sum, n)): ((u8, u8), (u64, u64))| HourCell { dow, hour, aircraft: sum as f64 / n as f64 };
        slots.into_iter().map(slot).collect()
    }

    /// Observations by band in a period, in the chosen part of the week.
    fn sums(&self, question: &Question, period: (Micros, Micros)) -> Vec<(i32, u64)> {
        let mut sums: Vec<(i32, u64)> = bands().map(|b| (b, 0)).collect();
        for hour in self.of(period).filter(|h| question.in_week(h.start)) {
            for (sum, n) in sums.iter_mut().zip(&hour.bands) {
                sum.1 += n;
            }
        }
        sums
    }

    fn bands(&self, question: &Question) -> Vec<BandCount> {
        let band = |(band, observations): (i32, u64)| BandCount {
            band,
            from_m: (band > 0).then(|| metres(band - 1)),
            to_m: (1..BANDS - 1).contains(&band).then(|| metres(band)),
            observations,
        };
        self.sums(question, question.hours()).into_iter().map(band).collect()
    }

    fn median(&self, question: &Question, period: (Micros, Micros)) -> Option<f64> {
        let chosen = &question.chosen().band;
        let mut sums = self.sums(question, period);
        sums.retain(|(band, _)| *band > 0 && (chosen.is_empty() || chosen.contains(band)));
        median(&sums)
    }
}

/// The upper end of a band.
fn metres(band: i32) -> f64 {
    f64::from(band * BAND_WIDTH)
}

/// The median altitude in metres of observations counted by band, spread evenly inside each.
fn median(sums: &[(i32, u64)]) -> Option<f64> {
    let half = sums.iter().map(|(_, n)| n).sum::<u64>() as f64 / 2.0;
    let mut below = 0.0;
    for (band, n) in sums.iter().map(|(b, n)| (*b, *n as f64)) {
        if n > 0.0 && below + n >= half {
            let inside = (half - below) / n * f64::from(BAND_WIDTH);
            return Some((metres(band - 1) + inside).round());
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
