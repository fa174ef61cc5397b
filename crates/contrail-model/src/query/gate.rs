//! Decides whether a statement may run: exactly one SELECT that reads known tables through known table functions.
//!
//! Being of type SELECT is not enough: table functions write logs, run other text, change settings. DuckDB's own parser
//! (`json_serialize_sql`, which only parses) gives the tree; everything in it is judged by allow-lists.

use std::collections::BTreeSet;

use duckdb::Connection;

use super::spans::spans;
use super::versions;
use super::wire::{Failed, Named, Why};

/// Table functions that only compute, or describe the catalogue.
const TABLE_FUNCTIONS: [&str; 22] = [
    "duckdb_columns",
    "duckdb_constraints",
    "duckdb_databases",
    "duckdb_functions",
    "duckdb_indexes",
    "duckdb_keywords",
    "duckdb_schemas",
    "duckdb_sequences",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_views",
    "generate_series",
    "icu_calendar_names",
    "json_each",
    "json_tree",
    "pg_timezone_names",
    "pragma_table_info",
    "pragma_version",
    "range",
    "repeat",
    "repeat_row",
    "unnest",
];

/// Functions with an effect, or that run text which the gate has not seen.
const FORBIDDEN: [&str; 14] = [
    "currval",
    "getenv",
    "getvariable",
    "json_deserialize_sql",
    "json_execute_serialized_sql",
    "json_serialize_plan",
    "nextval",
    "pg_sleep",
    "query",
    "query_table",
    "set_config",
    "setseed",
    "sleep_ms",
    "write_log",
];

/// Views of DuckDB's catalogue that go by a bare name.
const CATALOGUE: [&str; 7] = [
    "duckdb_columns",
    "duckdb_constraints",
    "duckdb_schemas",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_views",
    "sqlite_master",
];

/// What may run, and which tables it names.
#[derive(Debug)]
pub(super) struct Passed {
    pub sql: String,
    pub named: Named,
}

pub(super) fn refused(message: impl Into<String>) -> Failed {
    Failed { why: Why::Refused, message: message.into() }
}

/// Judges a statement; `known` are the tables that exist.
pub(super) fn gate(connection: &Connection, sql: &str, known: &[String]) -> Result<Passed, Failed> {
    let (explain, inner) = strip_explain(sql);
    let tree: String = connection
        .query_row("SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", [inner], |row| row.get(0))
        .map_err(super::child::failed)?;
    let (tree, inner, versions) = match versions::resolve(&tree)? {
        None => (tree, inner.to_owned(), Vec::new()),
        Some((tree, versions)) => {
            let sql = connection.query_row("SELECT json_deserialize_sql(?::JSON)", [&tree], |row| row.get(0));
            (tree, sql.map_err(super::child::failed)?, versions)
        }
    };
    if let Some(version) = versions.iter().find(|version| !known.contains(&version.table)) {
        return Err(refused(unknown(&version.table, known)));
    }
    let objects = objects(&tree).ok_or_else(|| refused("the statement is too involved to be checked"))?;
    let names: Vec<String> = known.iter().cloned().chain(versions.iter().map(|version| version.name.clone())).collect();
    let named = Named { versions, spans: spans(connection, &tree), ..judge(&objects, &names)? };
    Ok(Passed { sql: format!("{explain}{inner}"), named })
}

/// `EXPLAIN` or `EXPLAIN ANALYZE` in front, and the statement after it.
fn strip_explain(sql: &str) -> (&'static str, &str) {
    let rest = skip_blank(sql);
    let Some(rest) = keyword(rest, "explain") else { return ("", sql) };
    match keyword(skip_blank(rest), "analyze") {
        Some(rest) => ("EXPLAIN ANALYZE ", rest),
        None => ("EXPLAIN ", rest),
    }
}

fn keyword<'a>(sql: &'a str, word: &str) -> Option<&'a str> {
    let head = sql.get(..word.len())?;
    let rest = &sql[word.len()..];
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == '.');
    (head.eq_ignore_ascii_case(word) && ends).then_some(rest)
}

