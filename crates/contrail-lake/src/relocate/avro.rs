//! Manifests and manifest lists with other paths: every field, number and schema stays as its writer left it.

use std::collections::HashMap;

use apache_avro::types::Value;
use apache_avro::{Error, Reader, Writer};

/// A manifest with the path of each data file mapped.
pub(super) fn manifest(bytes: &[u8], map: impl Fn(&str) -> String) -> Result<Vec<u8>, Error> {
    rewrite(bytes, |entry| {
        if let Some(Value::Record(file)) = field(entry, "data_file")
            && let Some(Value::String(path)) = field(file, "file_path")
        {
            *path = map(path);
        }
    })
}

/// A manifest list with each manifest that `moved` knows under its new path, with its new length; the others mapped.
pub(super) fn list(
    bytes: &[u8],
    moved: &HashMap<String, (String, usize)>,
    map: impl Fn(&str) -> String,
) -> Result<Vec<u8>, Error> {
    rewrite(bytes, |manifest| {
        let Some(Value::String(path)) = field(manifest, "manifest_path") else { return };
        match moved.get(path.as_str()) {
            None => *path = map(path),
            Some((to, length)) => {
                to.clone_into(path);
                if let Some(Value::Long(old)) = field(manifest, "manifest_length") {
                    *old = *length as i64;
                }
            }
        }
    })
}

type Fields = Vec<(String, Value)>;

fn rewrite(bytes: &[u8], edit: impl Fn(&mut Fields)) -> Result<Vec<u8>, Error> {
    let reader = Reader::new(bytes)?;
    let (schema, notes) = (reader.writer_schema().clone(), reader.user_metadata().clone());
    let mut writer = Writer::new(&schema, Vec::new());
    for (key, note) in notes {
        writer.add_user_metadata(key, note)?;
    }
    for value in reader {
        let mut value = value?;
        if let Value::Record(fields) = &mut value {
            edit(fields);
        }
        writer.append(value)?;
    }
    writer.into_inner()
}

/// A field's value, out of its union where it is optional.
fn field<'a>(fields: &'a mut Fields, name: &str) -> Option<&'a mut Value> {
    match fields.iter_mut().find(|(key, _)| key == name).map(|(_, value)| value)? {
        Value::Union(_, value) => Some(value),
        value => Some(value),
    }
}
