//! Whether one schema reads what another wrote: Avro's rules of resolution, with everything that stands against it.

use std::collections::{HashMap, HashSet};
use std::panic::catch_unwind;

use apache_avro::Schema;
use apache_avro::schema::{Alias, Name, RecordField, RecordSchema};

use super::Level;
use crate::RegistryError;

#[cfg(test)]
mod tests;

/// More than this many are not looked for.
const MOST_CLASHES: usize = 100;
/// Records in records deeper than this are not compared: only a hostile schema has them.
const DEEPEST: usize = 200;

/// Something in one schema that another cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// Names of fields from the root, joined by dots; empty for the schema itself.
    pub path: String,
    /// Its type in the schema that writes; none where that lacks it.
    pub written_as: Option<String>,
    /// Its type in the schema that reads.
    pub read_as: Option<String>,
    /// What is wrong, as the rest of a sentence about the field.
    pub what: String,
    /// Whether it is the new schema that cannot read what the old one wrote, or else the old one.
    pub new_reads: bool,
}

impl Clash {
    /// The clash as a sentence that names the field.
    pub fn sentence(&self) -> String {
        match self.path.as_str() {
            "" => self.what.clone(),
            path => format!("field {path} {}", self.what),
        }
    }
}

/// `schema` without white space, or why it is no Avro schema.
pub fn normal(schema: &str) -> Result<String, RegistryError> {
    let json: serde_json::Value = serde_json::from_str(schema).map_err(|e| RegistryError::Invalid(e.to_string()))?;
    let text = json.to_string();
    parse(&text).map_err(RegistryError::Invalid)?;
    Ok(text)
}

fn parse(schema: &str) -> Result<Schema, String> {
    // A schema comes from strangers; a parser that fails on it must not take the process down.
    match catch_unwind(|| Schema::parse_str(schema)) {
        Ok(parsed) => parsed.map_err(|e| e.to_string()),
        Err(_) => Err("its parser cannot cope with it".into()),
    }
}

/// Everything that keeps `new` from following `old` under `level`.
pub fn clashes(level: Level, old: &str, new: &str) -> Vec<Clash> {
    let mut all = Vec::new();
    for (asked, reader, writer, new_reads) in [(level.backward(), new, old, true), (level.forward(), old, new, false)] {
        if asked {
            let found = unreadable(reader, writer);
            all.extend(found.into_iter().map(|clash| Clash { new_reads, ..clash }));
        }
    }
    all
}

/// Whether `reader` reads everything that `writer` writes; else the first thing that stands against it.
pub(crate) fn can_read(reader: &str, writer: &str) -> Result<(), String> {
    unreadable(reader, writer).first().map_or(Ok(()), |clash| Err(clash.sentence()))
}

/// What `reader` cannot read of what `writer` writes, by Avro's resolution rules.
///
/// Stricter than Avro in one thing: two different logical types (milliseconds and microseconds, say) do not match,
/// although the numbers beneath would.
pub(crate) fn unreadable(reader: &str, writer: &str) -> Vec<Clash> {
    let (reader, writer) = match (parse(reader), parse(writer)) {
        (Ok(reader), Ok(writer)) => (reader, writer),
        (Err(what), _) | (_, Err(what)) => {
            let what = format!("the schema cannot be compared: {what}");
            return vec![Clash { path: String::new(), written_as: None, read_as: None, what, new_reads: true }];
        }
    };
    let mut resolver = Resolver::default();
    names(&reader, &mut resolver.readers);
    names(&writer, &mut resolver.writers);
    resolver.resolve(&writer, &reader, &mut Vec::new());
    resolver.found
}

/// The fields of a record; none of anything else.
pub(crate) fn fields(schema: &str) -> Vec<RecordField> {
    match parse(schema) {
        Ok(Schema::Record(record)) => record.fields,
        _ => Vec::new(),
    }
}

type Names<'a> = HashMap<String, &'a Schema>;
type Pair = (String, String);