/// Past white space and comments.
fn skip_blank(mut sql: &str) -> &str {
    loop {
        sql = sql.trim_start();
        if let Some(rest) = sql.strip_prefix("--") {
            sql = rest.split_once('\n').map_or("", |(_, tail)| tail);
        } else if let Some(rest) = sql.strip_prefix("/*") {
            sql = rest.split_once("*/").map_or("", |(_, tail)| tail);
        } else {
            return sql;
        }
    }
}

/// One object of the tree: the key that it stands under, and its text fields.
#[derive(Debug, Default)]
struct Object {
    under: String,
    fields: Vec<(String, String)>,
}

impl Object {
    fn get(&self, key: &str) -> &str {
        self.fields.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v)
    }
}

/// What is open while a JSON text is read.
enum Open {
    Object(Object),
    /// Its elements stand under the list's own key.
    List(String),
}

/// All objects of a JSON text, flat. No recursion: the depth of a statement is the user's.
fn objects(json: &str) -> Option<Vec<Object>> {
    let bytes = json.as_bytes();
    let (mut done, mut open, mut at) = (Vec::new(), Vec::<Open>::new(), 0);
    // The key read last, and the text that may become one.
    let (mut key, mut text): (String, Option<String>) = (String::new(), None);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let mut end = at + 1;
                while *bytes.get(end)? != b'"' {
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
                text = Some(serde_json::from_str(json.get(at..=end)?).ok()?);
                at = end;
            }
            b':' => key = text.take()?,
            b'{' | b'[' => {
                let under = match open.last() {
                    Some(Open::List(under)) => under.clone(),
                    _ => std::mem::take(&mut key),
                };
                open.push(match bytes[at] {
                    b'{' => Open::Object(Object { under, fields: Vec::new() }),
                    _ => Open::List(under),
                });
            }
            b',' | b'}' | b']' => {
                if let (Some(value), Some(Open::Object(object))) = (text.take(), open.last_mut()) {
                    object.fields.push((std::mem::take(&mut key), value));
                }
                if bytes[at] != b','
                    && let Open::Object(object) = open.pop()?
                {
                    done.push(object);
                }
            }
            _ => {}
        }
        at += 1;
    }
    open.is_empty().then_some(done)
}

fn judge(objects: &[Object], known: &[String]) -> Result<Named, Failed> {
    if let Some(error) = objects.iter().find(|o| !o.get("error_message").is_empty()) {
        let message = error.get("error_message");
        return Err(match message.contains("Only SELECT statements can be serialized") {
            true => refused(
                "only a single SELECT (or EXPLAIN, DESCRIBE, SHOW) may run here: nothing can be changed, and a dynamic PIVOT needs its values listed with IN",
            ),
            false => Failed { why: Why::Sql, message: message.to_owned() },
        });
    }
    // The statements are the objects that hold a `node`.
    let statements = objects.iter().filter(|o| o.under == "node").count();
    let top = objects.iter().filter(|o| o.under == "statements").count();
    if top != 1 || statements == 0 {
        return Err(refused(format!("exactly one statement may run at a time, this is {top}")));
    }
    let ctes: BTreeSet<String> = objects
        .iter()
        .flat_map(|o| [o.get("cte_name"), if o.under == "map" { o.get("key") } else { "" }])
        .filter(|name| !name.is_empty())
        .map(str::to_lowercase)
        .collect();
    let mut named = Named::default();
    for object in objects {
        judge_function(object, &mut named)?;
        let table = object.get("table_name");
        match object.get("type") {
            "BASE_TABLE" => judge_table(object, table, known, &ctes, &mut named)?,
            "SHOW_REF" => {
                named.catalogue = true;
                let plain = table.trim_matches('"').to_lowercase();
                if let Some(name) = known.iter().find(|k| **k == plain) {
                    named.tables.push(name.clone());
                } else if !table.is_empty() && !SHOWN.contains(&plain.as_str()) {
                    return Err(refused(unknown(table, known)));
                }
            }
            _ => {}
        }
    }
    named.tables.sort();
    named.tables.dedup();
    Ok(named)
}

