//! What a table's rows look like at one moment, in this program and in the table's files, and where they go.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use contrail_types::table::FIELD_ID;
use contrail_types::{Column, TableDef};
use iceberg::arrow::schema_to_arrow_schema;
use iceberg::spec::{PartitionSpecRef, SortOrder, TableMetadata};

use crate::error::{Doing, LakeError};
use crate::schema;
use crate::schema::bind::bind;
use crate::schema::edit::Edit;
use crate::version::{ColumnIds, Units};

/// Whether rows may have columns that the definition lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grows {
    /// What others add stays without values in rows that are written here.
    Never,
    /// Optional ones of plain types are kept and written.
    Optional,
}

/// The columns of a table under one of its schemas and partition specs. Files that were written under an older shape
/// stay valid: a column that they lack is null, and one that was renamed or widened since is found by its field id.
#[derive(Debug)]
pub struct TableShape {
    schema_id: i32,
    def: TableDef,
    arrow: SchemaRef,
    /// Rows as they stand in files: the table's names, types and order.
    file: SchemaRef,
    /// For each column of a file, where it stands among a row's; `None` for one that this program has no values for.
    places: Vec<Option<usize>>,
    /// Positions of the sort columns among a row's.
    pub(crate) sort: Vec<usize>,
    /// The id of the table's sort order that rows here are in, if it has that one.
    pub(crate) order_id: Option<i32>,
    /// Position among a file's columns and field id of those with bounds.
    pub(crate) bounds: Vec<(usize, i32)>,
    pub(crate) spec: PartitionSpecRef,
    pub(crate) iceberg: iceberg::spec::SchemaRef,
    pub(crate) columns: ColumnIds,
    pub(crate) units: Units,
}

impl TableShape {
    /// What this program's rows look like in the table, and what the table lacks that an earlier version made.
    pub(crate) fn of(def: &TableDef, grows: Grows, metadata: &TableMetadata) -> Result<(Self, Vec<Edit>), LakeError> {
        let bound = bind(def, grows, metadata)?;
        let def = TableDef { ids: bound.ids, gained: bound.gained, ..def.clone() };
        let order_id = order_id(&def, metadata);
        let (schema, spec) = (metadata.current_schema().clone(), metadata.default_partition_spec().clone());
        Ok((Self::under(def, schema, spec, order_id)?, bound.behind))
    }

    /// Every column as the table has it, those that this program knows nothing of as well: for rows that only move.
    pub(crate) fn whole(&self) -> Result<Self, LakeError> {
        let table = table_schema(&self.def, &self.iceberg)?;
        let named = |name: &String| {
            let id = self.columns.get(name)?;
            table.fields().iter().find(|field| id_of(field) == Some(*id)).map(|field| field.name().clone())
        };
        let def = TableDef {
            columns: table.fields().iter().map(column).collect(),
            ids: table.fields().iter().map(|field| id_of(field)).collect(),
            gained: Vec::new(),
            sort: self.def.sort.iter().filter_map(named).collect(),
            bounds: self.def.bounds.iter().filter_map(named).collect(),
            partition: self.def.partition.as_ref().and_then(|(column, by)| Some((named(column)?, *by))),
            ..self.def.clone()
        };
        Ok(Self { arrow: table, ..Self::under(def, self.iceberg.clone(), self.spec.clone(), self.order_id)? })
    }

    fn under(
        def: TableDef,
        iceberg: iceberg::spec::SchemaRef,
        spec: PartitionSpecRef,
        order_id: Option<i32>,
    ) -> Result<Self, LakeError> {
        let columns: HashMap<String, i32> =
            def.all_columns().filter_map(|(column, id)| Some((column.name.clone(), id?))).collect();
        let arrow = def.arrow_schema();
        let file = table_schema(&def, &iceberg)?;
        let ours = |field: &Arc<Field>| def.all_columns().position(|(_, id)| id.is_some() && id == id_of(field));
        let places = file.fields().iter().map(ours).collect();
        let place = |id: &i32| file.fields().iter().position(|field| id_of(field) == Some(*id));
        let bounds = def.bounds.iter().filter_map(|name| columns.get(name)).filter_map(|id| Some((place(id)?, *id)));
        let partition = def.partition.as_ref().and_then(|(name, by)| Some((*columns.get(name)?, *by)));
        Ok(Self {
            schema_id: iceberg.schema_id(),
            bounds: bounds.collect(),
            sort: def.sort.iter().filter_map(|name| arrow.index_of(name).ok()).collect(),
            order_id,
            spec,
            iceberg,
            columns: Arc::new(columns),
            units: Units(partition),
            arrow,
            file,
            places,
            def,
        })
    }

    /// The id of the table's schema.
    pub fn schema_id(&self) -> i32 {
        self.schema_id
    }

    /// The definition as the table holds it, with the gained columns.
    pub fn def(&self) -> &TableDef {
        &self.def
    }

