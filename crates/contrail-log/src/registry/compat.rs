//! Whether a schema may follow others: Avro's rules of resolution, in the direction that a level asks for.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use apache_avro::Schema;
use apache_avro::schema::{Alias, Name, RecordField, RecordSchema};

use crate::RegistryError;

/// What the next version of a subject must get along with, as the Confluent registry names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Anything goes.
    None,
    /// The new schema reads what the latest version wrote: readers are upgraded first.
    #[default]
    Backward,
    /// The latest version reads what the new schema writes: writers are upgraded first.
    Forward,
    /// Both.
    Full,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::Forward => "FORWARD",
            Self::Full => "FULL",
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no compatibility level {0:?}: expected NONE, BACKWARD, FORWARD or FULL")]
pub struct BadLevel(String);

impl FromStr for Level {
    type Err = BadLevel;

    fn from_str(text: &str) -> Result<Self, BadLevel> {
        [Self::None, Self::Backward, Self::Forward, Self::Full]
            .into_iter()
            .find(|level| level.to_string() == text)
            .ok_or_else(|| BadLevel(text.into()))
    }
}

/// `schema` without white space, or why it is no Avro schema.
pub(crate) fn normal(schema: &str) -> Result<String, RegistryError> {
    let invalid = |reason: String| RegistryError::Invalid(reason);
    let json: serde_json::Value = serde_json::from_str(schema).map_err(|e| invalid(e.to_string()))?;
    Schema::parse(&json).map_err(|e| invalid(e.to_string()))?;
    Ok(json.to_string())
}

/// Whether `new` may follow `latest`; else why not, naming the field.
pub(crate) fn check(level: Level, latest: &str, new: &str) -> Result<(), String> {
    let backward = || can_read(new, latest).map_err(|e| format!("it could not read what version before wrote: {e}"));
    let forward = || can_read(latest, new).map_err(|e| format!("the version before could not read it: {e}"));
    match level {
        Level::None => Ok(()),
        Level::Backward => backward(),
        Level::Forward => forward(),
        Level::Full => backward().and_then(|()| forward()),
    }
}

/// Whether `reader` reads everything that `writer` writes, by Avro's resolution rules; else what stands against it.
///
/// Stricter than Avro in one thing: two different logical types (milliseconds and microseconds, say) do not match,
/// although the numbers beneath would.
pub(crate) fn can_read(reader: &str, writer: &str) -> Result<(), String> {
    let parse = |text| Schema::parse_str(text).map_err(|e| e.to_string());
    let (reader, writer) = (parse(reader)?, parse(writer)?);
    let mut resolver = Resolver { readers: HashMap::new(), writers: HashMap::new(), under_way: HashSet::new() };
    names(&reader, &mut resolver.readers);
    names(&writer, &mut resolver.writers);
    resolver.resolve(&writer, &reader, &mut Vec::new())
}

type Names<'a> = HashMap<String, &'a Schema>;

struct Resolver<'a> {
    readers: Names<'a>,
    writers: Names<'a>,
    /// Pairs of records that are being compared further up: a schema may contain itself.
    under_way: HashSet<(String, String)>,
}

/// All named types by full name.
fn names<'a>(schema: &'a Schema, into: &mut Names<'a>) {
    match schema {
        Schema::Record(record) => {
            into.insert(record.name.fullname(None), schema);
            record.fields.iter().for_each(|field| names(&field.schema, into));
        }
        Schema::Enum(e) => drop(into.insert(e.name.fullname(None), schema)),
        Schema::Fixed(fixed) => drop(into.insert(fixed.name.fullname(None), schema)),
        Schema::Array(array) => names(&array.items, into),
        Schema::Map(map) => names(&map.types, into),
        Schema::Union(union) => union.variants().iter().for_each(|branch| names(branch, into)),
        _ => {}
    }
}

