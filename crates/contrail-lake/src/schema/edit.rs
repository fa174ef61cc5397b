//! Changes of a table's columns and partitions, each by field id: files that are there stay as they are and readable.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::DataType;
use contrail_types::{Column, Transform};
use iceberg::spec::{NestedField, NestedFieldRef, PrimitiveType, Schema, TableMetadata, Type, UnboundPartitionSpec};

use super::bind::is_wider;
use super::{iceberg_type, partition_name, transform};
use crate::error::{Doing, LakeError, TableError};

/// One change of a table's shape. Columns go by the names that they have in the table; names that differ only in case
/// are the same, for SQL cannot tell them apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// An optional column of a plain type; one that is there by then stays as it is.
    Add(Column),
    Rename {
        column: String,
        to: String,
    },
    /// `int` to `long`, `float` to `double`.
    Widen {
        column: String,
        to: DataType,
    },
    /// The column's values stay in the files that are there, and nobody sees them any more.
    Drop {
        column: String,
    },
    Move {
        column: String,
        to: Place,
    },
    /// How files are partitioned from now on: by the hour or day of a column, or not at all.
    Partition(Option<(String, Transform)>),
}

/// Where a column goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    First,
    After(String),
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(column) => write!(f, "add {}", column.name),
            Self::Rename { column, to } => write!(f, "rename {column} to {to}"),
            Self::Widen { column, .. } => write!(f, "widen {column}"),
            Self::Drop { column } => write!(f, "drop {column}"),
            Self::Move { column, to: Place::First } => write!(f, "move {column} to the front"),
            Self::Move { column, to: Place::After(other) } => write!(f, "move {column} behind {other}"),
            Self::Partition(None) => write!(f, "partition no more"),
            Self::Partition(Some((column, by))) => write!(f, "partition by {}", partition_name(column, *by)),
        }
    }
}

/// What edits make of a table's metadata; `None` where they change nothing.
#[derive(Debug, Default)]
pub(crate) struct Edited {
    pub schema: Option<Schema>,
    pub spec: Option<UnboundPartitionSpec>,
}

/// # Errors
/// [`TableError::Edit`] says which one cannot be and why.
pub(crate) fn edited(table: &str, edits: &[Edit], metadata: &TableMetadata) -> Result<Edited, LakeError> {
    let current = metadata.current_schema();
    let mut columns = Columns { fields: current.as_struct().fields().to_vec(), next: metadata.last_column_id() + 1 };
    let needed = needed(metadata);
    let mut spec = None;
    for edit in edits {
        let outcome = match edit {
            Edit::Partition(by) => unbound(&columns, by.as_ref()).map(|by| spec = Some(by)),
            edit => columns.apply(edit, &needed),
        };
        outcome.map_err(|reason| TableError::Edit { table: table.to_owned(), edit: edit.to_string(), reason })?;
    }
    let schema = match columns.fields == current.as_struct().fields() {
        true => None,
        false => {
            let schema = Schema::builder()
                .with_fields(columns.fields)
                .with_identifier_field_ids(current.identifier_field_ids())
                .build();
            Some(schema.doing(|| format!("change the columns of table {table}"))?)
        }
    };
    let current = metadata.default_partition_spec().fields().iter().map(|field| (field.source_id, field.transform));
    let same = |spec: &UnboundPartitionSpec| {
        spec.fields().iter().map(|field| (field.source_id, field.transform)).eq(current.clone())
    };
    Ok(Edited { schema, spec: spec.filter(|spec| !same(spec)) })
}

/// Columns that partitions, the sort order or row identity go by, with what for.
fn needed(metadata: &TableMetadata) -> Vec<(i32, &'static str)> {
    let partitions = metadata.partition_specs_iter().flat_map(|spec| spec.fields().iter().map(|f| f.source_id));
    let sorted = metadata.default_sort_order().fields.iter().map(|f| f.source_id);
    let identity = metadata.current_schema().identifier_field_ids();
    partitions
        .map(|id| (id, "files are partitioned by it"))
        .chain(sorted.map(|id| (id, "rows are sorted by it")))
        .chain(identity.map(|id| (id, "it is part of the row's identity")))
        .collect()
}

