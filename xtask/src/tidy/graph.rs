//! Who may depend on whom: the direction of the rooms, and the one owner of each heavy dependency.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{Breach, allowed};

/// The rooms, by their place in the direction. A room may use what stands before it, never its equals.
const ROOMS: &[(&str, u8)] = &[
    ("contrail-types", 0),
    ("contrail-kit", 0),
    ("contrail-source", 1),
    ("contrail-log", 1),
    ("contrail-lake", 1),
    ("contrail-model", 1),
    ("contrail-flow", 2),
    ("contrail-serve", 3),
    ("contrail", 4),
];

/// Used by tests and tools alone: may see every room, and only dev-dependencies may name them.
const TOOLS: &[&str] = &["contrail-testkit", "contrail-bench", "xtask"];

/// The only room that knows a thing.
const OWNERS: &[(&str, &str)] = &[
    ("iceberg", "contrail-lake"),
    ("iceberg-catalog-rest", "contrail-lake"),
    ("object_store", "contrail-lake"),
    ("parquet", "contrail-lake"),
    ("duckdb", "contrail-model"),
    ("libduckdb-sys", "contrail-model"),
    ("arrow-avro", "contrail-log"),
    ("rdkafka", "contrail-log"),
    ("axum", "contrail-serve"),
    ("tower-http", "contrail-serve"),
    ("utoipa", "contrail-serve"),
    ("pgwire", "contrail-serve"),
    ("clap", "contrail"),
    ("figment", "contrail"),
    ("dotenvy", "contrail"),
    ("indicatif", "contrail"),
];

/// What the vocabulary must stay free of: anything that does I/O.
const NOT_IN_TYPES: &[&str] = &["tokio", "reqwest", "rusqlite", "axum", "iceberg", "duckdb"];

const MOST_FEATURES: usize = 3;
const MOST_TEST_BINARIES: usize = 1;

#[derive(Deserialize)]
pub struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
    features: std::collections::BTreeMap<String, Vec<String>>,
    targets: Vec<Target>,
    /// The text of the manifest, where reasons stand.
    #[serde(skip)]
    manifest: String,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `null` is a normal one.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    src_path: String,
}

pub fn read(root: &Path) -> Result<Metadata> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let mut metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    for package in &mut metadata.packages {
        package.manifest = std::fs::read_to_string(&package.manifest_path)?;
    }
    Ok(metadata)
}

pub fn breaches(metadata: &Metadata) -> Vec<Breach> {
    let mut found = Vec::new();
    for package in &metadata.packages {
        found.extend(direction(package));
        found.extend(owners(package));
        let features = package.features.keys().filter(|name| *name != "default").count();
        if features > MOST_FEATURES && !allowed(&package.manifest, "features") {
            found.push(Breach::new(&package.name, "features", format!("{features}, at most {MOST_FEATURES}")));
        }
        for ending in ["-common", "-utils", "-util", "-core"] {
            if package.name.ends_with(ending) {
                found.push(Breach::new(&package.name, "name", format!("a room is not called {ending}")));
            }
        }
    }
    found.extend(test_binaries(metadata));
    found
}

fn rank(name: &str) -> Option<u8> {
    ROOMS.iter().find(|(room, _)| *room == name).map(|(_, rank)| *rank)
}

fn direction(package: &Package) -> Vec<Breach> {
    let tool = TOOLS.contains(&package.name.as_str());
    let Some(own) = rank(&package.name).or(tool.then_some(u8::MAX)) else {
        let what = "unknown room: give it a place in xtask/src/tidy/graph.rs and in ARCHITECTURE.md";
        return vec![Breach::new(&package.name, "direction", what)];
    };
    let mut found = Vec::new();
    for dependency in &package.dependencies {
        let dev = dependency.kind.as_deref() == Some("dev");
        if TOOLS.contains(&dependency.name.as_str()) && !dev && !tool {
            found.push(Breach::new(&package.name, "direction", format!("{} is for tests only", dependency.name)));
        }
        if rank(&dependency.name).is_some_and(|theirs| theirs >= own) {
            let what = format!("may not use {}: it does not stand before it in the flow", dependency.name);
            found.push(Breach::new(&package.name, "direction", what));
        }
        if package.name == "contrail-types" && !dev && NOT_IN_TYPES.contains(&dependency.name.as_str()) {
            found.push(Breach::new(
                &package.name,
                "direction",
                format!("the vocabulary may not use {}", dependency.name),
            ));
        }
    }
    found
}

