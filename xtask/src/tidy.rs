//! The house rules, checked: who may depend on whom, how large things may grow, and what no file may hold.
//!
//! A breach needs one line of reason where it happens: `// tidy: allow <rule>: <reason>` (in TOML with `#`).

mod graph;
mod sizes;
mod words;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A rule that is broken, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Breach {
    pub place: String,
    pub rule: &'static str,
    pub what: String,
}

impl Breach {
    pub fn new(place: impl Into<String>, rule: &'static str, what: impl Into<String>) -> Self {
        Self { place: place.into(), rule, what: what.into() }
    }
}

/// A file of the checkout that is text and not ignored by git.
pub struct Text {
    pub path: String,
    pub text: String,
}

impl Text {
    pub fn has_extension(&self, wanted: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| wanted.contains(&extension))
    }
}

pub fn run(root: &Path) -> Result<bool> {
    let files = files(root)?;
    let mut breaches = graph::breaches(&graph::read(root)?);
    breaches.extend(sizes::breaches(&files));
    breaches.extend(words::breaches(&files, &words::Machine::this(root)));
    println!("tidy: {}", sizes::summary(&files));
    for Breach { place, rule, what } in &breaches {
        println!("tidy: {place}: {rule}: {what}");
    }
    match breaches.len() {
        0 => println!("tidy: no breach"),
        n => println!("tidy: {n} to mend, or to give a reason for: // tidy: allow <rule>: <reason>"),
    }
    Ok(breaches.is_empty())
}

/// Whether one of `lines` (a range of a file) allows `rule` and says why.
pub fn allowed(text: &str, rule: &str) -> bool {
    text.lines().filter_map(|line| line.split_once("tidy: allow ")).any(|(_, rest)| {
        rest.split_once(':').is_some_and(|(name, reason)| name.trim() == rule && reason.trim().len() >= 10)
    })
}

/// Every file that git tracks or would track, if it is text.
pub fn files(root: &Path) -> Result<Vec<Text>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git ls-files")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = String::from_utf8(output.stdout)?;
    let mut paths: Vec<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(paths
        .into_iter()
        .filter_map(|path| Some(Text { path: path.to_string(), text: std::fs::read_to_string(root.join(path)).ok()? }))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_needs_the_rule_and_a_reason() {
        let cases = [
            ("// tidy: allow file-size: one table of airports", true),
            ("# tidy: allow file-size: one table of airports", true),
            ("// tidy: allow file-size:", false),
            ("// tidy: allow file-size", false),
            ("// tidy: allow function-size: one table of airports", false),
            ("x\n    // tidy: allow file-size: generated from the SQL\n", true),
        ];
        for (text, expected) in cases {
            assert_eq!(allowed(text, "file-size"), expected, "{text}");
        }
    }
}
