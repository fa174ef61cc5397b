//! The metadata that a table begins with when it is made by the updates of a client (a create transaction): ids stay
//! as the client gave them, because data files of it are written already.

use iceberg::TableUpdate;
use iceberg::spec::{FormatVersion, SortOrder, TableMetadata};
use serde_json::{Value, json};

use super::FaceError;

/// Ids of partition fields begin here, says the format.
const FIRST_PARTITION_FIELD: i64 = 1000;

/// What the updates are applied to: a table that has the first schema, partition spec and sort order that they name.
pub(super) fn beginning(updates: &[TableUpdate], location: &str) -> Result<TableMetadata, FaceError> {
    let missing = |what: &str| FaceError::Invalid(format!("a table cannot be made without {what}"));
    let schema = updates.iter().find_map(|update| match update {
        TableUpdate::AddSchema { schema } => Some(schema),
        _ => None,
    });
    let schema = schema.ok_or_else(|| missing("add-schema"))?;
    let spec = updates.iter().find_map(|update| match update {
        TableUpdate::AddSpec { spec } => Some(spec),
        _ => None,
    });
    let order = updates.iter().find_map(|update| match update {
        TableUpdate::AddSortOrder { sort_order } => Some(sort_order.clone()),
        _ => None,
    });
    let order = order.unwrap_or_else(SortOrder::unsorted_order);
    let uuid = updates.iter().find_map(|update| match update {
        TableUpdate::AssignUuid { uuid } => Some(*uuid),
        _ => None,
    });
    let version = updates.iter().find_map(|update| match update {
        TableUpdate::UpgradeFormatVersion { format_version } => Some(*format_version),
        _ => None,
    });
    let (spec_id, fields, last_partition_id) = match spec {
        Some(spec) => numbered(&serde_json::to_value(spec).map_err(wrong)?),
        None => (0, Vec::new(), FIRST_PARTITION_FIELD - 1),
    };
    let mut metadata = json!({
        "format-version": 2,
        "table-uuid": uuid.unwrap_or_else(uuid::Uuid::now_v7),
        "location": location,
        "last-sequence-number": 0,
        "last-updated-ms": 0,
        "last-column-id": schema.highest_field_id(),
        "current-schema-id": schema.schema_id(),
        "schemas": [schema],
        "default-spec-id": spec_id,
        "partition-specs": [{ "spec-id": spec_id, "fields": fields }],
        "last-partition-id": last_partition_id,
        "properties": {},
        "default-sort-order-id": order.order_id,
        "sort-orders": [order],
    });
    match version {
        Some(FormatVersion::V1) => {
            metadata["format-version"] = 1.into();
            metadata["schema"] = metadata["schemas"][0].clone();
            metadata["partition-spec"] = metadata["partition-specs"][0]["fields"].clone();
        }
        Some(FormatVersion::V3) => {
            metadata["format-version"] = 3.into();
            metadata["next-row-id"] = 0.into();
        }
        Some(FormatVersion::V2) | None => {}
    }
    serde_json::from_value(metadata).map_err(wrong)
}

fn wrong(error: serde_json::Error) -> FaceError {
    FaceError::Invalid(error.to_string())
}

/// A partition spec with ids for those fields that have none.
fn numbered(spec: &Value) -> (i64, Vec<Value>, i64) {
    let mut fields = spec["fields"].as_array().cloned().unwrap_or_default();
    let id = |field: &Value| field.get("field-id").and_then(Value::as_i64);
    let mut last = fields.iter().filter_map(id).max().unwrap_or(FIRST_PARTITION_FIELD - 1);
    for field in &mut fields {
        if id(field).is_none() {
            last += 1;
            field["field-id"] = last.into();
        }
    }
    (spec["spec-id"].as_i64().unwrap_or(0), fields, last)
}
