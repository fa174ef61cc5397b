//! A table whose columns and partitions change: what was written before is read by field id, what comes after goes where
//! the new shape says, and nobody's column is lost.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use contrail_lake::{Change, CommitFailed, Compaction, Edit, LakeError, LakeTable, Place, TableError};
use contrail_types::{Column, TableDef, Transform};
use std::process::Command;

use crate::pyiceberg::{check, fsck, python_or_skip};
use crate::support::{FIRST_HOUR, Sandbox, def, ids, open, rows};

async fn alter(table: &LakeTable, edits: impl IntoIterator<Item = Edit>) {
    table.commit(Change::alter(edits), open).await.unwrap();
}

async fn append(table: &LakeTable, hour: i32, ids: std::ops::Range<i64>) {
    table.commit(Change::append(table.encode(&rows(hour, ids)).unwrap()), open).await.unwrap();
}

fn rename(column: &str, to: &str) -> Edit {
    Edit::Rename { column: column.into(), to: to.into() }
}

fn drop_column(column: &str) -> Edit {
    Edit::Drop { column: column.into() }
}

fn after(column: &str, other: &str) -> Edit {
    Edit::Move { column: column.into(), to: Place::After(other.into()) }
}

fn by(transform: Transform) -> Edit {
    Edit::Partition(Some(("last_contact".into(), transform)))
}

async fn all(table: &LakeTable) -> RecordBatch {
    let version = table.load().await.unwrap();
    table.read(version.live_files().map(|file| &file.path), None).unwrap()
}

/// Altitudes by row, as this program calls them.
async fn altitudes(table: &LakeTable) -> Vec<(i64, Option<f64>)> {
    let rows = all(table).await;
    let altitudes = rows["altitude"].as_primitive::<Float64Type>();
    let ids = rows["row_id"].as_primitive::<Int64Type>();
    let mut found: Vec<_> = ids.values().iter().copied().zip(altitudes.iter()).collect();
    found.sort_by_key(|(id, _)| *id);
    found
}

fn expected(ids: std::ops::Range<i64>) -> Vec<(i64, Option<f64>)> {
    ids.map(|id| (id, (id % 5 != 0).then_some(id as f64 * 10.0))).collect()
}

fn names(def: &TableDef) -> Vec<&str> {
    def.columns.iter().map(|column| column.name.as_str()).collect()
}

#[tokio::test]
async fn columns_are_known_by_their_ids_whatever_they_are_called_and_wherever_they_stand() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    append(&table, 0, 0..10).await;
    alter(&table, [rename("altitude", "height"), after("row_id", "icao24")]).await;
    append(&table, 0, 10..20).await;
    // Two names change places: each column keeps its own values.
    let note = Column::new("note", DataType::Utf8, true, "Somebody's");
    alter(&table, [Edit::Add(note), rename("icao24", "x"), rename("note", "icao24"), rename("x", "note")]).await;
    append(&table, 0, 20..30).await;
    assert_eq!(altitudes(&table).await, expected(0..30));
    let shown = table.shape().shown();
    assert_eq!(names(&shown), ["note", "row_id", "last_contact", "height", "sensors", "icao24"]);
    assert_eq!(shown.ids, [1, 5, 2, 3, 4, 7].map(Some));

    // Files hold the table's names, and its order of columns.
    let version = table.load().await.unwrap();
    let newest = version.live_files().max_by_key(|file| file.data_sequence_number).unwrap();
    let file = std::fs::File::open(&newest.path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let written: Vec<String> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(written, ["note", "row_id", "last_contact", "height", "sensors", "icao24"]);

    table.compact(FIRST_HOUR, &Compaction::default()).await.unwrap().unwrap();
    assert_eq!(table.load().await.unwrap().totals().1, 1);
    for table in [table, sandbox.table().await] {
        assert_eq!(altitudes(&table).await, expected(0..30));
    }
}

