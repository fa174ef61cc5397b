//! `contrail tables alter`: columns and partitions changed by field id; files that are there stay as they are.

use std::sync::Arc;

use anyhow::{Result, bail};
use arrow::datatypes::DataType;
use contrail_lake::{Change, Edit, LakeTable, Place};
use contrail_types::{Column, Transform};
use serde::Serialize;

use crate::cli::{Alter, ColumnType};
use crate::config::Config;
use crate::exit::Usage;
use crate::line::House;
use crate::show::print_json;

/// What was changed, or would be.
#[derive(Serialize)]
struct Altered {
    table: String,
    change: String,
    /// Whether the table was not so already.
    changes: bool,
    done: bool,
}

pub async fn run(config: Config, table: &str, change: Alter, dry_run: bool, json: bool) -> Result<()> {
    let house = House::visit(Arc::new(config)).await?;
    let table = house.table(table).await?;
    table.load().await?;
    let ours = ours(&table, &change);
    let edit = edit(&table, change)?;
    let changes = table.edits_change(std::slice::from_ref(&edit)).await.map_err(|error| Usage(error.to_string()))?;
    if changes && !dry_run {
        table.commit(Change::alter([edit.clone()]), |_| Ok(())).await?;
    }
    let altered = Altered { table: table.name().into(), change: edit.to_string(), changes, done: changes && !dry_run };
    if json {
        return print_json(&altered);
    }
    match (changes, dry_run) {
        (false, _) => println!("{} is so already: {edit}", altered.table),
        (true, true) => println!("{} would change: {edit}", altered.table),
        (true, false) => println!("{} has changed: {edit}", altered.table),
    }
    if let Some(note) = ours.filter(|_| changes) {
        println!("{note}");
    }
    Ok(())
}

/// What it means for a column that Contrail's own models know.
fn ours(table: &LakeTable, change: &Alter) -> Option<String> {
    let (Alter::Rename { column, .. } | Alter::Drop { column }) = change else { return None };
    let shape = table.shape();
    let shown = shape.shown();
    let id = shown.all_columns().find(|(shown, _)| shown.name.eq_ignore_ascii_case(column))?.1;
    let gained = shape.def().gained.iter().any(|(_, gained)| Some(*gained) == id);
    let (own, _) = shape.def().all_columns().find(|(_, own)| own.is_some() && *own == id).filter(|_| !gained)?;
    Some(match change {
        Alter::Rename { to, .. } => format!("contrail's own models go on calling it {}; SQL calls it {to}", own.name),
        _ => format!("{} is written no more; what contrail makes from this table sees null there", own.name),
    })
}

fn edit(table: &LakeTable, change: Alter) -> Result<Edit> {
    Ok(match change {
        Alter::Add { column, data_type, doc } => {
            let exists = |shown: &Column| shown.name.eq_ignore_ascii_case(&column);
            if table.shape().shown().columns.iter().any(exists) {
                bail!(Usage(format!("{} has a column {column} already", table.name())));
            }
            Edit::Add(Column::new(&column, data_type.arrow(), true, &doc))
        }
        Alter::Rename { column, to } => Edit::Rename { column, to },
        Alter::Widen { column } => {
            let shown = table.shape().shown();
            let found = shown.columns.iter().find(|shown| shown.name.eq_ignore_ascii_case(&column));
            let to = match found.map(|found| &found.data_type) {
                Some(DataType::Float32 | DataType::Float64) => DataType::Float64,
                _ => DataType::Int64,
            };
            Edit::Widen { column, to }
        }
        Alter::Drop { column } => Edit::Drop { column },
        Alter::Move { column, after: None, .. } => Edit::Move { column, to: Place::First },
        Alter::Move { column, after: Some(other), .. } => Edit::Move { column, to: Place::After(other) },
        Alter::Partition { by } => Edit::Partition(partition(&by)?),
    })
}

/// `hour(column)`, `day(column)` or `none`.
fn partition(text: &str) -> Result<Option<(String, Transform)>> {
    if text == "none" {
        return Ok(None);
    }
    let parsed = || {
        let (by, rest) = text.split_once('(')?;
        let by = match by.trim() {
            "hour" => Transform::Hour,
            "day" => Transform::Day,
            _ => return None,
        };
        Some((rest.strip_suffix(')')?.trim().to_owned(), by))
    };
    let wanted = || Usage(format!("{text:?}: partitions are hour(COLUMN), day(COLUMN) or none"));
    Ok(Some(parsed().ok_or_else(wanted)?))
}

impl ColumnType {
    fn arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int32,
            Self::Bigint => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None),
            Self::Timestamptz => contrail_types::time::timestamp(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_as_they_are_written() {
        assert_eq!(partition("none").unwrap(), None);
        assert_eq!(partition("day(last_contact)").unwrap(), Some(("last_contact".into(), Transform::Day)));
        assert_eq!(partition("hour( answer_time )").unwrap(), Some(("answer_time".into(), Transform::Hour)));
        for bad in ["", "day", "week(last_contact)", "hour(last_contact"] {
            assert!(partition(bad).unwrap_err().to_string().contains("hour(COLUMN)"), "{bad}");
        }
    }
}
