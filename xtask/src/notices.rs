//! Writes NOTICES: whose work the binary and the web UI contain, and the licence texts that ask to be passed on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use crate::licence::satisfied;
use crate::packages::{self, Package};

const HEAD: &str = "\
NOTICES

Contrail itself is under the MIT licence, see LICENSE. Its binary and its web UI contain the work of others, which is
listed here with its licences. Written by `cargo xtask notices`; do not edit by hand.

";

/// What is not a package: data, and the library that is laid beside the binary.
const OTHERS: &[(&str, &str, &str)] = &[
    ("DuckDB 1.5.5 (libduckdb)", "MIT", "https://duckdb.org, Copyright 2018-2026 Stichting DuckDB Foundation"),
    ("Natural Earth (base map, through world-atlas)", "public domain", "https://www.naturalearthdata.com"),
    ("Inter (font)", "OFL-1.1", "https://rsms.me/inter, Copyright The Inter Project Authors"),
    (
        "JetBrains Mono (font)",
        "OFL-1.1",
        "https://www.jetbrains.com/mono, Copyright The JetBrains Mono Project Authors",
    ),
    ("State vectors shown when the feed is OpenSky's", "OpenSky terms of use", "https://opensky-network.org"),
];

pub fn write(root: &Path) -> Result<bool> {
    let text = render(root)?;
    std::fs::write(root.join("NOTICES"), &text)?;
    println!("notices: wrote NOTICES, {} kB", text.len() / 1000);
    Ok(true)
}

pub fn check(root: &Path) -> Result<bool> {
    let stands = std::fs::read_to_string(root.join("NOTICES")).unwrap_or_default();
    let wanted = render(root)?;
    if stands == wanted {
        println!("notices: up to date");
        return Ok(true);
    }
    let (stands, wanted): (BTreeSet<&str>, BTreeSet<&str>) = (stands.lines().collect(), wanted.lines().collect());
    for line in wanted.difference(&stands).take(5) {
        println!("notices: missing: {line}");
    }
    for line in stands.difference(&wanted).take(5) {
        println!("notices: no longer there: {line}");
    }
    println!("notices: NOTICES is not up to date; run: make notices");
    Ok(false)
}

fn render(root: &Path) -> Result<String> {
    let crates: Vec<Package> = packages::crates(root)?.into_iter().filter(|p| p.shipped).collect();
    let npm: Vec<Package> = packages::npm(root)?.into_iter().filter(|p| p.shipped).collect();
    if let Some(missing) = npm.iter().find(|p| !p.folder.is_dir()) {
        anyhow::bail!("{} is not installed; run: scripts/setup build", missing.name);
    }
    let mut text = HEAD.to_string();
    section(&mut text, "Crates in the binary", &crates)?;
    section(&mut text, "npm packages in the web UI", &npm)?;
    writeln!(text, "== Data, fonts, libraries ==\n")?;
    for (name, licence, link) in OTHERS {
        writeln!(text, "{name}  [{licence}]  {link}")?;
    }
    writeln!(text, "\n== Licence texts ==\n")?;
    let mut texts: BTreeMap<String, Text> = BTreeMap::new();
    for package in crates.iter().chain(&npm) {
        collect(package, &mut texts);
    }
    for Text { used_by, copyrights, text: body } in texts.values() {
        writeln!(text, "---- {}\n", used_by.iter().cloned().collect::<Vec<_>>().join(", "))?;
        for line in copyrights {
            writeln!(text, "{line}")?;
        }
        writeln!(text, "\n{body}\n")?;
    }
    Ok(text)
}

fn section(text: &mut String, title: &str, packages: &[Package]) -> Result<()> {
    writeln!(text, "== {title} ==\n")?;
    for Package { name, version, licence, link, .. } in packages {
        writeln!(text, "{}", format!("{name} {version}  [{licence}]  {link}").trim_end())?;
    }
    writeln!(text)?;
    Ok(())
}

/// One licence text without its copyright lines, and everybody who uses it.
struct Text {
    used_by: BTreeSet<String>,
    copyrights: BTreeSet<String>,
    text: String,
}

fn collect(package: &Package, texts: &mut BTreeMap<String, Text>) {
    for text in licence_files(package) {
        let (copyrights, body) = part(&text);
        let key: String = body.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let entry = texts.entry(key).or_insert_with(|| Text {
            used_by: BTreeSet::new(),
            copyrights: BTreeSet::new(),
            text: body,
        });
        entry.used_by.insert(package.name.clone());
        entry.copyrights.extend(copyrights);
    }
}

/// The licence texts in a package's folder; where MIT is offered among others, it is the one that is taken.
fn licence_files(package: &Package) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(&package.folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| {
            ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"].iter().any(|s| name.to_uppercase().starts_with(s))
        })
        .collect();
    names.sort();
    if satisfied(&package.licence, &|licence| licence == "MIT") && names.iter().any(|name| name.contains("MIT")) {
        names.retain(|name| name.contains("MIT") || name.to_uppercase().starts_with("NOTICE"));
    }
    names.iter().filter_map(|name| std::fs::read_to_string(package.folder.join(name)).ok()).collect()
}

/// Copyright lines, and what remains of a licence text without them.
fn part(text: &str) -> (Vec<String>, String) {
    let (mut copyrights, mut body) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let words = line.trim().trim_start_matches('#').trim();
        let lower = words.to_lowercase();
        let years = lower.starts_with("copyright")
            && (lower.contains("(c)") || lower.contains('©') || lower.contains(char::is_numeric));
        let the_author =
            lower.starts_with("copyright") && lower.split_whitespace().count() <= 8 && !lower.contains("notice");
        if years || the_author {
            copyrights.push(words.to_string());
        } else {
            body.push(line.trim_end());
        }
    }
    (copyrights, body.join("\n").trim_matches('\n').to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copyright_lines_are_told_from_the_text() {
        let (copyrights, body) = part(
            "MIT License\n\nCopyright (c) 2020 Ann\nCopyright 2021 Ben\n\nPermission is\ncopyright notice and this\n",
        );
        assert_eq!(copyrights, ["Copyright (c) 2020 Ann", "Copyright 2021 Ben"]);
        assert_eq!(body, "MIT License\n\n\nPermission is\ncopyright notice and this");
    }
}
