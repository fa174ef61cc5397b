//! Whatever the order, batching and repeats: states and folds grown batch by batch equal those built from scratch, and
//! both equal a calculation in plain Rust.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use contrail_types::time::{HOUR, SECOND, hour_of};
use proptest::prelude::*;

use super::engine;
use super::sample::{Raw, batch, rows};
use crate::winner::winners;
use crate::{Engine, Fold, Input, Model};

fn run(engine: &Engine, model: &Model, input: &str, batch: RecordBatch) -> RecordBatch {
    engine.run(model, &[(input, Input::batch(batch))]).unwrap()
}

/// All rows as text, sorted: equal content whatever the order.
fn content(batch: &RecordBatch) -> Vec<String> {
    let options = arrow::util::display::FormatOptions::default().with_null("null");
    let columns: Vec<_> =
        batch.columns().iter().map(|c| arrow::util::display::ArrayFormatter::try_new(c, &options).unwrap()).collect();
    let mut rows: Vec<String> = (0..batch.num_rows())
        .map(|row| columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|"))
        .collect();
    rows.sort();
    rows
}

fn hours(batch: &RecordBatch) -> Vec<i64> {
    let column = batch.column_by_name("last_contact").unwrap().as_primitive::<TimestampMicrosecondType>();
    column.values().iter().map(|us| hour_of(*us)).collect()
}

/// Grows states and both folds as the builder does and returns them whole.
fn grow(engine: &Engine, batches: &[Vec<Raw>]) -> (RecordBatch, Vec<RecordBatch>) {
    let project = engine.project();
    let states = project.get("states").unwrap();
    let folds: Vec<&Model> = ["aircraft_hours", "aircraft_cells"].map(|n| project.get(n).unwrap()).into();
    let mut grown: Vec<Fold> = folds.iter().map(|m| Fold::new(m)).collect();
    let mut kept = RecordBatch::new_empty(states.def.arrow_schema());
    for rows in batches {
        let fresh = run(engine, states, "states_raw", batch(rows));
        let all = winners(states, &[kept.clone(), fresh.clone()]).unwrap();
        let old: BTreeSet<String> = content(&kept).into_iter().collect();
        let beaten = old.iter().any(|row| !content(&all).contains(row));
        for (fold, model) in grown.iter_mut().zip(&folds) {
            if beaten {
                // A kept row lost: its hours are computed from all their rows.
                let held: BTreeSet<i64> = hours(&all).into_iter().collect();
                let held: Vec<i64> = held.into_iter().chain(fold.hours()).collect();
                fold.replace(&held, &run(engine, model, "states", all.clone())).unwrap();
            } else {
                let added: Vec<bool> = content_rows(&all).iter().map(|row| !old.contains(row)).collect();
                let added = arrow::compute::filter_record_batch(&all, &added.into()).unwrap();
                fold.merge(&run(engine, model, "states", added)).unwrap();
            }
        }
        kept = all;
    }
    let whole = grown.iter().map(|f| f.batch(&f.hours()).unwrap()).collect();
    (kept, whole)
}

/// Rows as text in their order.
fn content_rows(batch: &RecordBatch) -> Vec<String> {
    (0..batch.num_rows()).map(|i| content(&batch.slice(i, 1)).remove(0)).collect()
}

/// The winners by plain Rust.
fn expected(rows: &[Raw]) -> BTreeMap<(String, i64), Raw> {
    let mut won: BTreeMap<(String, i64), Raw> = BTreeMap::new();
    for row in rows {
        let (Some(contact), Some(_)) = (row.last_contact, row.position) else { continue };
        if contact < row.answer_time - 24 * HOUR || contact > row.answer_time + 60 * SECOND {
            continue;
        }
        let rank = |r: &Raw| (r.fetched_at, r.log_offset);
        won.entry((row.icao24.clone(), contact))
            .and_modify(|old| {
                if rank(row) < rank(old) {
                    *old = row.clone();
                }
            })
            .or_insert_with(|| row.clone());
    }
    won
}

fn int(batch: &RecordBatch, column: &str, row: usize) -> i64 {
    let column = batch.column_by_name(column).unwrap();
    match column.as_primitive_opt::<Int32Type>() {
        Some(column) => i64::from(column.value(row)),
        None => column.as_primitive::<Int64Type>().value(row),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn incremental_equals_from_scratch(rows in rows(60), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4), shuffle in any::<u64>()) {
        let engine = engine();
        let project = engine.project();
        let states = project.get("states").unwrap();

        // Any order of rows, cut into batches anywhere.
        let mut order = rows.clone();
        let mut seed = shuffle | 1;
        for i in (1..order.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(i, (seed >> 33) as usize % (i + 1));
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(order.len() + 1)).collect();
        cuts.extend([0, order.len()]);
        cuts.sort_unstable();
        let batches: Vec<Vec<Raw>> = cuts.windows(2).map(|w| order[w[0]..w[1]].to_vec()).collect();

        let (kept, folds) = grow(&engine, &batches);
        let scratch = run(&engine, states, "states_raw", batch(&rows));
        prop_assert_eq!(content(&kept), content(&scratch));
        for (fold, name) in folds.iter().zip(["aircraft_hours", "aircraft_cells"]) {
            let model = project.get(name).unwrap();
            let scratch = run(&engine, model, "states", scratch.clone());
            prop_assert_eq!(content(fold), content(&scratch));
            prop_assert!(engine.checks(model, fold).unwrap().is_empty());
        }

        let expected = expected(&rows);
        prop_assert_eq!(kept.num_rows(), expected.len());
        let offsets = kept.column_by_name("log_offset").unwrap().as_primitive::<Int64Type>();
        prop_assert_eq!(offsets.values().to_vec(), expected.values().map(|r| r.log_offset).collect::<Vec<_>>());
        let mut by_hour: BTreeMap<(i64, String), (i64, i64, i64)> = BTreeMap::new();
        for ((icao24, contact), row) in &expected {
            let airborne = row.on_ground != Some(true);
            let suspect = row.velocity.is_some_and(|v| v > 700.0)
                || row.vertical_rate.is_some_and(|v| v.abs() > 150.0)
                || row.geo_altitude.is_some_and(|a| a > 35_000.0);
            let altitude = row.baro_altitude.or(row.geo_altitude).filter(|_| airborne && !suspect);
            let entry = by_hour.entry((hour_of(*contact), icao24.clone())).or_default();
            entry.0 += 1;
            entry.1 += i64::from(airborne);
            entry.2 += altitude.map_or(0, |a| (a * 100.0).round() as i64);
        }
        let found: BTreeMap<(i64, String), (i64, i64, i64)> = (0..folds[0].num_rows())
            .map(|i| {
                let hour = folds[0].column(0).as_primitive::<TimestampMicrosecondType>().value(i);
                let icao24 = folds[0].column(1).as_string::<i32>().value(i).to_owned();
                let f = |name| int(&folds[0], name, i);
                ((hour, icao24), (f("observations"), f("airborne"), f("altitude_sum")))
            })
            .collect();
        prop_assert_eq!(found, by_hour);
    }

    #[test]
    fn merging_parts_of_a_fold_equals_the_whole(rows in rows(80), size in 1..30usize) {
        let engine = engine();
        let project = engine.project();
        let cleaned = run(&engine, project.get("states").unwrap(), "states_raw", batch(&rows));
        for name in ["aircraft_hours", "aircraft_cells"] {
            let model = project.get(name).unwrap();
            let mut fold = Fold::new(model);
            let starts: Vec<usize> = (0..cleaned.num_rows()).step_by(size).rev().collect();
            for start in starts {
                let part = cleaned.slice(start, size.min(cleaned.num_rows() - start));
                fold.merge(&run(&engine, model, "states", part)).unwrap();
            }
            let merged = fold.batch(&fold.hours()).unwrap();
            let whole = run(&engine, model, "states", cleaned.clone());
            prop_assert_eq!(content(&merged), content(&whole));
            prop_assert_eq!(fold.rows(), whole.num_rows());
        }
    }
}

#[test]
fn an_hour_that_is_let_go_gives_no_rows() {
    let engine = engine();
    let model = engine.project().get("aircraft_hours").unwrap().clone();
    let states = run(&engine, engine.project().get("states").unwrap(), "states_raw", batch(&[Raw::default()]));
    let mut fold = Fold::new(&model);
    let rows = run(&engine, &model, "states", states);
    fold.merge(&rows).unwrap();
    let hour = fold.hours()[0];
    assert_eq!(fold.batch(&[hour, hour]).unwrap().num_rows(), 1);
    assert_eq!(fold.batch(&[hour + HOUR]).unwrap().num_rows(), 0);
    fold.replace(&[hour], &rows).unwrap();
    assert_eq!(concat_batches(&rows.schema(), [&fold.batch(&[hour]).unwrap()]).unwrap(), rows);
    fold.replace(&[hour], &rows.slice(0, 0)).unwrap();
    assert_eq!((fold.hours(), fold.batch(&[hour]).unwrap().num_rows()), (vec![hour], 0), "known to be empty");
    fold.merge(&rows).unwrap();
    assert_eq!(fold.rows(), 1);
    fold.forget(hour);
    assert!(fold.hours().is_empty() && fold.batch(&[hour]).unwrap().num_rows() == 0);
}

/// Not a check: what one answer of 12,000 aircraft costs, at the start and at the end of an hour (`cargo test -p
/// contrail-model -- --ignored --nocapture one_answer`).
#[test]
#[ignore = "a measurement"]
fn one_answer_of_the_sky() {
    let engine = engine();
    let project = engine.project();
    let models = ["states", "aircraft_hours", "aircraft_cells"].map(|n| project.get(n).unwrap());
    let mut folds = [Fold::new(models[1]), Fold::new(models[2])];
    for answer in 0..360i64 {
        let at = super::sample::T0 + answer * 10 * SECOND;
        let rows: Vec<Raw> = (0..12_000i64)
            .map(|a| Raw {
                icao24: format!("{:06x}", a * 1021),
                last_contact: Some(at - (a % 15) * SECOND),
                answer_time: at,
                fetched_at: at,
                // Some 230 m/s eastwards.
                position: Some((
                    -60.0 + (a % 120) as f64,
                    -180.0 + ((a * 7 % 360) as f64 + answer as f64 * 0.03) % 360.0,
                )),
                baro_altitude: Some((a % 120) as f64 * 100.0 + answer as f64),
                vertical_rate: Some((a % 9) as f64 - 4.0),
                log_offset: answer * 12_000 + a,
                ..Raw::default()
            })
            .collect();
        let raw = batch(&rows);
        let begun = std::time::Instant::now();
        let states = run(&engine, models[0], "states_raw", raw);
        let cleaned = begun.elapsed();
        let parts = [1, 2].map(|i| run(&engine, models[i], "states", states.clone()));
        let folded = begun.elapsed();
        for (fold, part) in folds.iter_mut().zip(&parts) {
            fold.merge(part).unwrap();
        }
        let merged = begun.elapsed();
        if answer % 60 == 59 {
            let hours = folds[0].hours();
            let [_, cells] = [0, 1].map(|i| folds[i].batch(&hours).unwrap());
            let out = begun.elapsed();
            eprintln!(
                "answer {answer}: states {cleaned:?}, fold SQL {:?}, merge {:?}, batches out {:?} ({} cells)",
                folded - cleaned,
                merged - folded,
                out - merged,
                cells.num_rows()
            );
        }
    }
}
