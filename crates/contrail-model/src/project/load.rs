//! Finds model files, checks how they hang together, orders and hashes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contrail_types::state;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::{Model, Project, ProjectError, header};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../models"]
pub(crate) struct Files;

/// Tables that models may read and that no model makes.
const RAW: [&str; 2] = [state::STATES_RAW, state::DEAD_LETTERS];

pub(super) fn embedded() -> Project {
    let files = Files::iter().filter(|path| path.ends_with(".sql")).map(|path| {
        let data = Files::get(&path).map(|f| f.data.into_owned()).unwrap_or_default();
        (PathBuf::from("models").join(&*path), String::from_utf8_lossy(&data).into_owned())
    });
    // The embedded models are part of the program: a test proves that they load.
    assemble(files.collect()).unwrap_or_else(|e| panic!("embedded models: {e}"))
}

pub(super) fn folder(folder: &Path) -> Result<Project, ProjectError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| ProjectError::Io { path, source }
    };
    let mut files = Vec::new();
    for layer in std::fs::read_dir(folder).map_err(io(folder))? {
        let layer = layer.map_err(io(folder))?.path();
        if !layer.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&layer).map_err(io(&layer))? {
            let file = file.map_err(io(&layer))?.path();
            if file.extension().is_some_and(|e| e == "sql") {
                let text = std::fs::read_to_string(&file).map_err(io(&file))?;
                files.push((file, text));
            }
        }
    }
    assemble(files)
}

fn assemble(files: Vec<(PathBuf, String)>) -> Result<Project, ProjectError> {
    let mut waiting: BTreeMap<String, Model> = BTreeMap::new();
    for (path, text) in files {
        let mut model = header::parse(&path, &text)?;
        model.hash = hash(&model);
        if let Some(other) = waiting.insert(model.name.clone(), model) {
            return Err(ProjectError::Twice(other.file.display().to_string(), path.display().to_string()));
        }
    }
    for model in waiting.values() {
        for input in &model.inputs {
            if !waiting.contains_key(input) && !RAW.contains(&input.as_str()) {
                let known: Vec<&str> = RAW.into_iter().chain(waiting.keys().map(String::as_str)).collect();
                let (file, known) = (model.file.display().to_string(), known.join(", "));
                return Err(ProjectError::UnknownInput { file, input: input.clone(), known });
            }
        }
    }
    let mut models: Vec<Model> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        // Names decide among models that are ready, so the order is the same on every machine.
        let ready = |m: &Model| m.inputs.iter().all(|i| !waiting.contains_key(i));
        match waiting.values().find(|m| ready(m)).map(|m| m.name.clone()) {
            Some(name) => models.extend(waiting.remove(&name)),
            None => return Err(ProjectError::Cycle(circle(&waiting))),
        }
    }
    Ok(Project { models })
}

/// Follows inputs until a name comes back, and names that circle.
fn circle(waiting: &BTreeMap<String, Model>) -> String {
    let mut path: Vec<&str> = Vec::new();
    let mut next = waiting.keys().next().map(String::as_str);
    while let Some(name) = next {
        if let Some(start) = path.iter().position(|p| *p == name) {
            path.push(name);
            return path[start..].join(" -> ");
        }
        path.push(name);
        next = waiting[name].inputs.iter().find(|i| waiting.contains_key(*i)).map(String::as_str);
    }
    path.join(" -> ")
}

/// What decides a table's content: statement, columns with types and operations, reference data.
fn hash(model: &Model) -> String {
    let mut sha = Sha256::new();
    sha.update(model.sql.as_bytes());
    for (column, note) in model.def.columns.iter().zip(&model.notes) {
        sha.update(format!("\n{} {} {} {:?}", column.name, column.data_type, column.nullable, note.op));
    }
    for (name, content) in crate::reference::files() {
        if model.sql.contains(name) {
            sha.update(b"\n");
            sha.update(content);
        }
    }
    sha.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, inputs: &str) -> (PathBuf, String) {
        let header = format!(
            "-- description = \"d\"\n-- owner = \"o\"\n-- kind = \"view\"\n-- inputs = [{inputs}]\n-- grain = \"g\"\n\
             -- columns = [{{ name = \"a\", type = \"text\", doc = \"A\" }}]\nSELECT 1"
        );
        (PathBuf::from(format!("models/view/{name}.sql")), header)
    }

    #[test]
    fn the_shipped_models_load_and_inputs_come_first() {
        let project = embedded();
        assert_eq!(project.models.len(), 13);
        for (i, model) in project.models.iter().enumerate() {
            for input in &model.inputs {
                let known = RAW.contains(&input.as_str()) || project.models[..i].iter().any(|m| m.name == *input);
                assert!(known, "{} comes before its input {input}", model.name);
            }
            assert_eq!(model.hash.len(), 64);
            assert!(model.def.doc.len() >= 12 && model.def.columns.iter().all(|c| c.doc.len() > 5), "{}", model.name);
        }
        let readers: Vec<&str> = project.readers("aircraft_cells").map(|m| m.name.as_str()).collect();
        assert_eq!(readers, ["flight_density"]);
        // The folder that is embedded, opened as a folder, is the same project.
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        let opened = super::folder(&folder).unwrap();
        assert!(opened.models.iter().zip(&project.models).all(|(a, b)| (&a.name, &a.hash) == (&b.name, &b.hash)));
    }

    #[test]
    fn circles_strangers_and_twins_are_named() {
        let cases = [
            (vec![file("a", "\"b\""), file("b", "\"c\""), file("c", "\"a\"")], "a -> b -> c -> a"),
            (vec![file("a", "\"a\"")], "a -> a"),
            (vec![file("a", "\"b\""), file("b", "\"b\"")], "b -> b"),
            (vec![file("a", "\"states_row\"")], "input \"states_row\" is neither a model nor a raw table"),
            (vec![file("a", ""), file("a", "")], "define the same model"),
        ];
        for (files, part) in cases {
            let message = assemble(files).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        let message = super::folder(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(message.contains("/nowhere") && message.contains("check that"), "{message}");
    }

    #[test]
    fn a_changed_statement_or_column_changes_the_hash_and_a_changed_comment_does_not() {
        let hash =
            |text: &str| assemble(vec![(PathBuf::from("m/view/a.sql"), text.into())]).unwrap().models[0].hash.clone();
        let (_, text) = file("a", "");
        assert_eq!(hash(&text), hash(&text.replace("\"d\"", "\"other words\"")));
        assert_ne!(hash(&text), hash(&text.replace("SELECT 1", "SELECT 2")));
        assert_ne!(hash(&text), hash(&text.replace("\"text\"", "\"double\"")));
        assert_ne!(hash(&text), hash(&format!("{text} FROM reference_airlines")));
    }
}
