//! How a lake table is described: columns with types and meanings, partition, sort order.
//!
//! The model loader makes these from `models/`, the lake makes Iceberg tables of them; neither knows the other.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

/// The key under which Parquet writers and readers of Arrow keep a field's id.
pub const FIELD_ID: &str = "PARQUET:field_id";

/// One column: its name, Arrow type and what it means (with its unit).
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub data_type: DataType,
    pub nullable: bool,
    pub doc: String,
}

impl Column {
    pub fn new(name: &str, data_type: DataType, nullable: bool, doc: &str) -> Self {
        Self { name: name.into(), data_type, nullable, doc: doc.into() }
    }
}

/// How a timestamp column is cut into partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    Hour,
    Day,
}

impl Transform {
    /// The partition value of an instant, as Iceberg counts it: whole hours or days since the epoch.
    pub fn value(self, us: crate::Micros) -> i32 {
        us.div_euclid(self.width()) as i32
    }

    /// The width of a partition in microseconds.
    pub fn width(self) -> crate::Micros {
        match self {
            Self::Hour => crate::time::HOUR,
            Self::Day => crate::time::DAY,
        }
    }
}

/// A lake table: what `CREATE TABLE` would need to know, and no more.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDef {
    /// Name inside the namespace, such as `states_raw`.
    pub name: String,
    pub doc: String,
    pub columns: Vec<Column>,
    /// The timestamp column that partitions the table, and how; `None` is an unpartitioned table.
    pub partition: Option<(String, Transform)>,
    /// Columns by which rows are ordered inside a file, ascending, nulls first.
    pub sort: Vec<String>,
    /// Columns whose bounds and counts go into manifests; everything else stays out to keep planning small.
    pub bounds: Vec<String>,
    /// Field ids that a table in the lake has for `columns`, `None` for one that it has dropped; none in a definition,
    /// whose columns are 1..n.
    pub ids: Vec<Option<i32>>,
    /// Optional columns that a table has gained beyond its definition, with the field ids that it gave them; none in a
    /// definition.
    pub gained: Vec<(Column, i32)>,
}

impl TableDef {
    /// All columns with their field ids: the definition's, then the gained ones. Without an id there are no values.
    pub fn all_columns(&self) -> impl Iterator<Item = (&Column, Option<i32>)> {
        let gained = self.gained.iter().map(|(column, id)| (column, Some(*id)));
        self.columns.iter().zip(1..).map(|(column, n)| (column, self.id(n))).chain(gained)
    }

    /// The field id of the definition's nth column, counted from 1.
    fn id(&self, n: i32) -> Option<i32> {
        self.ids.get(n as usize - 1).copied().unwrap_or(Some(n))
    }

    /// The Arrow schema with field ids: columns are 1..n in their order unless a table has others, list elements follow
    /// after n. Gained columns come last.
    pub fn arrow_schema(&self) -> SchemaRef {
        let mut nested = self.columns.len() as i32;
        let fields = self.columns.iter().zip(1..).map(|(c, n)| {
            let data_type = match &c.data_type {
                DataType::List(item) => {
                    nested += 1;
                    DataType::List(Arc::new(with_id(item.as_ref().clone(), Some(nested), None)))
                }
                other => other.clone(),
            };
            with_id(Field::new(&c.name, data_type, c.nullable), self.id(n), Some(&c.doc))
        });
        let gained = self
            .gained
            .iter()
            .map(|(c, id)| with_id(Field::new(&c.name, c.data_type.clone(), c.nullable), Some(*id), Some(&c.doc)));
        let all: Vec<Field> = fields.chain(gained).collect();
        Arc::new(Schema::new(Fields::from(all)))
    }
}

fn with_id(field: Field, id: Option<i32>, doc: Option<&str>) -> Field {
    let mut meta: HashMap<String, String> = id.map(|id| (FIELD_ID.to_owned(), id.to_string())).into_iter().collect();
    meta.extend(doc.map(|d| ("doc".to_owned(), d.to_owned())));
    field.with_metadata(meta)
}
