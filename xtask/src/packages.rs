//! The packages of others that we build with: crates from `cargo metadata`, npm packages from the lock file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// The platforms that we name in the docs; crates for others are not looked at.
const PLATFORMS: &[&str] =
    &["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "x86_64-apple-darwin", "aarch64-apple-darwin"];

/// Build tools whose output carries their own content: the base map is made from this one.
const SHIPPED_TOOLS: &[&str] = &["world-atlas"];

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// SPDX expression; empty if the package states none.
    pub licence: String,
    pub link: String,
    pub folder: PathBuf,
    /// Part of what users get, and not only of how it is made or tested.
    pub shipped: bool,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Crate {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    manifest_path: PathBuf,
    source: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    /// `null` is a normal dependency.
    kind: Option<String>,
}

/// Every crate that is not ours.
pub fn crates(root: &Path) -> Result<Vec<Package>> {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    command.args(["metadata", "--locked", "--format-version", "1"]).current_dir(root);
    for platform in PLATFORMS {
        command.args(["--filter-platform", platform]);
    }
    let output = command.output().context("cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let used: BTreeSet<&str> = metadata.resolve.nodes.iter().map(|node| node.id.as_str()).collect();
    let shipped = reachable(&metadata);
    let mut packages: Vec<Package> = metadata
        .packages
        .iter()
        .filter(|krate| krate.source.is_some() && used.contains(krate.id.as_str()))
        .map(|krate| Package {
            name: krate.name.clone(),
            version: krate.version.clone(),
            licence: krate.license.clone().unwrap_or_default(),
            link: krate.repository.clone().unwrap_or_default(),
            folder: krate.manifest_path.parent().unwrap_or(Path::new("")).to_path_buf(),
            shipped: shipped.contains(krate.id.as_str()),
        })
        .collect();
    packages.sort();
    Ok(packages)
}

/// What the `contrail` binary links: normal dependencies alone, and no macros, which run in the compiler.
fn reachable(metadata: &Metadata) -> BTreeSet<&str> {
    let nodes: BTreeMap<&str, &Node> = metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let binary = metadata.packages.iter().filter(|p| p.name == "contrail" && p.source.is_none());
    let macros: BTreeSet<&str> = metadata
        .packages
        .iter()
        .filter(|krate| krate.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro")))
        .map(|krate| krate.id.as_str())
        .collect();
    let mut waiting: Vec<&str> = binary.map(|p| p.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if macros.contains(id) || !seen.insert(id) {
            continue;
        }
        for edge in nodes.get(id).iter().flat_map(|node| &node.deps) {
            if edge.dep_kinds.iter().any(|kind| kind.kind.is_none()) {
                waiting.push(&edge.pkg);
            }
        }
    }
    seen
}

/// Every npm package of `web/`, from its lock file.
pub fn npm(root: &Path) -> Result<Vec<Package>> {
    let web = root.join("web");
    let path = web.join("package-lock.json");
    let lock: Value =
        serde_json::from_str(&std::fs::read_to_string(&path).with_context(|| path.display().to_string())?)?;
    let entries = lock["packages"].as_object().context("package-lock.json has no packages")?;
    let mut packages: Vec<Package> =
        entries.iter().filter_map(|(place, entry)| npm_package(&web, place, entry)).collect();
    packages.sort();
    Ok(packages)
}

fn npm_package(web: &Path, place: &str, entry: &Value) -> Option<Package> {
    let name = place.rsplit_once("node_modules/")?.1;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let flag = |key: &str| entry[key].as_bool().unwrap_or(false);
    let tool = flag("dev") || flag("devOptional");
    Some(Package {
        name: name.to_string(),
        version: text(&entry["version"]),
        licence: text(&entry["license"]),
        link: home(&web.join(place)),
        folder: web.join(place),
        shipped: !tool || SHIPPED_TOOLS.contains(&name),
    })
}

/// Where an installed npm package is developed: its repository, else its homepage; empty if it names neither.
fn home(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("package.json")).unwrap_or_default();
    let manifest: Value = serde_json::from_str(&text).unwrap_or_default();
    let repository = manifest["repository"]["url"].as_str().or(manifest["repository"].as_str());
    repository.map(web_address).or(manifest["homepage"].as_str().map(str::to_string)).unwrap_or_default()
}

/// `git+ssh://git@host/a/b.git`, `git@host:a/b` and the short forms of npm, as something that a browser opens.
fn web_address(repository: &str) -> String {
    let bare = repository.trim_start_matches("git+").trim_end_matches(".git");
    let bare = bare.split_once("://").map_or(bare, |(_, rest)| rest);
    match bare.strip_prefix("git@") {
        Some(place) => format!("https://{}", place.replacen(':', "/", 1)),
        None if repository.contains("://") => format!("https://{bare}"),
        None => format!("https://github.com/{}", bare.trim_start_matches("github:")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_links() {
        for (repository, link) in [
            ("git+https://github.com/a/b.git", "https://github.com/a/b"),
            ("git://github.com/a/b.git", "https://github.com/a/b"),
            ("git+ssh://git@github.com/a/b.git", "https://github.com/a/b"),
            ("git@github.com:a/b.git", "https://github.com/a/b"),
            ("https://example.org/a", "https://example.org/a"),
            ("github:a/b", "https://github.com/a/b"),
            ("a/b", "https://github.com/a/b"),
        ] {
            assert_eq!(web_address(repository), link);
        }
    }

    #[test]
    fn npm_packages_know_whether_they_are_shipped() {
        let web = Path::new("web");
        let entry = |dev: bool| serde_json::json!({"version": "1.0.0", "license": "MIT", "dev": dev});
        let package = npm_package(web, "node_modules/a/node_modules/@b/c", &entry(false)).unwrap();
        assert_eq!((package.name.as_str(), package.shipped), ("@b/c", true));
        assert!(!npm_package(web, "node_modules/vite", &entry(true)).unwrap().shipped);
        assert!(npm_package(web, "node_modules/world-atlas", &entry(true)).unwrap().shipped);
        assert_eq!(npm_package(web, "", &entry(false)), None);
    }
}