/// A test may look at an owner's things; a program only with a reason beside the dependency.
fn owners(package: &Package) -> Vec<Breach> {
    let mut found = Vec::new();
    if TOOLS.contains(&package.name.as_str()) {
        return found;
    }
    for dependency in package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev")) {
        let Some((_, owner)) = OWNERS.iter().find(|(name, _)| *name == dependency.name) else { continue };
        if *owner != package.name && !allowed(&package.manifest, &format!("owner {}", dependency.name)) {
            found.push(Breach::new(&package.name, "owner", format!("{} belongs to {owner} alone", dependency.name)));
        }
    }
    found
}

fn test_binaries(metadata: &Metadata) -> Vec<Breach> {
    let tests: Vec<&Target> = metadata
        .packages
        .iter()
        .flat_map(|package| &package.targets)
        .filter(|target| target.kind.iter().any(|kind| kind == "test"))
        .filter(|target| !std::fs::read_to_string(&target.src_path).is_ok_and(|text| allowed(&text, "test-binary")))
        .collect();
    if tests.len() <= MOST_TEST_BINARIES {
        return Vec::new();
    }
    let names: Vec<&str> = tests.iter().map(|target| target.name.as_str()).collect();
    let what =
        format!("{} integration test binaries ({}), at most {MOST_TEST_BINARIES}", tests.len(), names.join(", "));
    vec![Breach::new("workspace", "test-binary", what)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, Option<&str>)], manifest: &str) -> Package {
        Package {
            name: name.into(),
            manifest_path: String::new(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency { name: name.to_string(), kind: kind.map(str::to_string) })
                .collect(),
            features: Default::default(),
            targets: Vec::new(),
            manifest: manifest.into(),
        }
    }

    #[test]
    fn directions() {
        let cases: &[(&str, &str, Option<&str>, usize)] = &[
            ("contrail-lake", "contrail-types", None, 0),
            ("contrail-lake", "contrail-log", None, 1),
            ("contrail-lake", "contrail-log", Some("dev"), 1),
            ("contrail-types", "contrail-kit", None, 1),
            ("contrail-types", "tokio", None, 1),
            ("contrail-flow", "contrail-lake", None, 0),
            ("contrail-flow", "contrail-serve", None, 1),
            ("contrail-serve", "contrail-flow", None, 0),
            ("contrail", "contrail-serve", None, 0),
            ("contrail-log", "contrail-testkit", Some("dev"), 0),
            ("contrail-log", "contrail-testkit", None, 1),
            ("contrail-testkit", "contrail-flow", None, 0),
            ("contrail-attic", "contrail-types", None, 1),
        ];
        for (name, dependency, kind, expected) in cases {
            let found = direction(&package(name, &[(dependency, *kind)], ""));
            assert_eq!(found.len(), *expected, "{name} -> {dependency}: {found:?}");
        }
    }

    #[test]
    fn one_owner_unless_a_reason_is_given() {
        let reason = "# tidy: allow owner parquet: a result can be saved as Parquet";
        let cases: &[(&str, &str, Option<&str>, &str, usize)] = &[
            ("contrail-lake", "parquet", None, "", 0),
            ("contrail", "parquet", None, "", 1),
            ("contrail", "parquet", None, reason, 0),
            ("contrail", "duckdb", None, reason, 1),
            ("contrail-source", "axum", Some("dev"), "", 0),
            ("contrail-source", "axum", None, "", 1),
            ("contrail-bench", "parquet", None, "", 0),
        ];
        for (name, dependency, kind, manifest, expected) in cases {
            let found = owners(&package(name, &[(dependency, *kind)], manifest));
            assert_eq!(found.len(), *expected, "{name} -> {dependency}: {found:?}");
        }
    }
}
