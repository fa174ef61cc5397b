//! Random histories of a table against a model in memory.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;
use contrail_lake::{Change, CommitFailed, Compaction, Edit, LakeTable, Place};
use contrail_types::time::{DAY, MINUTE};
use contrail_types::{Column, Transform};
use proptest::prelude::*;

use crate::pyiceberg::{check, fsck, python_or_skip};
use crate::support::{FIRST_HOUR, Sandbox, ids_of, open, rows};

#[derive(Clone, Debug)]
enum Op {
    /// Rows for several hours in one commit.
    Append(Vec<(i32, u8)>),
    Overwrite {
        hours: BTreeSet<i32>,
        rows: Vec<(i32, u8)>,
        /// How many snapshots behind the table the new content was computed.
        behind: i64,
    },
    Compact(i32),
    Delete(i32),
    Properties(u8),
    /// The process ends and another one opens the lake.
    Reopen,
    Upkeep(i64),
    Sweep,
    /// Somebody changes columns or partitions.
    Alter(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let some_rows = || prop::collection::vec((0..4i32, 1..5u8), 0..4);
    prop_oneof![
        5 => some_rows().prop_map(Op::Append),
        3 => (prop::collection::btree_set(0..4i32, 1..3), some_rows(), 0..3i64)
            .prop_map(|(hours, rows, behind)| Op::Overwrite { hours, rows, behind }),
        2 => (0..4i32).prop_map(Op::Compact),
        1 => (0..4i32).prop_map(Op::Delete),
        1 => any::<u8>().prop_map(Op::Properties),
        1 => Just(Op::Reopen),
        1 => (0..90i64).prop_map(Op::Upkeep),
        1 => Just(Op::Sweep),
        2 => any::<u8>().prop_map(Op::Alter),
    ]
}

/// What the table should hold.
#[derive(Default)]
struct Model {
    /// Ids by hour.
    rows: BTreeMap<i32, BTreeSet<i64>>,
    /// The sequence number of the last commit that put rows, or an overwrite's mark, into the hour.
    touched: BTreeMap<i32, i64>,
    /// Hours that have a live file.
    files: BTreeSet<i32>,
    property: Option<String>,
    /// What the column `altitude` is called by now.
    altitude: String,
    next_id: i64,
    sequence_number: i64,
}

impl Model {
    fn new() -> Self {
        Self { altitude: "altitude".into(), ..Self::default() }
    }

    fn new_rows(&mut self, wanted: &[(i32, u8)]) -> BTreeMap<i32, BTreeSet<i64>> {
        let mut new: BTreeMap<i32, BTreeSet<i64>> = BTreeMap::new();
        for (hour, count) in wanted {
            for _ in 0..*count {
                new.entry(*hour).or_default().insert(self.next_id);
                self.next_id += 1;
            }
        }
        new
    }