fn unbound(columns: &Columns, by: Option<&(String, Transform)>) -> Result<UnboundPartitionSpec, String> {
    let mut spec = UnboundPartitionSpec::builder();
    if let Some((column, by)) = by {
        let field = columns.find(column)?;
        if !matches!(*field.field_type, Type::Primitive(PrimitiveType::Timestamptz | PrimitiveType::Timestamp)) {
            return Err(format!("{} is no time", field.name));
        }
        let name = partition_name(&field.name, *by);
        spec = spec.add_partition_field(field.id, name, transform(*by)).map_err(|error| error.to_string())?;
    }
    Ok(spec.build())
}

struct Columns {
    fields: Vec<NestedFieldRef>,
    /// The field id that the next new column gets.
    next: i32,
}

impl Columns {
    fn at(&self, name: &str) -> Result<usize, String> {
        let found = self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| format!("there is no column {name}"))
    }

    fn find(&self, name: &str) -> Result<&NestedFieldRef, String> {
        Ok(&self.fields[self.at(name)?])
    }

    fn apply(&mut self, edit: &Edit, needed: &[(i32, &'static str)]) -> Result<(), String> {
        match edit {
            Edit::Add(column) if self.at(&column.name).is_ok() => {}
            Edit::Add(column) => self.add(column)?,
            Edit::Rename { column, to } => {
                let at = self.at(column)?;
                if self.at(to).is_ok_and(|other| other != at) {
                    return Err(format!("there is a column {to} already"));
                }
                named(to)?;
                self.change(at, |field| field.name.clone_from(to));
            }
            Edit::Widen { column, to } => {
                let at = self.at(column)?;
                let wide = iceberg_type(to).map(Type::Primitive).ok_or("that is not a plain type")?;
                let narrow = &*self.fields[at].field_type;
                if *narrow != wide && !is_wider(&wide, narrow) {
                    return Err(format!(
                        "{narrow} can become long if it is int, double if it is float, and nothing else"
                    ));
                }
                self.change(at, |field| *field.field_type = wide);
            }
            Edit::Drop { column } => {
                let at = self.at(column)?;
                if let Some((_, what)) = needed.iter().find(|(id, _)| *id == self.fields[at].id) {
                    return Err((*what).to_owned());
                }
                if self.fields.len() == 1 {
                    return Err("it is the only one".into());
                }
                self.fields.remove(at);
            }
            Edit::Move { column, to } => {
                let field = self.fields.remove(self.at(column)?);
                let at = match to {
                    Place::First => 0,
                    Place::After(other) => self.at(other)? + 1,
                };
                self.fields.insert(at, field);
            }
            Edit::Partition(_) => {}
        }
        Ok(())
    }
}

impl Columns {
    fn add(&mut self, column: &Column) -> Result<(), String> {
        let kind = iceberg_type(&column.data_type).ok_or("its type is not a plain one")?;
        if !column.nullable {
            return Err("rows that are there already have no value for it".into());
        }
        named(&column.name)?;
        let field = NestedField::optional(self.next, &column.name, Type::Primitive(kind));
        self.fields.push(Arc::new(if column.doc.is_empty() { field } else { field.with_doc(&column.doc) }));
        self.next += 1;
        Ok(())
    }

    fn change(&mut self, at: usize, change: impl FnOnce(&mut NestedField)) {
        change(Arc::make_mut(&mut self.fields[at]));
    }
}

/// Names that every engine takes without quotes.
fn named(name: &str) -> Result<(), String> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match plain && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        true => Ok(()),
        false => Err(format!("{name:?} is no name for a column: letters, digits and _, and no digit first")),
    }
}
