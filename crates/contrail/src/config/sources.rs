//! Where values are read from: the embedded defaults, one file, `.env`, the environment, the command line.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::keys::{self, Key, Known, Place};
use super::layers::{Leaf, Origin};
use super::{ConfigError, DEFAULT};

const PREFIX: &str = "CONTRAIL__";
const FILE: &str = "contrail.toml";

/// Variables that are read under their own names, as OpenSky's other clients do.
const OWN_NAMES: &[(&str, [&str; 3])] = &[
    ("OPENSKY_CLIENT_ID", ["feed", "opensky", "client_id"]),
    ("OPENSKY_CLIENT_SECRET", ["feed", "opensky", "client_secret"]),
];

/// Everything that [`super::load`] looks at; tests make their own.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`: must exist. Otherwise `contrail.toml` in `folder`, else in `user_folder`, if there.
    pub file: Option<PathBuf>,
    /// Where the command was given; `.env` is read from here too.
    pub folder: PathBuf,
    /// The user's configuration folder for this program.
    pub user_folder: Option<PathBuf>,
    pub env: Vec<(String, String)>,
    /// `--set KEY=VALUE`, in order.
    pub set: Vec<String>,
    /// Flags of their own: name, key, value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

impl Sources {
    /// This process's folder and environment.
    pub fn of_process(file: Option<PathBuf>, set: Vec<String>) -> Self {
        let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let user = var("XDG_CONFIG_HOME").or_else(|| Some(var("HOME")?.join(".config")));
        let text = |(key, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((key.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            file,
            folder: std::env::current_dir().unwrap_or_default(),
            user_folder: user.map(|folder| folder.join("contrail")),
            env: std::env::vars_os().filter_map(text).collect(),
            set,
            flags: Vec::new(),
        }
    }

    /// A flag that stands for a key, such as `--data-dir` for `data_dir`.
    pub fn flag(mut self, name: &'static str, key: &'static str, value: Option<impl Into<String>>) -> Self {
        self.flags.extend(value.map(|value| (name, key, value.into())));
        self
    }
}

/// The layers, the weakest first.
pub fn layers(sources: &Sources, known: &Known) -> Result<Vec<Vec<Leaf>>, ConfigError> {
    let mut layers = vec![toml_layer(DEFAULT, &Origin::Default)?];
    if let Some((path, text)) = file(sources)? {
        layers.push(toml_layer(&text, &Origin::File(path))?);
    }
    let dot_env = sources.folder.join(".env");
    if let Ok(text) = std::fs::read_to_string(&dot_env) {
        let variables = dot_env_lines(&text);
        layers.push(variables_layer(variables, known, |name| Origin::EnvFile(dot_env.clone(), name)));
    }
    layers.push(variables_layer(sources.env.clone(), known, Origin::Env));
    let mut set = Vec::new();
    for text in &sources.set {
        let pair = text.split_once('=').filter(|(key, _)| !key.trim().is_empty());
        let (key, value) = pair.ok_or_else(|| ConfigError::Set { text: text.clone() })?;
        let key: Key = key.trim().split('.').map(str::to_string).collect();
        set.push(Leaf { value: value_like(value.trim(), known, &key), key, origin: Origin::Set });
    }
    layers.push(set);
    let flags = sources.flags.iter().map(|(flag, key, value)| Leaf {
        key: key.split('.').map(str::to_string).collect(),
        value: Value::String(value.clone()),
        origin: Origin::Flag(flag),
    });
    layers.push(flags.collect());
    Ok(layers)
}

/// The one file that counts, and what it holds.
fn file(sources: &Sources) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })
    };
    if let Some(path) = &sources.file {
        let path = sources.folder.join(path);
        return Ok(Some((path.clone(), read(&path)?)));
    }
    for folder in [Some(&sources.folder), sources.user_folder.as_ref()].into_iter().flatten() {
        let path = folder.join(FILE);
        if path.is_file() {
            return Ok(Some((path.clone(), read(&path)?)));
        }
    }
    Ok(None)
}

fn toml_layer(text: &str, origin: &Origin) -> Result<Vec<Leaf>, ConfigError> {
    let table: Table = toml::from_str(text).map_err(|error| ConfigError::Syntax {
        origin: origin.clone(),
        message: error.to_string().trim_end().to_string(),
    })?;
    let leaf = |(key, value)| Leaf { key, value, origin: origin.clone() };
    Ok(keys::flat(&table).into_iter().map(leaf).collect())
}

/// `NAME=value` lines, with `export`, quotes and comments; the rest is other programs' business.
fn dot_env_lines(text: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let line = line.trim();
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        let value = value.trim();
        let quoted = ['"', '\''].into_iter().find_map(|quote| {
            let inner = value.strip_prefix(quote)?;
            Some(inner[..inner.find(quote)?].to_string())
        });
        let value = quoted.unwrap_or_else(|| value.split(" #").next().unwrap_or_default().trim_end().to_string());
        Some((name.trim().to_string(), value))
    };
    text.lines().filter(|text| !text.trim_start().starts_with('#')).filter_map(line).collect()
}

/// Our variables among all others; an empty one of OpenSky's names counts as not set.
fn variables_layer(variables: Vec<(String, String)>, known: &Known, origin: impl Fn(String) -> Origin) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for (name, text) in variables {
        let own = OWN_NAMES.iter().find(|(own, _)| *own == name && !text.is_empty());
        let key: Key = match (name.strip_prefix(PREFIX), own) {
            (Some(rest), _) => rest.split("__").map(str::to_lowercase).collect(),
            (None, Some((_, key))) => key.iter().map(ToString::to_string).collect(),
            (None, None) => continue,
        };
        leaves.push(Leaf { value: value_like(&text, known, &key), key, origin: origin(name) });
    }
    // The program's own prefix is the more deliberate one: it wins over OpenSky's names.
    leaves.sort_by_key(|leaf| match &leaf.origin {
        Origin::Env(name) | Origin::EnvFile(_, name) => name.starts_with(PREFIX),
        _ => false,
    });
    leaves
}

/// Text as a value of the type that the key has. What cannot be read as that type stays text, and is refused later by
/// the type itself.
fn value_like(text: &str, known: &Known, key: &Key) -> Value {
    let toml = || toml::from_str::<Table>(&format!("x = {text}")).ok()?.remove("x");
    let as_text = || Value::String(text.to_string());
    match known.place(key) {
        Place::Value(Value::String(_)) => toml().filter(Value::is_str).unwrap_or_else(as_text),
        Place::Value(Value::Array(_)) => toml().filter(Value::is_array).unwrap_or_else(|| {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| Value::String(part.to_string())).collect())
        }),
        Place::Value(_) => toml().unwrap_or_else(as_text),
        Place::Section | Place::Foreign | Place::Unknown => as_text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_env_as_other_programs_write_it() {
        let text = "# a comment\nA=1\nexport B='two words' # note\n C = \"x=y\"\nD=plain # note\nE=\nnonsense\n=x\n";
        let expected = [("A", "1"), ("B", "two words"), ("C", "x=y"), ("D", "plain"), ("E", ""), ("", "x")];
        let found = dot_env_lines(text);
        assert_eq!(found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
    }
}
