//! Reads one model file: TOML in the leading `--` comment lines, then one SQL statement.

use std::path::Path;

use arrow::datatypes::{DataType, Field};
use contrail_types::{Column, TableDef, Transform};
use serde::Deserialize;

use super::{Check, ColumnNote, Kind, Model, Op, ProjectError, Severity, WinnerRule};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    description: String,
    owner: String,
    kind: Kind,
    inputs: Vec<String>,
    grain: String,
    /// `hour(column)` or `day(column)`.
    partition: Option<String>,
    /// `hour` or `day`; without it, the partition's.
    span: Option<String>,
    span_column: Option<String>,
    #[serde(default)]
    sort: Vec<String>,
    #[serde(default)]
    bounds: Vec<String>,
    #[serde(default)]
    winner: Vec<String>,
    columns: Vec<HeaderColumn>,
    #[serde(default)]
    checks: Vec<HeaderCheck>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderColumn {
    name: toml::Spanned<String>,
    #[serde(rename = "type")]
    kind: toml::Spanned<String>,
    #[serde(default)]
    null: bool,
    #[serde(default)]
    key: bool,
    fold: Option<Op>,
    unit: Option<String>,
    doc: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderCheck {
    name: String,
    #[serde(default)]
    severity: Severity,
    sql: String,
}

/// Where in which file something is wrong.
struct Place<'a> {
    file: &'a Path,
    header: &'a str,
}

impl Place<'_> {
    fn fail(&self, line: usize, message: impl Into<String>) -> ProjectError {
        ProjectError::Header { file: self.file.display().to_string(), line, message: message.into() }
    }

    /// The line of a place in the header's text; header and file begin together.
    fn line(&self, offset: usize) -> usize {
        self.header[..offset.min(self.header.len())].matches('\n').count() + 1
    }
}

/// Turns the text of `models/<layer>/<name>.sql` into a model; `hash` is left empty.
pub(super) fn parse(file: &Path, text: &str) -> Result<Model, ProjectError> {
    let (toml_text, sql, sql_line) = split(text);
    let place = Place { file, header: &toml_text };
    if toml_text.trim().is_empty() {
        let how = "start the file with `-- description = \"…\"` and the other keys, as models/clean/states.sql does";
        return Err(place.fail(1, format!("no header: {how}")));
    }
    let header: Header = toml::from_str(&toml_text)
        .map_err(|e| place.fail(e.span().map_or(1, |s| place.line(s.start)), format!("header: {}", e.message())))?;
    let sql = sql.trim().trim_end_matches(';').trim().to_owned();
    if sql.is_empty() {
        return Err(place.fail(sql_line, "no statement after the header: add a SELECT"));
    }
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let layer = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let (columns, notes) = columns(&header, &place)?;
    let partition = partition(&header, &place)?;
    let span = match header.span.as_deref() {
        None => partition.as_ref().map_or(Transform::Hour, |p| p.1),
        Some("hour") => Transform::Hour,
        Some("day") => Transform::Day,
        Some(other) => return Err(place.fail(1, format!("span {other:?}: write `hour` or `day`"))),
    };
    let span_column = header.span_column.clone().or_else(|| partition.as_ref().map(|p| p.0.clone()));
    let named = header.sort.iter().chain(&header.bounds).chain(&header.winner).chain(&span_column);
    if let Some(stranger) = named.chain(partition.iter().map(|p| &p.0)).find(|n| columns.iter().all(|c| c.name != **n))
    {
        let keys = "sort, bounds, winner, span_column and partition";
        return Err(place.fail(1, format!("{stranger:?} is not among `columns`: correct {keys}")));
    }
    let winner = winner(&header, &place)?;
    let checks = header.checks.into_iter().map(|c| Check { name: c.name, severity: c.severity, sql: c.sql }).collect();
    Ok(Model {
        def: TableDef {
            name: name.clone(),
            doc: header.description,
            columns,
            partition,
            sort: header.sort,
            bounds: header.bounds,
            ids: Vec::new(),
            gained: Vec::new(),
        },
        name,
        layer,
        kind: header.kind,
        owner: header.owner,
        grain: header.grain,
        inputs: header.inputs,
        notes,
        span,
        span_column,
        winner,
        checks,
        sql,
        hash: String::new(),
        file: file.into(),
    })
}

