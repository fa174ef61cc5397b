//! Versions without a snapshot of their own, on a table that a clock ahead of this one has written to.

use std::time::{SystemTime, UNIX_EPOCH};

use iceberg::spec::{TableMetadata, TableMetadataBuildResult};
use iceberg::{Error, ErrorKind, Result};
use serde_json::Value;

use crate::edited::edited;

/// Keys under which metadata keep a time, in milliseconds.
const TIMES: [&str; 2] = ["timestamp-ms", "last-updated-ms"];

/// What `build` makes of the metadata, no older than they are. The format library takes the machine's time for a version
/// that adds no snapshot, and refuses one from before the last: that version is built as if the table were of now.
pub(crate) fn built(
    metadata: &TableMetadata,
    build: impl FnOnce(TableMetadata) -> Result<TableMetadataBuildResult>,
) -> Result<TableMetadataBuildResult> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let ahead = metadata.last_updated_ms() - now;
    if ahead <= 0 {
        return build(metadata.clone());
    }
    let built = build(shifted(metadata, -ahead)?)?;
    Ok(TableMetadataBuildResult { metadata: shifted(&built.metadata, ahead)?, ..built })
}

/// The metadata with every time moved by so many milliseconds.
fn shifted(metadata: &TableMetadata, by: i64) -> Result<TableMetadata> {
    edited(metadata, |json| shift(json, by)).map_err(|reason| Error::new(ErrorKind::DataInvalid, reason))
}

fn shift(value: &mut Value, by: i64) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value.as_i64() {
                    Some(at) if TIMES.contains(&key.as_str()) => *value = (at + by).into(),
                    _ => shift(value, by),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shift(item, by)),
        _ => {}
    }
}
