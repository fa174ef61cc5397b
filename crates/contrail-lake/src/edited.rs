//! Metadata changed as JSON.

use iceberg::spec::TableMetadata;
use serde_json::Value;

/// Metadata with something changed that the format library has no word for.
pub(crate) fn edited(metadata: &TableMetadata, edit: impl FnOnce(&mut Value)) -> Result<TableMetadata, String> {
    let mut json = serde_json::to_value(metadata).map_err(|error| error.to_string())?;
    edit(&mut json);
    serde_json::from_value(json).map_err(|error| error.to_string())
}