impl<'a> Resolver<'a> {
    fn resolve(&mut self, writer: &'a Schema, reader: &'a Schema, path: &mut Vec<&'a str>) -> Result<(), String> {
        let writer = follow(writer, &self.writers);
        let reader = follow(reader, &self.readers);
        match (writer, reader) {
            (Schema::Union(writers), _) => {
                writers.variants().iter().try_for_each(|branch| self.resolve(branch, reader, path))
            }
            (_, Schema::Union(readers)) => {
                let depth = path.len();
                for branch in readers.variants() {
                    if self.resolve(writer, branch, path).is_ok() {
                        return Ok(());
                    }
                    path.truncate(depth);
                }
                // One that only differs within says more than that there is none.
                let same = readers.variants().iter().find(|branch| kind(follow(branch, &self.readers)) == kind(writer));
                match same {
                    Some(branch) => self.resolve(writer, branch, path),
                    _ => Err(clash(path, writer, reader)),
                }
            }
            (Schema::Array(w), Schema::Array(r)) => self.resolve(&w.items, &r.items, path),
            (Schema::Map(w), Schema::Map(r)) => self.resolve(&w.types, &r.types, path),
            (Schema::Record(w), Schema::Record(r)) => {
                same_name(path, &w.name, &r.name, r.aliases.as_ref())?;
                let pair = (w.name.fullname(None), r.name.fullname(None));
                if !self.under_way.insert(pair.clone()) {
                    return Ok(());
                }
                let fields = r.fields.iter().try_for_each(|field| self.field(w, field, path));
                self.under_way.remove(&pair);
                fields
            }
            (Schema::Enum(w), Schema::Enum(r)) => {
                same_name(path, &w.name, &r.name, r.aliases.as_ref())?;
                let missing = w.symbols.iter().find(|symbol| !r.symbols.contains(symbol));
                match missing {
                    Some(symbol) if r.default.is_none() => Err(format!("{}lacks the symbol {symbol}", at(path))),
                    _ => Ok(()),
                }
            }
            (Schema::Fixed(w), Schema::Fixed(r)) => {
                same_name(path, &w.name, &r.name, r.aliases.as_ref())?;
                if w.size == r.size { Ok(()) } else { Err(clash(path, writer, reader)) }
            }
            (Schema::Decimal(w), Schema::Decimal(r)) => {
                if (w.precision, w.scale) != (r.precision, r.scale) {
                    return Err(clash(path, writer, reader));
                }
                self.resolve(&w.inner, &r.inner, path)
            }
            _ if promotes(writer, reader) => Ok(()),
            _ => Err(clash(path, writer, reader)),
        }
    }

    fn field(
        &mut self,
        writer: &'a RecordSchema,
        field: &'a RecordField,
        path: &mut Vec<&'a str>,
    ) -> Result<(), String> {
        path.push(&field.name);
        let names = std::iter::once(&field.name).chain(field.aliases.iter().flatten());
        let written = names.into_iter().find_map(|name| writer.fields.iter().find(|f| f.name == *name));
        match written {
            Some(written) => self.resolve(&written.schema, &field.schema, path)?,
            None if field.default.is_some() => {}
            None => return Err(format!("{}is not written and has no default", at(path))),
        }
        path.pop();
        Ok(())
    }
}

fn follow<'a>(schema: &'a Schema, names: &Names<'a>) -> &'a Schema {
    match schema {
        Schema::Ref { name } => names.get(&name.fullname(None)).copied().unwrap_or(schema),
        other => other,
    }
}

/// Unqualified names must match, or one of the reader's aliases.
fn same_name(path: &[&str], writer: &Name, reader: &Name, aliases: Option<&Vec<Alias>>) -> Result<(), String> {
    if writer.name == reader.name || aliases.into_iter().flatten().any(|alias| alias.name() == writer.name) {
        return Ok(());
    }
    Err(format!("{}is named {} by the writer and {} by the reader", at(path), writer.name, reader.name))
}

/// Whether a value of one plain type is read as another without loss of meaning.
fn promotes(writer: &Schema, reader: &Schema) -> bool {
    let (w, r) = (kind(writer), kind(reader));
    let logical = |schema: &Schema, kind: &str| name(schema) != kind;
    if w == r {
        // A logical type may be added or taken away, not exchanged.
        return name(writer) == name(reader) || !(logical(writer, w) && logical(reader, r));
    }
    let widened: &[&str] = match w {
        "int" => &["long", "float", "double"],
        "long" => &["float", "double"],
        "float" => &["double"],
        "string" => &["bytes"],
        "bytes" => &["string"],
        _ => &[],
    };
    widened.contains(&r) && !logical(writer, w) && !logical(reader, r)
}

/// The type as it stands in bytes.
fn kind(schema: &Schema) -> &'static str {
    match schema {
        Schema::Date | Schema::TimeMillis => "int",
        Schema::TimeMicros
        | Schema::TimestampMillis
        | Schema::TimestampMicros
        | Schema::TimestampNanos
        | Schema::LocalTimestampMillis
        | Schema::LocalTimestampMicros
        | Schema::LocalTimestampNanos => "long",
        Schema::Uuid => "string",
        Schema::BigDecimal => "bytes",
        other => name(other),
    }
}

fn name(schema: &Schema) -> &'static str {
    match schema {
        Schema::Null => "null",
        Schema::Boolean => "boolean",
        Schema::Int => "int",
        Schema::Long => "long",
        Schema::Float => "float",
        Schema::Double => "double",
        Schema::Bytes => "bytes",
        Schema::String => "string",
        Schema::Array(_) => "array",
        Schema::Map(_) => "map",
        Schema::Union(_) => "union",
        Schema::Record(_) => "record",
        Schema::Enum(_) => "enum",
        Schema::Fixed(_) => "fixed",
        Schema::Decimal(_) => "decimal",
        Schema::BigDecimal => "big-decimal",
        Schema::Uuid => "uuid",
        Schema::Date => "date",
        Schema::TimeMillis => "time-millis",
        Schema::TimeMicros => "time-micros",
        Schema::TimestampMillis => "timestamp-millis",
        Schema::TimestampMicros => "timestamp-micros",
        Schema::TimestampNanos => "timestamp-nanos",
        Schema::LocalTimestampMillis => "local-timestamp-millis",
        Schema::LocalTimestampMicros => "local-timestamp-micros",
        Schema::LocalTimestampNanos => "local-timestamp-nanos",
        Schema::Duration => "duration",
        Schema::Ref { .. } => "reference",
    }
}