/// Compares a writer's and a reader's schema. Each pair of records is decided once, else schemas that use a type many
/// times over would take for ever.
#[derive(Default)]
struct Resolver<'a> {
    readers: Names<'a>,
    writers: Names<'a>,
    found: Vec<Clash>,
    /// While above zero, a branch of a union is being tried and nothing is written down.
    quiet: u32,
    /// Pairs that fit, or are being compared further up (a schema may contain itself), in order of their begin. When
    /// one turns out not to, all after it were judged on a wrong assumption and are forgotten.
    fits: Vec<Pair>,
    fits_set: HashSet<Pair>,
    /// Pairs that do not.
    clash: HashSet<Pair>,
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
    /// Adds what clashes to `found`; whether nothing did.
    fn resolve(&mut self, writer: &'a Schema, reader: &'a Schema, path: &mut Vec<&'a str>) -> bool {
        let (writer, reader) = (follow(writer, &self.writers), follow(reader, &self.readers));
        if path.len() > DEEPEST {
            return self.clash(path, writer, reader, "is nested too deeply to be compared");
        }
        match (writer, reader) {
            (Schema::Union(writers), _) => {
                let clashes = writers.variants().iter().filter(|branch| !self.resolve(branch, reader, path));
                clashes.count() == 0
            }
            (_, Schema::Union(readers)) => {
                if readers.variants().iter().any(|branch| self.would_fit(writer, branch, path)) {
                    return true;
                }
                // One that only differs within says more than that there is none.
                let same = readers.variants().iter().find(|branch| kind(follow(branch, &self.readers)) == kind(writer));
                // So does the one that is not null.
                let mut values = readers.variants().iter().filter(|branch| !matches!(branch, Schema::Null));
                let only = values.next().filter(|_| values.next().is_none() && !matches!(writer, Schema::Null));
                match same.or(only) {
                    Some(branch) => self.resolve(writer, branch, path),
                    _ => self.types(path, writer, reader),
                }
            }
            (Schema::Array(w), Schema::Array(r)) => self.resolve(&w.items, &r.items, path),
            (Schema::Map(w), Schema::Map(r)) => self.resolve(&w.types, &r.types, path),
            (Schema::Record(w), Schema::Record(r)) => {
                self.same_name(path, writer, reader, [&w.name, &r.name], r.aliases.as_ref()) && self.records(w, r, path)
            }
            (Schema::Enum(w), Schema::Enum(r)) => {
                if !self.same_name(path, writer, reader, [&w.name, &r.name], r.aliases.as_ref()) {
                    return false;
                }
                let missing: Vec<&str> =
                    w.symbols.iter().filter(|symbol| !r.symbols.contains(symbol)).map(String::as_str).collect();
                match missing[..] {
                    [] => true,
                    _ if r.default.is_some() => true,
                    [one] => self.clash(path, writer, reader, format!("lacks the symbol {one}")),
                    _ => self.clash(path, writer, reader, format!("lacks the symbols {}", missing.join(", "))),
                }
            }
            (Schema::Fixed(w), Schema::Fixed(r)) => {
                self.same_name(path, writer, reader, [&w.name, &r.name], r.aliases.as_ref())
                    && (w.size == r.size || self.types(path, writer, reader))
            }
            (Schema::Decimal(w), Schema::Decimal(r)) => match (w.precision, w.scale) == (r.precision, r.scale) {
                true => self.resolve(&w.inner, &r.inner, path),
                false => self.types(path, writer, reader),
            },
            _ => promotes(writer, reader) || self.types(path, writer, reader),
        }
    }

    fn records(&mut self, w: &'a RecordSchema, r: &'a RecordSchema, path: &mut Vec<&'a str>) -> bool {
        let pair = (w.name.fullname(None), r.name.fullname(None));
        if self.fits_set.contains(&pair) {
            return true;
        }
        if self.quiet > 0 && self.clash.contains(&pair) {
            return false;
        }
        let begun = self.fits.len();
        self.fits.push(pair.clone());
        self.fits_set.insert(pair.clone());
        let fits = r.fields.iter().filter(|field| !self.field(w, field, path)).count() == 0;
        if !fits {
            for forgotten in self.fits.drain(begun..) {
                self.fits_set.remove(&forgotten);
            }
            self.clash.insert(pair);
        }
        fits
    }

    /// [`Self::resolve`] without a word about it.
    fn would_fit(&mut self, writer: &'a Schema, reader: &'a Schema, path: &mut Vec<&'a str>) -> bool {
        self.quiet += 1;
        let fits = self.resolve(writer, reader, path);
        self.quiet -= 1;
        fits
    }

    fn field(&mut self, writer: &'a RecordSchema, field: &'a RecordField, path: &mut Vec<&'a str>) -> bool {
        path.push(&field.name);
        let names = std::iter::once(&field.name).chain(field.aliases.iter().flatten());
        let written = names.into_iter().find_map(|name| writer.fields.iter().find(|f| f.name == *name));
        let fits = match written {
            _ if self.quiet == 0 && self.found.len() >= MOST_CLASHES => false,
            Some(written) => self.resolve(&written.schema, &field.schema, path),
            None if field.default.is_some() => true,
            None => {
                let read_as = Some(text(&field.schema));
                self.add(path, None, read_as, "is not written and has no default".into())
            }
        };
        path.pop();
        fits
    }

    /// Unqualified names must match, or one of the reader's aliases.
    fn same_name(
        &mut self,
        path: &[&str],
        writer: &Schema,
        reader: &Schema,
        [w, r]: [&Name; 2],
        aliases: Option<&Vec<Alias>>,
    ) -> bool {
        w.name == r.name
            || aliases.into_iter().flatten().any(|alias| alias.name() == w.name)
            || self.clash(
                path,
                writer,
                reader,
                format!("is named {} by the writer and {} by the reader", w.name, r.name),
            )
    }

    fn types(&mut self, path: &[&str], writer: &Schema, reader: &Schema) -> bool {
        let what = format!("is written as {} and read as {}", text(writer), text(reader));
        self.clash(path, writer, reader, what)
    }

    fn clash(&mut self, path: &[&str], writer: &Schema, reader: &Schema, what: impl Into<String>) -> bool {
        self.add(path, Some(text(writer)), Some(text(reader)), what.into())
    }

    /// Always false, as what it tells.
    fn add(&mut self, path: &[&str], written_as: Option<String>, read_as: Option<String>, what: String) -> bool {
        if self.quiet == 0 && self.found.len() < MOST_CLASHES {
            let clash = Clash { path: path.join("."), written_as, read_as, what, new_reads: true };
            if !self.found.contains(&clash) {
                self.found.push(clash);
            }
        }
        false
    }
}

fn follow<'a>(schema: &'a Schema, names: &Names<'a>) -> &'a Schema {
    match schema {
        Schema::Ref { name } => names.get(&name.fullname(None)).copied().unwrap_or(schema),
        other => other,
    }
}

/// Whether a value of one plain type is read as another without loss of meaning.
pub(crate) fn promotes(writer: &Schema, reader: &Schema) -> bool {
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

pub(crate) fn name(schema: &Schema) -> &'static str {
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

pub(crate) fn text(schema: &Schema) -> String {
    match schema {
        Schema::Union(union) => format!("[{}]", union.variants().iter().map(name).collect::<Vec<_>>().join(", ")),
        Schema::Ref { name } => name.name.clone(),
        other => name(other).to_owned(),
    }
}
