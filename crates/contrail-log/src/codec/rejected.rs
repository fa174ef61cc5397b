//! The message for a row that a feed delivered but that is no state: JSON with the reason, for the dead letters.
//!
//! Its first byte is `{`, so it can never be taken for a framed record, whose first byte is zero.

use serde_json::value::RawValue;

const KEY: &str = "contrail.rejected";

#[derive(serde::Serialize)]
struct Out<'a> {
    #[serde(rename = "contrail.rejected")]
    reason: &'a str,
    feed: &'a str,
    fetch_id: &'a str,
    row: Row<'a>,
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Row<'a> {
    Json(&'a RawValue),
    Text(std::borrow::Cow<'a, str>),
}

/// The value of such a message. `row` is kept as it is if it is JSON, else as text.
pub fn value(reason: &str, feed: &str, fetch_id: &str, row: &[u8]) -> Vec<u8> {
    let json = std::str::from_utf8(row).ok().and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
    let row = json.map_or_else(|| Row::Text(String::from_utf8_lossy(row)), Row::Json);
    // Strings and JSON that has just been parsed always serialise.
    serde_json::to_vec(&Out { reason, feed, fetch_id, row }).unwrap_or_default()
}

/// The reason that such a value gives; `None` if it is not one.
pub(super) fn reason(value: &[u8]) -> Option<String> {
    if value.first() != Some(&b'{') {
        return None;
    }
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(value).ok()?;
    object.get(KEY)?.as_str().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_comes_back_and_the_row_is_kept() {
        for (row, kept) in [
            (&b"[1,  null, 2.50]"[..], "[1,  null, 2.50]"),
            (b"\"no array\"", "\"no array\""),
            (b"[1,", "\"[1,\""),
            (b"\xff", "\"\u{fffd}\""),
        ] {
            let value = value("no icao24", "opensky", "f-1", row);
            let text = std::str::from_utf8(&value).unwrap();
            assert!(text.ends_with(&format!("\"row\":{kept}}}")), "{text}");
            assert_eq!(reason(&value).as_deref(), Some("no icao24"));
        }
    }

    #[test]
    fn other_json_is_not_one() {
        for value in ["{}", "{\"contrail.rejected\":1}", "{\"a\":\"b\"}", "{", " {\"contrail.rejected\":\"x\"}", ""] {
            assert_eq!(reason(value.as_bytes()), None, "{value}");
        }
    }
}