    /// The table as everybody sees it: its own names, types and order of columns. Columns of types that the definition
    /// could not have are left out.
    pub fn shown(&self) -> TableDef {
        let fields = self.iceberg.as_struct().fields().iter();
        let shown = fields.filter_map(|field| {
            let ours = self.def.all_columns().find(|(_, id)| *id == Some(field.id)).map(|(column, _)| column);
            // A list has one type here; whatever else was widened has the table's.
            let data_type = schema::plain_type(&field.field_type).or_else(|| ours.map(|c| c.data_type.clone()))?;
            let doc = ours.map(|column| column.doc.clone()).or_else(|| field.doc.clone()).unwrap_or_default();
            Some((Column { name: field.name.clone(), data_type, nullable: !field.required, doc }, Some(field.id)))
        });
        let (columns, ids) = shown.unzip();
        TableDef { columns, ids, gained: Vec::new(), ..self.def.clone() }
    }

    /// How files are partitioned, such as `hour(last_contact)`; `None` for not at all.
    pub fn partitioned(&self) -> Option<String> {
        let name = |id: i32| self.iceberg.name_by_field_id(id).unwrap_or("?").to_owned();
        let fields = self.spec.fields().iter().map(|field| format!("{}({})", field.transform, name(field.source_id)));
        let all: Vec<String> = fields.collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// The Arrow schema of rows, with field ids.
    pub fn schema(&self) -> &SchemaRef {
        &self.arrow
    }

    /// Whether rows look alike under both, and go to the same places.
    pub fn same(&self, other: &Self) -> bool {
        self.key() == other.key() && self.def.gained.len() == other.def.gained.len()
    }

    fn key(&self) -> (i32, i32, Option<i32>) {
        (self.schema_id, self.spec.spec_id(), self.order_id)
    }

    /// Whether `metadata` still is what this shape was made from.
    pub(crate) fn is_of(&self, metadata: &TableMetadata) -> bool {
        let same_spec = self.spec.spec_id() == metadata.default_partition_spec_id();
        self.schema_id == metadata.current_schema_id() && same_spec
    }

    /// This shape without the gained columns: rows written under it have null there.
    pub fn plain(&self) -> Result<Self, LakeError> {
        let def = TableDef { gained: Vec::new(), ..self.def.clone() };
        Self::under(def, self.iceberg.clone(), self.spec.clone(), self.order_id)
    }

    /// Rows under the names, types and order that a file has.
    pub(crate) fn for_file(&self, rows: &RecordBatch) -> Result<RecordBatch, LakeError> {
        let columns = self.file.fields().iter().zip(&self.places);
        let columns = columns.map(|(field, at)| column_as(field, at.map(|at| rows.column(at)), rows.num_rows()));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        columns
            .collect::<Result<Vec<_>, _>>()
            .and_then(|columns| RecordBatch::try_new_with_options(self.file.clone(), columns, &options))
            .map_err(|error| LakeError::Batch { table: self.def.name.clone(), reason: error.to_string() })
    }

    /// The schema of a file.
    pub(crate) fn file(&self) -> &SchemaRef {
        &self.file
    }
}

/// A column under the type that is wanted; null where there is none. A value that does not fit is an error.
pub(crate) fn column_as(field: &Field, column: Option<&ArrayRef>, rows: usize) -> Result<ArrayRef, ArrowError> {
    const STRICT: CastOptions<'static> =
        CastOptions { safe: false, format_options: arrow::util::display::FormatOptions::new() };
    match column {
        None => Ok(new_null_array(field.data_type(), rows)),
        Some(column) if column.data_type() == field.data_type() => Ok(column.clone()),
        // Parquet without Arrow's own schema says `UTC` and names list elements as it likes; columns are widened.
        Some(column) => cast_with_options(column, field.data_type(), &STRICT),
    }
}

/// All columns of a table as Arrow has them in files.
fn table_schema(def: &TableDef, iceberg: &iceberg::spec::Schema) -> Result<SchemaRef, LakeError> {
    let schema = schema_to_arrow_schema(iceberg);
    let schema = schema.doing(|| format!("describe the columns of table {}", def.name))?;
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        // One batch never holds two gigabytes of them.
        DataType::LargeBinary => Arc::new(field.as_ref().clone().with_data_type(DataType::Binary)),
        _ => field.clone(),
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

fn id_of(field: &Field) -> Option<i32> {
    field.metadata().get(FIELD_ID)?.parse().ok()
}

fn column(field: &Arc<Field>) -> Column {
    Column::new(field.name(), field.data_type().clone(), field.is_nullable(), "")
}

/// The table's sort order that is the definition's: ascending with nulls first.
fn order_id(def: &TableDef, metadata: &TableMetadata) -> Option<i32> {
    use iceberg::spec::{NullOrder, SortDirection, Transform};
    let id = |name: &String| def.all_columns().find(|(column, _)| column.name == *name)?.1;
    let columns: Option<Vec<i32>> = def.sort.iter().map(id).collect();
    let columns = columns?;
    let is = |order: &SortOrder| {
        let plain = order.fields.iter().all(|field| {
            field.transform == Transform::Identity
                && field.direction == SortDirection::Ascending
                && field.null_order == NullOrder::First
        });
        plain && order.fields.iter().map(|field| field.source_id).eq(columns.iter().copied())
    };
    let found = metadata.sort_orders_iter().find(|order| !order.is_unsorted() && is(order))?;
    i32::try_from(found.order_id).ok()
}