    fn add(&mut self, new: BTreeMap<i32, BTreeSet<i64>>) {
        for (hour, ids) in new {
            self.rows.entry(hour).or_default().extend(ids);
            self.touched.insert(hour, self.sequence_number);
            self.files.insert(hour);
        }
    }
}

fn encode(table: &LakeTable, new: &BTreeMap<i32, BTreeSet<i64>>) -> Vec<contrail_lake::EncodedFile> {
    new.iter().flat_map(|(hour, ids)| table.encode(&rows(*hour, ids.iter().copied())).unwrap()).collect()
}

async fn apply(sandbox: &Sandbox, table: &mut LakeTable, model: &mut Model, op: &Op, now: &mut i64) {
    match op {
        Op::Append(wanted) => {
            let new = model.new_rows(wanted);
            table.commit(Change::append(encode(table, &new)), open).await.unwrap();
            model.sequence_number += 1;
            model.add(new);
        }
        Op::Overwrite { hours, rows, behind } => {
            let new = model.new_rows(rows);
            let seen = model.sequence_number - behind;
            let values = hours.iter().map(|hour| FIRST_HOUR + hour);
            let outcome = table.commit(Change::overwrite_partitions(values, seen, encode(table, &new)), open).await;
            let stale = hours.iter().any(|hour| model.files.contains(hour) && model.touched[hour] > seen);
            match outcome {
                Ok(_) => {
                    assert!(!stale, "landed on what had changed");
                    model.sequence_number += 1;
                    for hour in hours {
                        model.rows.insert(*hour, BTreeSet::new());
                        model.touched.insert(*hour, model.sequence_number);
                        model.files.insert(*hour);
                    }
                    model.add(new);
                }
                Err(CommitFailed::Stale { .. }) => assert!(stale, "refused without need"),
                Err(other) => panic!("{other}"),
            }
        }
        Op::Compact(hour) => {
            if table.compact(FIRST_HOUR + hour, &Compaction::default()).await.unwrap().is_some() {
                model.sequence_number += 1;
            }
        }
        Op::Delete(hour) => {
            let version = table.load().await.unwrap();
            let paths: Vec<String> = version.files_in(FIRST_HOUR + hour).map(|file| file.path.clone()).collect();
            if !paths.is_empty() {
                table.commit(Change::delete(paths), open).await.unwrap();
                model.sequence_number += 1;
                model.rows.remove(hour);
                model.files.remove(hour);
            }
        }
        Op::Properties(value) => {
            table.commit(Change::properties().set([("contrail.x", value.to_string())]), open).await.unwrap();
            model.sequence_number += 1;
            model.property = Some(value.to_string());
        }
        Op::Reopen => *table = sandbox.table().await,
        Op::Upkeep(minutes) => {
            *now += minutes * MINUTE;
            sandbox.clock.set(*now);
            table.upkeep().await.unwrap();
        }
        Op::Alter(which) => {
            let name = format!("column_{}", model.sequence_number);
            let edit = match which % 6 {
                0 => Edit::Add(Column::new(&name, DataType::Utf8, true, "Somebody's")),
                1 => Edit::Rename { column: std::mem::replace(&mut model.altitude, name.clone()), to: name },
                2 => Edit::Move { column: model.altitude.clone(), to: Place::First },
                3 => Edit::Partition(Some(("last_contact".into(), Transform::Day))),
                4 => Edit::Partition(Some(("last_contact".into(), Transform::Hour))),
                _ => Edit::Partition(None),
            };
            table.commit(Change::alter([edit]), open).await.unwrap();
            model.sequence_number += 1;
        }
        Op::Sweep => {
            *now += 2 * DAY;
            sandbox.clock.set(*now);
            assert_eq!(table.sweep().await.unwrap(), Vec::<String>::new());
            model.sequence_number += 1;
        }
    }
}

async fn compare(table: &LakeTable, model: &Model) {
    let version = table.load().await.unwrap();
    assert_eq!(version.sequence_number(), model.sequence_number);
    assert_eq!(version.property("contrail.x"), model.property.as_deref());
    assert_eq!(version.recorded("contrail.x"), model.property.as_deref());
    let expected: Vec<i64> = model.rows.values().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(ids_of(table, &version), expected);
    for file in version.live_files() {
        let hour = file.partition.unwrap() - FIRST_HOUR;
        assert!(model.files.contains(&hour));
        assert!(file.data_sequence_number <= model.touched[&hour], "consumers would read too much");
    }
    // The newest change of an hour is never lost to a consumer that has yet to read it.
    for hour in &model.files {
        let newest = version.files_in(FIRST_HOUR + hour).map(|file| file.data_sequence_number).max();
        assert_eq!(newest, Some(model.touched[hour]), "hour {hour}");
    }
    if let Some(snapshot) = version.snapshots().last() {
        let (records, files, bytes) = version.totals();
        for (key, value) in [("total-records", records), ("total-data-files", files), ("total-files-size", bytes)] {
            assert_eq!(snapshot.summary[key], value.to_string(), "{key}");
        }
    }
}

/// Lives through `ops` and compares after each of them.
async fn live_through(sandbox: &Sandbox, ops: &[Op]) -> LakeTable {
    let (mut table, mut model, mut now) = (sandbox.table().await, Model::new(), sandbox.clock.now());
    for op in ops {
        apply(sandbox, &mut table, &mut model, op, &mut now).await;
        compare(&table, &model).await;
    }
    let table = sandbox.table().await;
    compare(&table, &model).await;
    fsck(&table).await;
    table
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_is_what_its_history_says(ops in prop::collection::vec(op(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live_through(&Sandbox::new(), &ops));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_remote_table_too_live(ops in prop::collection::vec(op(), 10..25)) {
        // Encoding blocks its thread until the store has the file.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
        let Some(sandbox) = Sandbox::remote() else { return Ok(()) };
        runtime.block_on(live_through(&sandbox, &ops));
    }
}

proptest! {
    // Few, because each starts a Python.
    #![proptest_config(ProptestConfig {
        cases: 4, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn pyiceberg_finds_nothing_wrong_with_a_history(ops in prop::collection::vec(op(), 20..40)) {
        let Some(python) = python_or_skip() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let sandbox = Sandbox::new();
            let table = live_through(&sandbox, &ops).await;
            check(&python, &sandbox, &table, &fsck(&table).await, &["--ours", "--quick"]);
        });
    }
}
