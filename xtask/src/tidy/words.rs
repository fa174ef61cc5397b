//! What no file may hold: names of the machine it was written on, hosts of package registries, unfinished work without
//! a reason, `mod.rs`, a Rust file that does not say what it is for.

use std::path::Path;

use super::{Breach, Text, allowed};
use crate::rust;

/// Names that mean this machine alone: folders, and hosts of package mirrors.
#[derive(Default)]
pub struct Machine {
    pub folders: Vec<String>,
    pub hosts: Vec<String>,
}

/// Hosts that everybody has.
const PUBLIC: &[&str] =
    &["npmjs.org", "crates.io", "pypi.org", "pythonhosted.org", "golang.org", "github.com", "localhost", "127.0.0.1"];

/// Registries: where a package comes from is its tool's business, and the lock files'.
// tidy: allow registry: the list of what is looked for
const REGISTRIES: &[&str] = &["npmjs.", "crates.io", "pypi.org", "pythonhosted.org", "proxy.golang.org", "repo.maven."];

impl Machine {
    /// Found at run time, so that this file need not name them.
    pub fn this(root: &Path) -> Self {
        let mut folders = vec![root.display().to_string()];
        if let Some(home) = std::env::var_os("HOME") {
            folders.push(home.to_string_lossy().into_owned());
        }
        if let Some(parent) = root.parent().filter(|p| p.components().count() == 2 && !p.starts_with("/tmp")) {
            folders.push(parent.display().to_string());
        }
        let named = ["REGISTRY", "INDEX_URL", "PROXY", "MIRROR", "FIND_LINKS"];
        let hosts = std::env::vars()
            .filter(|(key, _)| named.iter().any(|part| key.to_uppercase().contains(part)))
            .filter_map(|(_, value)| host(&value))
            .filter(|host| !PUBLIC.iter().any(|public| host.ends_with(public)))
            .collect();
        folders.retain(|folder| folder.len() > 3);
        Self { folders, hosts }
    }
}

fn host(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    (host.contains('.')).then(|| host.to_string())
}

pub fn breaches(files: &[Text], machine: &Machine) -> Vec<Breach> {
    files.iter().flat_map(|file| of_file(file, machine)).collect()
}

fn of_file(file: &Text, machine: &Machine) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut at = |line: usize, rule, what: String| found.push(Breach::new(format!("{}:{line}", file.path), rule, what));
    for (number, line) in (1..).zip(file.text.lines()) {
        let folder = machine.folders.iter().find(|folder| names_folder(line, folder));
        if let Some(name) = folder.or_else(|| machine.hosts.iter().find(|host| line.contains(host.as_str())))
            && !allowed(&file.text, "machine")
        {
            at(number, "machine", format!("names {name}, which this machine alone has"));
        }
        if let Some(name) = REGISTRIES.iter().find(|name| line.contains(**name))
            && !file.path.ends_with("Cargo.lock")
            && !file.path.ends_with("package-lock.json")
            && !allowed(&file.text, "registry")
        {
            at(number, "registry", format!("names the package registry {name}; name the project's own address"));
        }
    }
    if !file.has_extension(&["rs"]) {
        return found;
    }
    if !file.text.starts_with("//") {
        at(1, "opening", "the file does not open with a sentence that says what it is for (//!)".into());
    }
    if file.path.ends_with("/mod.rs") {
        at(1, "mod-rs", "call it <folder>.rs beside the folder".into());
    }
    let rust::Split { code, comments } = rust::split(&file.text);
    for (number, (code, comment)) in (1..).zip(code.lines().zip(comments.lines())) {
        if code.contains("todo!(") || code.contains("unimplemented!(") || comment.contains("FIXME") {
            at(number, "unfinished", "finish it, or say in docs what is missing".into());
        }
        if code.contains("#[ignore]") {
            at(number, "ignore", "give the reason: #[ignore = \"...\"]".into());
        }
    }
    found
}

/// Whether a line names a folder, or something in it; `/work` is not named by `/workers`, nor by `https://x/work`.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || "/._-}$".contains(c)) && after.is_some_and(|c| c == '/')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_words() {
        let machine = Machine { folders: vec!["/srv/ann".into()], hosts: vec!["mirror.ann.example".into()] };
        let cases: &[(&str, &str, &[&str])] = &[
            ("a.rs", "//! Does a thing.\nfn a() {}\n", &[]),
            ("a.rs", "fn a() {}\n", &["opening"]),
            ("a/mod.rs", "//! Does a thing.\n", &["mod-rs"]),
            ("a.rs", "//! A.\nfn a() { todo!() }\n", &["unfinished"]),
            ("a.rs", "//! A.\nconst A: &str = \"todo!()\";\n", &[]),
            ("a.rs", "//! A.\n// FIXME later\n", &["unfinished"]),
            ("a.rs", "//! A.\n#[ignore]\nfn a() {}\n", &["ignore"]),
            ("a.rs", "//! A.\n#[ignore = \"needs a network\"]\nfn a() {}\n", &[]),
            ("a.md", "see /srv/ann/contrail", &["machine"]),
            ("a.md", "see /srv/anna/contrail", &[]),
            ("a.md", "see https://x/srv/ann/contrail", &[]),
            ("NOTICES", "a 1.0  https://www.npmjs.com/package/a", &["registry"]),
            ("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\"", &[]),
            ("a.toml", "index = \"https://mirror.ann.example/x\"", &["machine"]),
        ];
        for (path, text, expected) in cases {
            let file = Text { path: path.to_string(), text: text.to_string() };
            let rules: Vec<_> = of_file(&file, &machine).into_iter().map(|b| b.rule).collect();
            assert_eq!(&rules, expected, "{path}: {text}");
        }
    }

    #[test]
    fn hosts_of_urls() {
        for (url, expected) in [
            ("https://u:p@mirror.example:8080/simple", Some("mirror.example")),
            ("http://mirror.example", Some("mirror.example")),
            ("direct", None),
            ("http://proxy:3128", None),
        ] {
            assert_eq!(host(url).as_deref(), expected, "{url}");
        }
    }
}
