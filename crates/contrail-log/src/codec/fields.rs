//! Fields of a stream that its table has no column for, and how gained columns are read.
//!
//! A writer whose schema has a field more than ours lands all the same, without that field's values. Once the table has
//! gained a column for it, the schema that we read by has it too, optional and null where it is not written.

use std::collections::BTreeMap;

use apache_avro::Schema;
use arrow::datatypes::{DataType, TimeUnit};
use contrail_types::time::timestamp;
use contrail_types::{Column, TableDef, Transform, state};
use serde_json::{Value, json};

use super::SCHEMA;
use crate::Version;
use crate::registry::compat;

/// What the versions of a subject write and a table does not keep.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotInTable {
    /// Fields that can become columns.
    pub fields: Vec<NewField>,
    /// Fields that cannot.
    pub unfit: Vec<Unfit>,
}

impl NotInTable {
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.unfit.is_empty()
    }

    /// Names of all fields.
    pub fn names(&self) -> Vec<&str> {
        let fields = self.fields.iter().map(|field| field.column.name.as_str());
        fields.chain(self.unfit.iter().map(|field| field.name.as_str())).collect()
    }
}

/// A field that can become a column.
#[derive(Clone, Debug, PartialEq)]
pub struct NewField {
    /// As the table would have it.
    pub column: Column,
    /// Its type in Avro.
    pub kind: &'static str,
    /// The first version that has it, and that version's id.
    pub since: u32,
    pub id: u32,
}

/// A field that cannot become a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfit {
    pub name: String,
    pub since: u32,
    pub id: u32,
    /// The rest of a sentence about the field.
    pub reason: String,
}

/// A field as one version writes it.
struct Written<'a> {
    version: &'a Version,
    doc: Option<String>,
    schema: Schema,
}

/// Types that a gained column can have: in Avro, and in Arrow.
fn plain_types() -> [(&'static str, DataType); 10] {
    [
        ("boolean", DataType::Boolean),
        ("int", DataType::Int32),
        ("long", DataType::Int64),
        ("float", DataType::Float32),
        ("double", DataType::Float64),
        ("string", DataType::Utf8),
        ("bytes", DataType::Binary),
        ("date", DataType::Date32),
        ("timestamp-micros", timestamp()),
        ("local-timestamp-micros", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ]
}

/// The schema by which rows of `table` are read: ours, and its gained columns.
pub(super) fn reader_schema(table: &TableDef) -> String {
    if table.gained.is_empty() {
        return SCHEMA.to_owned();
    }
    let mut schema: Value = serde_json::from_str(SCHEMA).expect("our schema is JSON");
    let gained = table.gained.iter().filter_map(|(column, _)| {
        let kind = plain_types().into_iter().find(|(_, data_type)| *data_type == column.data_type)?.0;
        let kind = match kind {
            "date" => json!({ "type": "int", "logicalType": kind }),
            "timestamp-micros" | "local-timestamp-micros" => json!({ "type": "long", "logicalType": kind }),
            plain => json!(plain),
        };
        Some(json!({ "name": column.name, "type": ["null", kind], "default": null }))
    });
    schema["fields"].as_array_mut().expect("a record has fields").extend(gained);
    schema.to_string()
}

/// The fields of `versions`, oldest first, that rows of `table` do not have. Versions that are no states at all do not
/// count: their messages are dead letters.
pub fn not_in_table(versions: &[Version], table: &TableDef) -> NotInTable {
    let mut written: BTreeMap<String, Vec<Written>> = BTreeMap::new();
    let mut all = NotInTable::default();
    let reader = reader_schema(table);
    for version in versions.iter().filter(|version| compat::can_read(SCHEMA, &version.schema).is_ok()) {
        for clash in compat::unreadable(&reader, &version.schema) {
            let name = clash.path.split('.').next().unwrap_or_default();
            let reason = format!("{}: messages of this version go to the dead letters", clash.what);
            all.unfit.push(unfit(name, version, reason));
        }
        for field in compat::fields(&version.schema) {
            let ours = state::schema().column_with_name(&field.name).is_some();
            if !ours && !table.gained.iter().any(|(column, _)| column.name == field.name) {
                let field_of = Written { version, doc: field.doc, schema: field.schema };
                written.entry(field.name).or_default().push(field_of);
            }
        }
    }
    for (name, written) in written {
        let first = written[0].version;
        match column(&name, &written, table) {
            Ok((kind, column)) => {
                all.fields.push(NewField { column, kind, since: first.version, id: first.id });
            }
            Err(reason) => all.unfit.push(unfit(&name, first, reason)),
        }
    }
    all.fields.sort_by_key(|field| field.since);
    all.unfit.sort_by_key(|field| field.since);
    all
}

fn unfit(name: &str, version: &Version, reason: String) -> Unfit {
    Unfit { name: name.to_owned(), since: version.version, id: version.id, reason }
}

/// The column that reads a field in all its versions, or why there is none.
fn column(name: &str, written: &[Written], table: &TableDef) -> Result<(&'static str, Column), String> {
    // SQL does not tell names apart by case.
    if let Some((other, _)) = table.all_columns().find(|(column, _)| column.name.eq_ignore_ascii_case(name)) {
        return Err(format!("has the name of the table's own column {}", other.name));
    }
    if let Some((by, transform)) = &table.partition {
        let unit = if *transform == Transform::Hour { "hour" } else { "day" };
        if name.eq_ignore_ascii_case(&format!("{by}_{unit}")) {
            return Err("has the name of the table's partition".into());
        }
    }
    let values = written.iter().map(|w| {
        let value = value_of(&w.schema);
        value.ok_or_else(|| format!("is {}, and a column can only be of a plain type", compat::text(&w.schema)))
    });
    let values = values.collect::<Result<Vec<&Schema>, String>>()?;
    let plain = |schema: &Schema| plain_types().into_iter().find(|(kind, _)| *kind == compat::name(schema));
    if let Some(odd) = values.iter().find(|schema| plain(schema).is_none()) {
        let advice = match compat::name(odd) {
            "timestamp-millis" => "; write it as timestamp-micros",
            _ => "",
        };
        return Err(format!("is {}, and no column can be of that type{advice}", compat::name(odd)));
    }
    // The newest type that reads what every version has written.
    let fits = |reader: &Schema| values.iter().all(|writer| compat::promotes(writer, reader));
    let widest = values.iter().rev().find(|reader| fits(reader)).and_then(|schema| plain(schema));
    let Some((kind, data_type)) = widest else {
        let kinds: Vec<String> =
            written.iter().map(|w| format!("{} in version {}", compat::text(&w.schema), w.version.version)).collect();
        return Err(format!("is {}: no type reads them all", kinds.join(", ")));
    };
    let doc = written.iter().rev().find_map(|w| w.doc.clone()).filter(|doc| !doc.is_empty());
    let doc = doc.unwrap_or_else(|| format!("Field {name} of the stream, as its producer fills it"));
    Ok((kind, Column { name: name.to_owned(), data_type, nullable: true, doc }))
}

/// What stands in a field when it is not null.
fn value_of(schema: &Schema) -> Option<&Schema> {
    let Schema::Union(union) = schema else { return Some(schema) };
    let mut values = union.variants().iter().filter(|branch| !matches!(branch, Schema::Null));
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests;
