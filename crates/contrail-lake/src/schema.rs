//! From a [`TableDef`] to an Iceberg table, and what differs between one and the other.

use std::collections::HashMap;

use contrail_types::TableDef;
use iceberg::TableCreation;
use iceberg::arrow::arrow_schema_to_schema;
use iceberg::spec::{
    NullOrder, Schema, SortDirection, SortField, SortOrder, TableMetadata, Transform, UnboundPartitionSpec,
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

/// What the catalog needs to make the table at `location`.
pub(crate) fn creation(def: &TableDef, location: String) -> Result<TableCreation, LakeError> {
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
        .location(location)
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

/// How an existing table differs from its definition, in words; empty if it does not.
///
/// Columns that the table has beyond the definition are differences too: a writer that leaves them out would be an
/// older version of the program.
pub(crate) fn differences(def: &TableDef, metadata: &TableMetadata) -> Result<Vec<String>, LakeError> {
    let (wanted, found) = (iceberg_schema(def)?, metadata.current_schema());
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
    for field in found.as_struct().fields() {
        if wanted.field_by_name(&field.name).is_none() {
            differences.push(format!("column {} is not in the definition", field.name));
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
    Ok(differences)
}