#[tokio::test]
async fn what_was_dropped_is_gone_and_a_new_column_of_its_name_is_another() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    append(&table, 0, 1..4).await;
    alter(&table, [drop_column("altitude")]).await;
    append(&table, 0, 4..6).await;
    assert_eq!(altitudes(&table).await, (1..6).map(|id| (id, None)).collect::<Vec<_>>());
    let again = Column::new("altitude", DataType::Float64, true, "Another");
    alter(&table, [Edit::Add(again)]).await;
    append(&table, 0, 6..8).await;
    table.compact(FIRST_HOUR, &Compaction::default()).await.unwrap().unwrap();
    let found = altitudes(&table).await;
    assert_eq!(found[..5], (1..6).map(|id| (id, None)).collect::<Vec<_>>());
    assert_eq!(found[5..], expected(6..8), "the new column of that name serves");
    assert_eq!(ids(&sandbox.table().await).await, (1..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_wider_type_reads_back_as_the_narrow_one_until_a_value_does_not_fit() {
    let sandbox = Sandbox::new();
    let narrow = TableDef {
        columns: def()
            .columns
            .into_iter()
            .map(|column| match column.name.as_str() {
                "altitude" => Column { data_type: DataType::Int32, ..column },
                _ => column,
            })
            .collect(),
        ..def()
    };
    let table = sandbox.lake().ensure(&narrow).await.unwrap();
    let as_narrow = |ids: std::ops::Range<i64>| {
        let rows = rows(0, ids);
        let mut columns = rows.columns().to_vec();
        columns[2] = arrow::compute::cast(&columns[2], &DataType::Int32).unwrap();
        RecordBatch::try_new(narrow.arrow_schema(), columns).unwrap()
    };
    table.commit(Change::append(table.encode(&as_narrow(0..3)).unwrap()), open).await.unwrap();
    alter(&table, [Edit::Widen { column: "altitude".into(), to: DataType::Int64 }]).await;
    table.commit(Change::append(table.encode(&as_narrow(3..5)).unwrap()), open).await.unwrap();
    let read = all(&table).await;
    let mut values: Vec<_> = read["altitude"].as_primitive::<Int32Type>().iter().collect();
    values.sort_unstable();
    assert_eq!(values, [None, Some(10), Some(20), Some(30), Some(40)]);
    assert_eq!(table.shape().shown().columns[2].data_type, DataType::Int64);
    table.compact(FIRST_HOUR, &Compaction::default()).await.unwrap().unwrap();

    // A program that has the wider type in its definition reads the same, and writes what does not fit here.
    let wide = TableDef {
        columns: narrow
            .columns
            .iter()
            .cloned()
            .map(|column| match column.name.as_str() {
                "altitude" => Column { data_type: DataType::Int64, ..column },
                _ => column,
            })
            .collect(),
        ..narrow.clone()
    };
    let wider = sandbox.lake().ensure(&wide).await.unwrap();
    let mut columns = rows(0, 5..6).columns().to_vec();
    columns[2] = std::sync::Arc::new(arrow::array::Int64Array::from(vec![1i64 << 40]));
    let big = RecordBatch::try_new(wide.arrow_schema(), columns).unwrap();
    wider.commit(Change::append(wider.encode(&big).unwrap()), open).await.unwrap();
    assert_eq!(all(&wider).await["altitude"].as_primitive::<Int64Type>().iter().flatten().max(), Some(1 << 40));
    let version = table.load().await.unwrap();
    let failed = table.read(version.live_files().map(|file| &file.path), None).unwrap_err().to_string();
    assert!(failed.contains("1099511627776"), "{failed}");
}

#[tokio::test]
async fn an_older_definition_s_table_is_brought_up_to_this_one() {
    let sandbox = Sandbox::new();
    let older = TableDef {
        columns: def().columns.into_iter().filter(|column| column.name != "altitude").collect(),
        bounds: def().bounds.into_iter().filter(|name| name != "altitude").collect(),
        ..def()
    };
    let without = |ids: std::ops::Range<i64>| rows(0, ids).project(&[0, 1, 3, 4]).unwrap();
    let old = sandbox.lake().ensure(&older).await.unwrap();
    old.commit(Change::append(old.encode(&without(0..3)).unwrap()), open).await.unwrap();
    alter(&old, [rename("sensors", "receivers")]).await;

    // A reader does not write: it sees null.
    let found = sandbox.lake().find(&def()).await.unwrap().unwrap();
    assert_eq!(altitudes(&found).await, (0..3).map(|id| (id, None)).collect::<Vec<_>>());
    assert_eq!(found.load().await.unwrap().sequence_number(), 2);
    let table = sandbox.table().await;
    append(&table, 0, 11..13).await;
    assert_eq!(table.load().await.unwrap().sequence_number(), 4, "one commit carried it forward");
    assert_eq!(names(&table.shape().shown()), ["icao24", "last_contact", "receivers", "row_id", "altitude"]);
    let both: Vec<_> = (0..3).map(|id| (id, None)).chain(expected(11..13)).collect();
    assert_eq!(altitudes(&table).await, both);
    table.compact(FIRST_HOUR, &Compaction::default()).await.unwrap().unwrap();
    assert_eq!(altitudes(&sandbox.table().await).await, both);
    // The older program goes on beside it and leaves the column without values.
    old.commit(Change::append(old.encode(&without(20..22)).unwrap()), open).await.unwrap();
    assert_eq!(ids(&table).await, [0, 1, 2, 11, 12, 20, 21]);
}

#[tokio::test]
async fn new_partitions_are_for_new_files_and_hours_stay_hours() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    append(&table, 0, 0..3).await;
    let late = table.encode(&rows(1, 100..102)).unwrap();
    for (n, edit) in [by(Transform::Day), Edit::Partition(None), by(Transform::Hour)].into_iter().enumerate() {
        let start = 10 * (n as i64 + 1);
        alter(&table, [edit]).await;
        append(&table, 0, start..start + 3).await;
        append(&table, 1, start + 5..start + 7).await;
        if n == 0 {
            // Encoded under the old partitions, landed under the new ones.
            table.commit(Change::append(late.clone()), open).await.unwrap();
        }
        let fresh = sandbox.table().await;
        let version = fresh.load().await.unwrap();
        assert!(version.live_files().all(|file| file.partition.is_some()), "each file is of one hour");
        assert_eq!(version.files_in(FIRST_HOUR + 1).count(), n + 2);
        assert_eq!(
            fresh.shape().partitioned().as_deref(),
            [Some("day(last_contact)"), None, Some("hour(last_contact)")][n]
        );
    }
    // An hour whose files lie in three kinds of partitions is overwritten, and the hour that was emptied is told.
    let seen = table.load().await.unwrap().sequence_number();
    alter(&table, [by(Transform::Day)]).await;
    let files = table.encode(&rows(0, 500..503)).unwrap();
    table.commit(Change::overwrite_partitions([FIRST_HOUR, FIRST_HOUR + 1], seen, files), open).await.unwrap();
    assert_eq!(ids(&table).await, [500, 501, 502]);
    let version = sandbox.table().await.load().await.unwrap();
    let touched: Vec<_> = version.files_after(seen).filter_map(|file| file.partition).collect();
    assert_eq!(touched.len(), 2, "{touched:?}");
    append(&table, 0, 600..603).await;
    let done = table.compact(FIRST_HOUR, &Compaction::default()).await.unwrap().unwrap();
    assert_eq!((done.files_before, done.files_after), (2, 1));
    if let Some(python) = python_or_skip() {
        check(&python, &sandbox, &table, &fsck(&table).await, &["--ours"]);
    }
}

#[tokio::test]
async fn edits_that_cannot_be_say_why_and_change_nothing() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    append(&table, 0, 0..3).await;
    let list = def().columns[3].data_type.clone();
    let cases = [
        (rename("speed", "velocity"), "there is no column speed"),
        (rename("altitude", "ICAO24"), "there is a column ICAO24 already"),
        (rename("altitude", "1st"), "is no name for a column"),
        (rename("altitude", "a\"b"), "is no name for a column"),
        (drop_column("last_contact"), "files are partitioned by it"),
        (drop_column("icao24"), "rows are sorted by it"),
        (after("altitude", "altitude"), "there is no column altitude"),
        (Edit::Widen { column: "altitude".into(), to: DataType::Int64 }, "double can become long if it is int"),
        (Edit::Widen { column: "sensors".into(), to: list.clone() }, "not a plain type"),
        (Edit::Add(Column::new("list", list, true, "")), "not a plain one"),
        (Edit::Add(Column::new("must", DataType::Int32, false, "")), "have no value for it"),
        (Edit::Partition(Some(("altitude".into(), Transform::Hour))), "altitude is no time"),
    ];
    let before = table.load().await.unwrap();
    for (edit, why) in cases {
        let failed = table.commit(Change::alter([edit.clone()]), open).await.unwrap_err();
        assert!(
            matches!(failed, CommitFailed::Lake(LakeError::Table(TableError::Edit { .. }) | LakeError::Iceberg { .. })),
            "{failed:?}"
        );
        assert!(failed.to_string().contains(why), "{edit}: {failed}");
    }
    assert_eq!(table.load().await.unwrap().metadata_location(), before.metadata_location());
    // A column that this program cannot do without is dropped by somebody else.
    alter(&table, [drop_column("row_id")]).await;
    let failed = sandbox.lake().ensure(&def()).await.err().unwrap().to_string();
    assert!(failed.contains("column row_id was dropped"), "{failed}");
}

