//! `FROM states AT (VERSION => ...)`: each such table gets a name of its own, under which the parent hands it over.

use serde_json::Value;

use super::gate::refused;
use super::wire::{Failed, Versioned};

/// The statement's tree with its AT clauses taken out, and what they asked for; `None` where there is none.
pub(super) fn resolve(tree: &str) -> Result<Option<(String, Vec<Versioned>)>, Failed> {
    if !tree.contains(r#""at_clause":{"#) {
        return Ok(None);
    }
    let too_deep = |_| refused("the statement is too involved for AT: use it in a simpler one, or --as-of");
    let mut tree: Value = serde_json::from_str(tree).map_err(too_deep)?;
    let mut versions = Vec::new();
    take(&mut tree, &mut versions)?;
    Ok(Some((tree.to_string(), versions)))
}

fn take(value: &mut Value, versions: &mut Vec<Versioned>) -> Result<(), Failed> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| take(item, versions)),
        Value::Object(fields) => {
            if let Some(clause) = fields.get_mut("at_clause").filter(|clause| clause.is_object()).map(Value::take) {
                let table = fields.get("table_name").and_then(Value::as_str).unwrap_or_default().to_lowercase();
                let at = constant(&clause["expr"]).ok_or_else(|| {
                    refused("AT takes a constant here: AT (VERSION => snapshot id or 'tag'), AT (TIMESTAMP => '2026-01-31T12:00Z')")
                })?;
                let name = format!("{table}@{at}");
                // Columns are named by the table as it was written.
                if fields.get("alias").and_then(Value::as_str).unwrap_or_default().is_empty() {
                    fields.insert("alias".into(), table.clone().into());
                }
                fields.insert("table_name".into(), name.clone().into());
                let version = Versioned { name, table, at };
                if !versions.contains(&version) {
                    versions.push(version);
                }
            }
            fields.values_mut().try_for_each(|field| take(field, versions))
        }
        _ => Ok(()),
    }
}

/// A number or text, also behind a cast such as `TIMESTAMP '...'`.
fn constant(expression: &Value) -> Option<String> {
    match expression["class"].as_str()? {
        "CAST" => constant(&expression["child"]),
        "CONSTANT" => match &expression["value"]["value"] {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        },
        _ => None,
    }
}
