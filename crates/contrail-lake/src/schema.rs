//! From a [`TableDef`] to an Iceberg table, and what differs between one and the other.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use contrail_types::time::timestamp;
use contrail_types::{Column, TableDef};
use iceberg::TableCreation;
use iceberg::arrow::arrow_schema_to_schema;
use iceberg::spec::{
    NestedField, NullOrder, PrimitiveType, Schema, SortDirection, SortField, SortOrder, TableMetadata, Transform, Type,
    UnboundPartitionSpec,
};

use crate::error::{Doing, LakeError};
use crate::shape::Grows;

/// Properties that every table gets: what keeps metadata small, and what other engines should write like.
const PROPERTIES: [(&str, &str); 6] = [
    ("write.metadata.previous-versions-max", "10"),
    ("write.metadata.delete-after-commit.enabled", "true"),
    ("write.parquet.compression-codec", "zstd"),
    ("write.parquet.compression-level", "1"),
    ("write.distribution-mode", "none"),
    // Upkeep merges by size class; an engine that merges on its own would fight it.
    ("commit.manifest-merge.enabled", "false"),
];

/// The Iceberg transform of one of ours.
pub(crate) fn transform(transform: contrail_types::Transform) -> Transform {
    match transform {
        contrail_types::Transform::Hour => Transform::Hour,
        contrail_types::Transform::Day => Transform::Day,
    }
}

/// What the catalog needs to make the table; without a `location` it chooses one.
pub(crate) fn creation(def: &TableDef, location: Option<String>) -> Result<TableCreation, LakeError> {
    let doing = || format!("describe table {}", def.name);
    let schema = iceberg_schema(def)?;
    let mut spec = UnboundPartitionSpec::builder();
    if let Some((column, by)) = &def.partition {
        spec = spec
            .add_partition_field(field_id(def, &schema, column)?, partition_name(column, *by), transform(*by))
            .doing(doing)?;
    }
    let mut properties: HashMap<String, String> =
        PROPERTIES.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    properties.insert("comment".into(), def.doc.clone());
    // Other engines should keep as few metrics as we do.
    properties.insert("write.metadata.metrics.default".into(), "none".into());
    for column in &def.bounds {
        properties.insert(format!("write.metadata.metrics.column.{column}"), "truncate(16)".into());
    }
    Ok(TableCreation::builder()
        .name(def.name.clone())
        .location_opt(location)
        .sort_order(sort_order(def, &schema)?)
        .schema(schema)
        .partition_spec(spec.build())
        .properties(properties)
        .build())
}

pub(crate) fn iceberg_schema(def: &TableDef) -> Result<Schema, LakeError> {
    arrow_schema_to_schema(&def.arrow_schema()).doing(|| format!("describe the columns of table {}", def.name))
}

fn field_id(def: &TableDef, schema: &Schema, column: &str) -> Result<i32, LakeError> {
    schema.field_id_by_name(column).ok_or_else(|| LakeError::Batch {
        table: def.name.clone(),
        reason: format!("the definition partitions or sorts by {column}, which is no column"),
    })
}

/// The partition field's name, as other engines form it.
fn partition_name(column: &str, by: contrail_types::Transform) -> String {
    let unit = match by {
        contrail_types::Transform::Hour => "hour",
        contrail_types::Transform::Day => "day",
    };
    format!("{column}_{unit}")
}

fn sort_order(def: &TableDef, schema: &Schema) -> Result<SortOrder, LakeError> {
    if def.sort.is_empty() {
        return Ok(SortOrder::unsorted_order());
    }
    let mut order = SortOrder::builder();
    order.with_order_id(1);
    for column in &def.sort {
        order.with_sort_field(
            SortField::builder()
                .source_id(field_id(def, schema, column)?)
                .transform(Transform::Identity)
                .direction(SortDirection::Ascending)
                .null_order(NullOrder::First)
                .build(),
        );
    }
    order.build(schema).doing(|| format!("describe the sort order of table {}", def.name))
}

