//! From a [`TableDef`] to an Iceberg table: a new one here, one that is there in [`bind`], one that changes in [`edit`].

pub(crate) mod bind;
pub(crate) mod edit;

use std::collections::HashMap;

use arrow::datatypes::{DataType, TimeUnit};
use contrail_types::TableDef;
use contrail_types::time::timestamp;
use iceberg::TableCreation;
use iceberg::arrow::arrow_schema_to_schema;
use iceberg::spec::{
    NullOrder, PrimitiveType, Schema, SortDirection, SortField, SortOrder, Transform, Type, UnboundPartitionSpec,
};

use crate::error::{Doing, LakeError};

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

fn iceberg_schema(def: &TableDef) -> Result<Schema, LakeError> {
    arrow_schema_to_schema(&def.arrow_schema()).doing(|| format!("describe the columns of table {}", def.name))
}

fn field_id(def: &TableDef, schema: &Schema, column: &str) -> Result<i32, LakeError> {
    schema.field_id_by_name(column).ok_or_else(|| LakeError::Batch {
        table: def.name.clone(),
        reason: format!("the definition partitions or sorts by {column}, which is no column"),
    })
}

/// The partition field's name, as other engines form it.
pub(crate) fn partition_name(column: &str, by: contrail_types::Transform) -> String {
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

/// Types that a column beyond the definition may have, in Arrow and in Iceberg.
pub(crate) fn plain_types() -> [(DataType, PrimitiveType); 10] {
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

pub(crate) fn plain_type(kind: &Type) -> Option<DataType> {
    let Type::Primitive(kind) = kind else { return None };
    plain_types().into_iter().find(|(_, other)| other == kind).map(|(data_type, _)| data_type)
}

fn iceberg_type(data_type: &DataType) -> Option<PrimitiveType> {
    plain_types().into_iter().find(|(other, _)| other == data_type).map(|(_, kind)| kind)
}
