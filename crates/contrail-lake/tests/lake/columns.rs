//! A table that gains columns while it is open: what is read, written, compacted and refused.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, StringArray};
use arrow::datatypes::{DataType, Float64Type};
use arrow::record_batch::RecordBatch;
use contrail_lake::{Change, Compaction, LakeTable, TableShape};
use contrail_types::Column;

use crate::support::{FIRST_HOUR, Sandbox, def, ids, open, rows};

fn mach() -> Column {
    Column::new("mach", DataType::Float64, true, "Speed as a part of the speed of sound")
}

async fn grown(sandbox: &Sandbox) -> LakeTable {
    sandbox.lake().ensure_grown(&def()).await.unwrap()
}

/// Rows with the gained column after the others.
fn with_mach(shape: &TableShape, batch: &RecordBatch, value: f64) -> RecordBatch {
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(Float64Array::from(vec![value; batch.num_rows()])) as ArrayRef);
    RecordBatch::try_new(shape.schema().clone(), columns).unwrap()
}

/// The gained column of all live rows, sorted, nulls as -1.
async fn machs(table: &LakeTable) -> Vec<f64> {
    let version = table.load().await.unwrap();
    let batch = table.read(version.live_files().map(|file| &file.path), Some(&["mach"])).unwrap();
    let mut values: Vec<f64> =
        batch.column(0).as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(-1.0)).collect();
    values.sort_by(f64::total_cmp);
    values
}

#[tokio::test]
async fn a_gained_column_is_null_in_rows_that_were_there_and_survives_compaction() {
    let sandbox = Sandbox::new();
    let (table, beside) = (grown(&sandbox).await, grown(&sandbox).await);
    let before = table.shape();
    let late = table.encode(&rows(0, 100..103)).unwrap();
    table.commit(Change::append(table.encode(&rows(0, 0..3)).unwrap()), open).await.unwrap();
    let committed = table.commit(Change::add_columns(vec![mach()]), open).await.unwrap();

    let shape = table.shape();
    assert_eq!(shape.def().gained, [(mach(), 7)], "after five columns and a list's element");
    assert!(
        !shape.same(&before)
            && shape.plain().unwrap().same(&before.plain().unwrap()) == (shape.schema_id() == before.schema_id())
    );
    let snapshot = committed.version.metadata().current_snapshot().unwrap();
    assert_eq!(snapshot.schema_id(), Some(shape.schema_id()));

    // Written before, committed after; and a batch of the older shape.
    table.commit(Change::append(late), open).await.unwrap();
    let older = table.encode_under(&before, &rows(0, 200..202)).unwrap();
    table.commit(Change::append(older), open).await.unwrap();
    let failed = table.encode(&rows(0, 0..1)).unwrap_err().to_string();
    assert!(failed.contains("columns missing: [\"mach\"]"), "{failed}");
    let newer = table.encode(&with_mach(&shape, &rows(0, 300..302), 0.8)).unwrap();
    table.commit(Change::append(newer), open).await.unwrap();
    let wanted = [vec![-1.0; 8], vec![0.8; 2]].concat();
    assert_eq!(machs(&table).await, wanted);

    // Another process learns of it when it loads, and compacts with it although it has not loaded before.
    assert!(beside.shape().def().gained.is_empty());
    assert_eq!(ids(&beside).await.len(), 10);
    assert_eq!(beside.shape().def().gained, [(mach(), 7)]);
    grown(&sandbox).await.compact(FIRST_HOUR, &Compaction::default()).await.unwrap().unwrap();
    assert_eq!((machs(&table).await, table.load().await.unwrap().totals().1), (wanted, 1));
}

#[tokio::test]
async fn columns_that_are_there_are_left_out_whoever_added_them() {
    let sandbox = Sandbox::new();
    let (table, beside) = (grown(&sandbox).await, grown(&sandbox).await);
    beside.load().await.unwrap();
    let note = Column::new("Note", DataType::Utf8, true, "");
    let (one, other) = tokio::join!(
        table.commit(Change::add_columns(vec![mach(), note.clone()]), open),
        beside.commit(Change::add_columns(vec![note.clone(), mach()]), open),
    );
    one.and(other).unwrap();
    let later = vec![Column::new("note", DataType::Int64, true, ""), Column::new("MACH", DataType::Utf8, true, "")];
    table.commit(Change::add_columns(later), open).await.unwrap();
    beside.load().await.unwrap();
    for shape in [table.shape(), beside.shape(), grown(&sandbox).await.shape()] {
        let mut gained = shape.def().gained.clone();
        gained.sort_by_key(|(column, _)| column.name.clone());
        assert_eq!(gained.iter().map(|(column, _)| column.clone()).collect::<Vec<_>>(), [note.clone(), mach()]);
        let mut numbers: Vec<i32> = gained.iter().map(|(_, id)| *id).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [7, 8]);
    }
    // A name that was used and files that hold it.
    let shape = table.shape();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["n"; 2]));
    let columns = shape.schema().fields()[5..].iter().map(|field| match field.name().as_str() {
        "mach" => Arc::new(Float64Array::from(vec![0.5; 2])) as ArrayRef,
        _ => text.clone(),
    });
    let batch = rows(0, 0..2);
    let all = batch.columns().iter().cloned().chain(columns).collect();
    let files = table.encode(&RecordBatch::try_new(shape.schema().clone(), all).unwrap()).unwrap();
    table.commit(Change::append(files), open).await.unwrap();
    assert_eq!(machs(&beside).await, [0.5, 0.5]);
}

#[tokio::test]
async fn what_others_add_stays_without_values_where_the_table_does_not_grow() {
    let sandbox = Sandbox::new();
    let strict = sandbox.table().await;
    strict.load().await.unwrap();
    let table = grown(&sandbox).await;
    let required = Column { nullable: false, ..mach() };
    let failed = table.commit(Change::add_columns(vec![required]), open).await.unwrap_err().to_string();
    assert!(failed.contains("cannot add mach: rows that are there already have no value"), "{failed}");
    let list = Column::new("list", def().columns[3].data_type.clone(), true, "");
    let failed = table.commit(Change::add_columns(vec![list]), open).await.unwrap_err().to_string();
    assert!(failed.contains("its type is not a plain one"), "{failed}");
    assert!(table.shape().def().gained.is_empty());
    table.commit(Change::add_columns(vec![mach()]), open).await.unwrap();
    table
        .commit(Change::append(table.encode(&with_mach(&table.shape(), &rows(0, 0..2), 0.8)).unwrap()), open)
        .await
        .unwrap();
    strict.commit(Change::append(strict.encode(&rows(0, 2..4)).unwrap()), open).await.unwrap();
    strict.compact(FIRST_HOUR, &Compaction::default()).await.unwrap().unwrap();
    assert!(strict.shape().def().gained.is_empty());
    assert_eq!((machs(&table).await, ids(&strict).await), (vec![-1.0, -1.0, 0.8, 0.8], vec![0, 1, 2, 3]));
}
