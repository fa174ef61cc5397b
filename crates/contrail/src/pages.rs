//! The page `docs/tables.md`, made from the tables' own definitions. Compiled for tests alone.

use std::fmt::Write;
use std::path::Path;

use arrow::datatypes::DataType;
use contrail_model::{Kind, Project};
use contrail_types::{TableDef, Transform, state};

const HEAD: &str = "\
# Tables

<!-- Made from the tables' definitions and models/; do not edit. `CONTRAIL_UPDATE=1 cargo test -p contrail pages` writes it anew. -->

Namespace `aviation`. All times are `timestamptz` in microseconds, UTC. Numbers are SI unless a unit is named; see
[data-model.md](data-model.md) for what the tables are for. The same texts are the tables' and columns' comments in
Iceberg.
";

fn page() -> String {
    let mut page = HEAD.to_string();
    table(&mut page, &state::raw_table(), "every row as received", &[]);
    table(&mut page, &state::dead_letters_table(), "what could not be read", &[]);
    for model in &Project::embedded().models {
        let kind = match model.kind {
            Kind::Append => "cleaned rows, the winner of each key",
            Kind::Fold => "counts and sums by key",
            Kind::Partition => "a mart",
            Kind::View => "a view, computed when asked for",
        };
        let units: Vec<Option<&str>> = model.notes.iter().map(|note| note.unit.as_deref()).collect();
        let kind = format!("{kind}, from {}; {}", model.inputs.join(", "), model.grain);
        table(&mut page, &model.def, &kind, &units);
    }
    page
}

fn table(page: &mut String, def: &TableDef, kind: &str, units: &[Option<&str>]) {
    let _ = write!(page, "\n## {}\n\n{}. Kind: {kind}.", def.name, def.doc);
    if let Some((column, transform)) = &def.partition {
        let by = match transform {
            Transform::Hour => "hour",
            Transform::Day => "day",
        };
        let _ = write!(page, " Partition: {by}({column}); sorted by {}.", def.sort.join(", "));
    }
    page.push_str("\n\n| column | type | | unit |\n|---|---|---|---|\n");
    for (i, column) in def.columns.iter().enumerate() {
        let unit = units.get(i).copied().flatten().unwrap_or("");
        let null = if column.nullable { ", may be null" } else { "" };
        let doc = column.doc.replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {}{null} | {doc} | {unit} |", column.name, type_name(&column.data_type));
    }
}

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "string".into(),
        DataType::Binary => "binary".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Int32 => "int".into(),
        DataType::Int64 => "long".into(),
        DataType::Float64 => "double".into(),
        DataType::Timestamp(..) => "timestamptz".into(),
        DataType::List(item) => format!("list of {}", type_name(item.data_type())),
        other => other.to_string(),
    }
}

#[test]
fn pages_are_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tables.md");
    let wanted = page();
    if std::env::var_os("CONTRAIL_UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == wanted, "docs/tables.md is old: CONTRAIL_UPDATE=1 cargo test -p contrail pages");
}