fn columns(header: &Header, place: &Place) -> Result<(Vec<Column>, Vec<ColumnNote>), ProjectError> {
    let (mut columns, mut notes) = (Vec::<Column>::new(), Vec::new());
    let fold = header.kind == Kind::Fold;
    for column in &header.columns {
        let (at, name) = (place.line(column.name.span().start), column.name.get_ref());
        let data_type = data_type(column.kind.get_ref()).ok_or_else(|| {
            let known = "text, boolean, integer, bigint, double, timestamp, integer[]";
            place.fail(at, format!("type {:?} of column {name} is none of {known}", column.kind.get_ref()))
        })?;
        if columns.iter().any(|c| c.name == *name) {
            return Err(place.fail(at, format!("column {name} is there twice: take one away")));
        }
        let op = if column.key { Some(Op::Key) } else { column.fold };
        if fold && op.is_none() {
            let message = "needs `key = true` or `fold =` count, sum, min or max";
            return Err(place.fail(at, format!("column {name} of a fold {message}")));
        }
        if let Some(reason) = fold.then(|| unfit(op, &data_type, column.null)).flatten() {
            return Err(place.fail(at, format!("column {name}: {reason}")));
        }
        let doc = match &column.unit {
            Some(unit) => format!("{} [{unit}]", column.doc),
            None => column.doc.clone(),
        };
        columns.push(Column::new(name, data_type, column.null, &doc));
        notes.push(ColumnNote { unit: column.unit.clone(), op: fold.then_some(op).flatten() });
    }
    Ok((columns, notes))
}

fn partition(header: &Header, place: &Place) -> Result<Option<(String, Transform)>, ProjectError> {
    match header.partition.as_deref() {
        None if header.kind == Kind::View => Ok(None),
        None => Err(place.fail(1, "a table needs `partition`: write `hour(column)` or `day(column)`")),
        Some(text) => transform(text)
            .map(Some)
            .ok_or_else(|| place.fail(1, format!("partition {text:?}: write `hour(column)` or `day(column)`"))),
    }
}

fn winner(header: &Header, place: &Place) -> Result<Option<WinnerRule>, ProjectError> {
    let key: Vec<String> = header.columns.iter().filter(|c| c.key).map(|c| c.name.get_ref().clone()).collect();
    match header.kind {
        Kind::Append if key.is_empty() || header.winner.is_empty() => {
            let message = "an append model needs key columns (`key = true`) and `winner = [order columns]`";
            Err(place.fail(1, message))
        }
        Kind::Append => Ok(Some(WinnerRule { key, order: header.winner.clone() })),
        _ => Ok(None),
    }
}

/// Header text (comment marks replaced, so that lines keep their numbers), statement, and the line it starts on.
fn split(text: &str) -> (String, &str, usize) {
    let (mut header, mut rest, mut line) = (String::new(), text, 1);
    while let Some(comment) = rest.strip_prefix("--") {
        let (content, tail) = comment.split_once('\n').unwrap_or((comment, ""));
        header.push_str(content.trim_end_matches('\r'));
        header.push('\n');
        (rest, line) = (tail, line + 1);
    }
    (header, rest, line)
}