/// What SHOW takes beside the name of a table.
const SHOWN: [&str; 6] = ["tables", "databases", "schemas", "variables", "__show_tables_expanded", "all tables"];

fn judge_function(object: &Object, named: &mut Named) -> Result<(), Failed> {
    let name = object.get("function_name").to_lowercase();
    if name.is_empty() {
        return Ok(());
    }
    if FORBIDDEN.contains(&name.as_str()) {
        return Err(refused(format!("function {name} may not be used here")));
    }
    if object.under == "function" {
        let schema = object.get("schema");
        if !TABLE_FUNCTIONS.contains(&name.as_str()) || !(schema.is_empty() || schema == "main") {
            return Err(refused(format!(
                "table function {name} may not be used here; read the tables by their names (SHOW TABLES)"
            )));
        }
        named.catalogue |= name.starts_with("duckdb_") || name.starts_with("pragma_");
    }
    Ok(())
}

fn judge_table(
    object: &Object,
    table: &str,
    known: &[String],
    ctes: &BTreeSet<String>,
    named: &mut Named,
) -> Result<(), Failed> {
    let schema = object.get("schema_name").to_lowercase();
    let plain = schema.is_empty() && object.get("catalog_name").is_empty();
    if plain && known.iter().any(|known| known == table) {
        // A table as it was has a name that we made.
        named.tables.push(table.to_owned());
        return Ok(());
    }
    let name = table.to_lowercase();
    if plain && known.contains(&name) {
        // A common table expression of that name hides the table; handing it over all the same does no harm.
        named.tables.push(name);
        return Ok(());
    }
    if plain && ctes.contains(&name) {
        return Ok(());
    }
    let catalogue = matches!(schema.as_str(), "information_schema" | "pg_catalog")
        || (matches!(schema.as_str(), "" | "main") && (CATALOGUE.contains(&name.as_str()) || name.starts_with("pg_")));
    if catalogue {
        named.catalogue = true;
        return Ok(());
    }
    let whole = if schema.is_empty() { table.to_owned() } else { format!("{schema}.{table}") };
    Err(refused(unknown(&whole, known)))
}

fn unknown(name: &str, known: &[String]) -> String {
    let name: String = name.chars().take(60).collect();
    format!("there is no table {name:?}; the tables are: {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explain_is_taken_off_whatever_stands_before_it() {
        let cases = [
            ("select 1", "", "select 1"),
            ("EXPLAIN select 1", "EXPLAIN ", " select 1"),
            ("/* a */ -- b\n explain/**/analyze select 1", "EXPLAIN ANALYZE ", " select 1"),
            ("explain(select 1)", "EXPLAIN ", "(select 1)"),
            ("explained", "", "explained"),
            ("explain.x", "", "explain.x"),
            ("-- explain", "", "-- explain"),
        ];
        for (sql, explain, rest) in cases {
            assert_eq!(strip_explain(sql), (explain, rest), "{sql}");
        }
    }

    #[test]
    fn objects_of_a_text_are_found_at_any_depth() {
        let found =
            objects(r#"{"a":[{"type":"X","n":1,"t":"q\"}{"},{"b":{"type":"Y","z":null}}],"c":"last"}"#).unwrap();
        let seen: Vec<_> = found.iter().map(|o| (o.under.as_str(), o.get("type"), o.get("t"), o.get("c"))).collect();
        assert_eq!(seen, [("a", "X", "q\"}{", ""), ("b", "Y", "", ""), ("a", "", "", ""), ("", "", "", "last")]);
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(objects(&deep).unwrap().is_empty());
        assert!(objects("{\"a\":").is_none() && objects("\"").is_none() && objects("}").is_none());
    }
}