#[tokio::test]
async fn another_program_s_columns_and_partitions_live_on() {
    let Some(python) = python_or_skip() else { return };
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    append(&table, 0, 0..6).await;
    append(&table, 1, 6..9).await;
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lake/evolve.py");
    let evolve = |step: &str| {
        let output =
            Command::new(&python).arg(&script).arg(sandbox.folder.path().join("catalog.db")).arg(step).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{step}: {}", String::from_utf8_lossy(&output.stderr));
    };
    // Renamed, added, reordered; partitioned by day and address; a file with rows of two hours.
    evolve("columns");
    append(&table, 0, 10..16).await;
    evolve("partitions");
    append(&table, 0, 20..26).await;
    append(&table, 0, 30..36).await;
    evolve("append");
    let wanted: Vec<i64> = [0..9, 10..16, 20..26, 30..36, 900..904].into_iter().flatten().collect();
    assert_eq!(ids(&table).await, wanted);
    let seen = table.load().await.unwrap().sequence_number();
    let overwrite = Change::overwrite_partitions([FIRST_HOUR], seen, Vec::new());
    let failed = table.commit(overwrite, open).await.unwrap_err().to_string();
    assert!(failed.contains("contrail tables compact observations"), "{failed}");

    let mut rounds = 0;
    for hour in [FIRST_HOUR, FIRST_HOUR + 1] {
        while table.compact(hour, &Compaction::default()).await.unwrap().is_some() {
            rounds += 1;
            assert!(rounds < 40, "it comes to an end");
        }
    }
    assert_eq!(ids(&table).await, wanted);
    evolve("notes");
    check(&python, &sandbox, &table, &fsck(&table).await, &[]);
    let seen = table.load().await.unwrap().sequence_number();
    table.commit(Change::overwrite_partitions([FIRST_HOUR], seen, Vec::new()), open).await.unwrap();
    assert_eq!(ids(&table).await, [6, 7, 8, 902, 903]);
    let again = sandbox.table().await;
    let touched: Vec<_> = again.load().await.unwrap().files_after(seen).filter_map(|file| file.partition).collect();
    assert_eq!(touched, [FIRST_HOUR]);
    check(&python, &sandbox, &table, &fsck(&table).await, &[]);
}