/// The columns that an existing table has beyond its definition.
///
/// # Errors
/// [`LakeError::Schema`] names every other difference. For a table that never grows, columns beyond the definition are
/// differences too: a writer that leaves them out would be an older version of the program.
pub(crate) fn gained(def: &TableDef, grows: Grows, metadata: &TableMetadata) -> Result<Vec<(Column, i32)>, LakeError> {
    let (wanted, found) = (iceberg_schema(def)?, metadata.current_schema());
    let mut differences = differences(def, &wanted, metadata);
    let mut gained = Vec::new();
    for field in found.as_struct().fields().iter().filter(|field| wanted.field_by_name(&field.name).is_none()) {
        let (name, kind) = (&field.name, &field.field_type);
        match plain_type(kind) {
            _ if grows == Grows::Never => differences.push(format!("column {name} is not in the definition")),
            _ if field.required => differences.push(format!("column {name} is required and not in the definition")),
            None => differences.push(format!("column {name} is not in the definition, and {kind} cannot be written")),
            Some(data_type) => {
                let doc = field.doc.clone().unwrap_or_default();
                gained.push((Column { name: name.clone(), data_type, nullable: true, doc }, field.id));
            }
        }
    }
    match differences.is_empty() {
        true => Ok(gained),
        false => Err(LakeError::Schema { table: def.name.clone(), differences }),
    }
}

/// How a table differs from its definition in what both have or the table lacks, in words; empty if it does not.
fn differences(def: &TableDef, wanted: &Schema, metadata: &TableMetadata) -> Vec<String> {
    let found = metadata.current_schema();
    let mut differences = Vec::new();
    for field in wanted.as_struct().fields() {
        match found.field_by_name(&field.name) {
            None => differences.push(format!("column {} is missing", field.name)),
            Some(other) => {
                if other.id != field.id {
                    differences.push(format!("column {} has id {} instead of {}", field.name, other.id, field.id));
                }
                if other.field_type != field.field_type {
                    let (is, should) = (&other.field_type, &field.field_type);
                    differences.push(format!("column {} is {is} instead of {should}", field.name));
                }
                if other.required != field.required {
                    let is = if other.required { "required" } else { "optional" };
                    differences.push(format!("column {} is {is}", field.name));
                }
            }
        }
    }
    let spec: Vec<_> = metadata
        .default_partition_spec()
        .fields()
        .iter()
        .map(|f| (found.name_by_field_id(f.source_id).unwrap_or("?").to_owned(), f.transform))
        .collect();
    let wanted_spec: Vec<_> = def.partition.iter().map(|(column, by)| (column.clone(), transform(*by))).collect();
    if spec != wanted_spec {
        differences.push(format!("it is partitioned by {spec:?} instead of {wanted_spec:?}"));
    }
    differences
}

/// The current schema with more optional columns, under the ids that come next; `None` if it has them all. Names that
/// differ only in case are the same: SQL cannot tell them apart.
pub(crate) fn grown(table: &str, columns: &[Column], metadata: &TableMetadata) -> Result<Option<Schema>, LakeError> {
    let current = metadata.current_schema();
    let mut next = metadata.last_column_id();
    let mut fields = Vec::new();
    for column in columns {
        if current.field_by_name_case_insensitive(&column.name).is_some() {
            continue;
        }
        let refused = |what: &str| LakeError::Batch {
            table: table.to_owned(),
            reason: format!("column {} cannot be added: {what}", column.name),
        };
        let kind = iceberg_type(&column.data_type).ok_or_else(|| refused("its type is not a plain one"))?;
        if !column.nullable {
            return Err(refused("rows that are there already have no value for it"));
        }
        next += 1;
        let field = NestedField::optional(next, &column.name, Type::Primitive(kind));
        fields.push(Arc::new(if column.doc.is_empty() { field } else { field.with_doc(&column.doc) }));
    }
    if fields.is_empty() {
        return Ok(None);
    }
    let schema = current.as_ref().clone().into_builder().with_fields(fields).build();
    schema.doing(|| format!("add columns to table {table}")).map(Some)
}

/// Types that a gained column may have, in Arrow and in Iceberg.
fn plain_types() -> [(DataType, PrimitiveType); 10] {
    [
        (DataType::Boolean, PrimitiveType::Boolean),
        (DataType::Int32, PrimitiveType::Int),
        (DataType::Int64, PrimitiveType::Long),
        (DataType::Float32, PrimitiveType::Float),
        (DataType::Float64, PrimitiveType::Double),
        (DataType::Utf8, PrimitiveType::String),
        (DataType::Binary, PrimitiveType::Binary),
        (DataType::Date32, PrimitiveType::Date),
        (timestamp(), PrimitiveType::Timestamptz),
        (DataType::Timestamp(TimeUnit::Microsecond, None), PrimitiveType::Timestamp),
    ]
}

fn plain_type(kind: &Type) -> Option<DataType> {
    let Type::Primitive(kind) = kind else { return None };
    plain_types().into_iter().find(|(_, other)| other == kind).map(|(data_type, _)| data_type)
}

fn iceberg_type(data_type: &DataType) -> Option<PrimitiveType> {
    plain_types().into_iter().find(|(other, _)| other == data_type).map(|(_, kind)| kind)
}