/// Why a fold's column cannot have this operation.
fn unfit(op: Option<Op>, data_type: &DataType, null: bool) -> Option<&'static str> {
    match (op?, data_type) {
        (Op::Key | Op::Count | Op::Sum, _) if null => Some("a key, count or sum is never null: take `null` away"),
        (Op::Key, DataType::Float64 | DataType::Boolean | DataType::List(_)) => {
            Some("a key is a text, a whole number or an instant")
        }
        (Op::Count | Op::Sum, DataType::Int32 | DataType::Int64) => None,
        (Op::Count | Op::Sum, _) => {
            Some("counts and sums are integer or bigint, so that no order of rows changes them")
        }
        (Op::Min | Op::Max, DataType::Boolean | DataType::List(_)) => {
            Some("min and max need a text, a number or an instant")
        }
        _ => None,
    }
}

fn transform(text: &str) -> Option<(String, Transform)> {
    let (name, rest) = text.split_once('(')?;
    let column = rest.strip_suffix(')')?.trim().to_owned();
    let transform = match name.trim() {
        "hour" => Transform::Hour,
        "day" => Transform::Day,
        _ => return None,
    };
    Some((column, transform))
}

fn data_type(name: &str) -> Option<DataType> {
    Some(match name {
        "text" => DataType::Utf8,
        "boolean" => DataType::Boolean,
        "integer" => DataType::Int32,
        "bigint" => DataType::Int64,
        "double" => DataType::Float64,
        "timestamp" => contrail_types::time::timestamp(),
        "integer[]" => DataType::List(std::sync::Arc::new(Field::new("element", DataType::Int32, true))),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "-- description = \"d\"\n-- owner = \"o\"\n-- kind = \"fold\"\n-- inputs = [\"states\"]\n-- grain = \"g\"\n\
        -- partition = \"day(hour)\"\n-- span = \"hour\"\n-- sort = [\"hour\"]\n-- columns = [\n\
        --   { name = \"hour\", type = \"timestamp\", key = true, doc = \"The hour\" },\n\
        --   { name = \"n\", type = \"bigint\", fold = \"count\", unit = \"1\", doc = \"How many\" },\n-- ]\nSELECT 1;\n";

    fn message(text: &str) -> String {
        parse(Path::new("models/fold/x.sql"), text).unwrap_err().to_string()
    }

    #[test]
    fn a_good_header_says_everything() {
        let model = parse(Path::new("models/fold/x.sql"), GOOD).unwrap();
        assert_eq!((model.name.as_str(), model.layer.as_str(), model.kind), ("x", "fold", Kind::Fold));
        assert_eq!(model.def.partition, Some(("hour".into(), Transform::Day)));
        assert_eq!((model.span, model.span_column.as_deref()), (Transform::Hour, Some("hour")));
        assert_eq!(model.notes[1].op, Some(Op::Count));
        assert_eq!(model.def.columns[1].doc, "How many [1]");
        assert_eq!(model.sql, "SELECT 1");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let cases = [
            (GOOD.replace("bigint", "int8"), "models/fold/x.sql:11:", "none of text"),
            (GOOD.replace("\"n\"", "\"hour\""), "models/fold/x.sql:11:", "twice"),
            (GOOD.replace(", fold = \"count\"", ""), "models/fold/x.sql:11:", "needs `key = true` or `fold =`"),
            (GOOD.replace("bigint", "double"), "models/fold/x.sql:11:", "integer or bigint"),
            (GOOD.replace("key = true", "key = true, null = true"), "models/fold/x.sql:10:", "never null"),
            (GOOD.replace("owner", "ownr"), "models/fold/x.sql:2:", "unknown field `ownr`"),
            (GOOD.replace("day(hour)", "week(hour)"), "models/fold/x.sql:1:", "write `hour(column)`"),
            (GOOD.replace("sort = [\"hour\"]", "sort = [\"h\"]"), "models/fold/x.sql:1:", "\"h\""),
            (GOOD.replace("SELECT 1;", ""), "models/fold/x.sql:13:", "no statement"),
            ("SELECT 1".into(), "models/fold/x.sql:1:", "no header"),
        ];
        for (text, place, part) in cases {
            let message = message(&text);
            assert!(message.starts_with(place) && message.contains(part), "{message}");
        }
    }
}
