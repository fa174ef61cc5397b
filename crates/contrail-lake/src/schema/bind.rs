//! Which columns of a table are those of its definition, whatever they are called there and wherever they stand; and
//! what a table lacks that an earlier version of the definition made.
//!
//! A column is known by its field id: that of the first schema of the table in which its name occurs. So one that was
//! renamed is found, and one that was dropped is told from one that the table never had.

use std::collections::HashMap;

use contrail_types::{Column, TableDef};
use iceberg::spec::{NestedField, NestedFieldRef, PrimitiveType, SchemaRef, TableMetadata, Type};

use super::edit::Edit;
use super::{iceberg_schema, plain_type};
use crate::error::{LakeError, TableError};
use crate::shape::Grows;

/// A definition found again in a table.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    /// The table's field id of each column of the definition; `None` where it has none (any more).
    pub ids: Vec<Option<i32>>,
    /// Columns beyond the definition that rows may have.
    pub gained: Vec<(Column, i32)>,
    /// What brings a table of an earlier definition up to this one.
    pub behind: Vec<Edit>,
}

/// # Errors
/// [`TableError::Schema`] names everything in which the table does not serve as one of the definition.
pub(crate) fn bind(def: &TableDef, grows: Grows, metadata: &TableMetadata) -> Result<Bound, LakeError> {
    let wanted = iceberg_schema(def)?;
    let table = Table::of(metadata);
    let mut found = Found::default();
    for (column, field) in def.columns.iter().zip(wanted.as_struct().fields()) {
        let id = found.column(column, field, &table);
        found.bound.ids.push(id);
    }
    for field in table.fields() {
        if !found.taken.contains_key(&field.id) {
            found.beyond(def, grows, field);
        }
    }
    match found.differences.is_empty() {
        true => Ok(found.bound),
        false => Err(TableError::Schema { table: def.name.clone(), differences: found.differences }.into()),
    }
}

/// A table's columns, and what they were called in the course of time.
struct Table<'a> {
    schema: &'a SchemaRef,
    first: HashMap<&'a str, i32>,
}

impl<'a> Table<'a> {
    fn of(metadata: &'a TableMetadata) -> Self {
        let mut schemas: Vec<&SchemaRef> = metadata.schemas_iter().collect();
        schemas.sort_by_key(|schema| schema.schema_id());
        let mut first = HashMap::new();
        for field in schemas.into_iter().flat_map(|schema| schema.as_struct().fields()) {
            first.entry(field.name.as_str()).or_insert(field.id);
        }
        Self { schema: metadata.current_schema(), first }
    }

    fn fields(&self) -> &'a [NestedFieldRef] {
        self.schema.as_struct().fields()
    }

    /// The column that was called `name` first; one of that name now, if that is gone.
    fn column(&self, name: &str) -> Option<&'a NestedFieldRef> {
        let by_id = |id: &i32| self.fields().iter().find(|field| field.id == *id);
        self.first.get(name).and_then(by_id).or_else(|| self.fields().iter().find(|field| field.name == name))
    }
}

#[derive(Default)]
struct Found {
    bound: Bound,
    /// Field ids of the table that stand for a column of the definition.
    taken: HashMap<i32, String>,
    differences: Vec<String>,
}

impl Found {
    /// The field id of a column of the definition.
    fn column(&mut self, column: &Column, wanted: &NestedField, table: &Table<'_>) -> Option<i32> {
        let name = &column.name;
        let Some(field) = table.column(name) else {
            match (column.nullable, table.first.contains_key(name.as_str())) {
                (true, true) => {}
                (true, false) => self.bound.behind.push(Edit::Add(column.clone())),
                (false, true) => self.differences.push(format!("column {name} was dropped")),
                (false, false) => self.differences.push(format!("column {name} is missing")),
            }
            return None;
        };
        if let Some(other) = self.taken.insert(field.id, name.clone()) {
            self.differences.push(format!("column {} is both {other} and {name}: rename it", field.name));
        }
        let (is, should) = (&field.field_type, &wanted.field_type);
        if is_wider(should, is) {
            self.bound.behind.push(Edit::Widen { column: field.name.clone(), to: column.data_type.clone() });
        } else if !same(is, should) && !is_wider(is, should) {
            self.differences.push(format!("column {} is {is} instead of {should}", field.name));
        }
        if field.required && !wanted.required {
            self.differences.push(format!("column {} is required", field.name));
        }
        Some(field.id)
    }

    /// A column of the table that the definition knows nothing of.
    fn beyond(&mut self, def: &TableDef, grows: Grows, field: &NestedField) {
        if field.required {
            let difference = format!("column {} is required, and contrail has no value for it", field.name);
            self.differences.push(difference);
            return;
        }
        let named = |column: &Column| column.name.eq_ignore_ascii_case(&field.name);
        if grows == Grows::Never || def.columns.iter().any(named) {
            return;
        }
        if let Some(data_type) = plain_type(&field.field_type) {
            let doc = field.doc.clone().unwrap_or_default();
            self.bound.gained.push((Column { name: field.name.clone(), data_type, nullable: true, doc }, field.id));
        }
    }
}

/// Whether `wide` is what Iceberg lets `narrow` become.
pub(super) fn is_wider(wide: &Type, narrow: &Type) -> bool {
    match (narrow, wide) {
        (Type::Primitive(narrow), Type::Primitive(wide)) => match (narrow, wide) {
            (PrimitiveType::Int, PrimitiveType::Long) | (PrimitiveType::Float, PrimitiveType::Double) => true,
            (
                PrimitiveType::Decimal { precision: p, scale: s },
                PrimitiveType::Decimal { precision: wider, scale: same },
            ) => p < wider && s == same,
            _ => false,
        },
        _ => false,
    }
}

/// The same type, whatever ids its parts have.
fn same(one: &Type, other: &Type) -> bool {
    match (one, other) {
        (Type::List(one), Type::List(other)) => same(&one.element_field.field_type, &other.element_field.field_type),
        _ => one == other,
    }
}