fn at(path: &[&str]) -> String {
    if path.is_empty() { String::new() } else { format!("field {} ", path.join(".")) }
}

fn clash(path: &[&str], writer: &Schema, reader: &Schema) -> String {
    fn text(schema: &Schema) -> String {
        match schema {
            Schema::Union(union) => format!("[{}]", union.variants().iter().map(name).collect::<Vec<_>>().join(", ")),
            other => name(other).to_owned(),
        }
    }
    format!("{}is written as {} and read as {}", at(path), text(writer), text(reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &str) -> String {
        format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)
    }

    #[test]
    fn resolution_follows_avro_and_names_the_field() {
        let text = r#"{"name":"a","type":"string"}"#;
        let maybe = r#"{"name":"a","type":["null","string"],"default":null}"#;
        let long = r#"{"name":"a","type":"long"}"#;
        let int = r#"{"name":"a","type":"int"}"#;
        let millis = r#"{"name":"a","type":{"type":"long","logicalType":"timestamp-millis"}}"#;
        let micros = r#"{"name":"a","type":["null",{"type":"long","logicalType":"timestamp-micros"}]}"#;
        let list = |items: &str| format!(r#"{{"name":"a","type":{{"type":"array","items":{items}}}}}"#);
        let inner = |fields: &str| {
            format!(r#"{{"name":"a","type":["null",{{"type":"record","name":"I","fields":[{fields}]}}]}}"#)
        };
        let renamed = r#"{"name":"b","aliases":["a"],"type":"string"}"#;
        for (writer, reader, expected) in [
            (text, text, Ok(())),
            (text, maybe, Ok(())),
            (maybe, text, Err("field a is written as null and read as string")),
            (int, long, Ok(())),
            (long, int, Err("field a is written as long and read as int")),
            (long, micros, Ok(())),
            (millis, micros, Err("field a is written as timestamp-millis and read as timestamp-micros")),
            ("", maybe, Ok(())),
            ("", text, Err("field a is not written and has no default")),
            (text, "", Ok(())),
            (&list("\"int\""), &list("[\"null\",\"long\"]"), Ok(())),
            (&list("\"int\""), &list("\"string\""), Err("field a is written as int and read as string")),
            (&inner(int), &inner(text), Err("field a.a is written as int and read as string")),
            (text, renamed, Ok(())),
            (renamed, text, Err("field a is not written and has no default")),
        ] {
            let found = can_read(&record(reader), &record(writer));
            assert_eq!(found.as_ref().map_err(String::as_str).copied(), expected, "{writer} -> {reader}");
        }
    }

    #[test]
    fn named_types_enums_and_recursion() {
        let node = |fields: &str| {
            format!(r#"{{"type":"record","name":"N","fields":[{{"name":"next","type":["null","N"]}}{fields}]}}"#)
        };
        assert_eq!(can_read(&node(""), &node("")), Ok(()));
        let more = node(r#",{"name":"x","type":"int"}"#);
        assert_eq!(can_read(&node(""), &more), Ok(()));
        assert_eq!(can_read(&more, &node("")), Err("field x is not written and has no default".into()));
        let e = |symbols: &str| format!(r#"{{"type":"enum","name":"E","symbols":[{symbols}]}}"#);
        assert_eq!(can_read(&e(r#""A""#), &e(r#""A","B""#)), Err("lacks the symbol B".into()));
        assert_eq!(can_read(&e(r#""A","B""#), &e(r#""A""#)), Ok(()));
        let f = |name: &str| format!(r#"{{"type":"fixed","name":"{name}","size":4}}"#);
        assert_eq!(can_read(&f("F"), &f("G")), Err("is named G by the writer and F by the reader".into()));
    }

    #[test]
    fn levels_ask_in_their_direction() {
        let old = record(r#"{"name":"a","type":"int"}"#);
        let wider = record(r#"{"name":"a","type":"long"}"#);
        for (level, up, down) in [
            (Level::None, true, true),
            (Level::Backward, true, false),
            (Level::Forward, false, true),
            (Level::Full, false, false),
        ] {
            assert_eq!(check(level, &old, &wider).is_ok(), up, "{level}");
            assert_eq!(check(level, &wider, &old).is_ok(), down, "{level}");
        }
    }
}
