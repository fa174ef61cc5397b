//! Whether every package of others is under a licence that `deny.toml` allows.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::packages::{self, Package};

/// The part of `deny.toml` (cargo-deny's format) that is read here.
#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    clarify: Vec<Clarify>,
}

#[derive(Deserialize)]
struct Clarify {
    #[serde(rename = "crate")]
    name: String,
    expression: String,
}

/// Licences that do for tools that nobody is given: they bind whoever changes or passes on the tool itself.
const TOOLS_ONLY: &[&str] = &["MPL-2.0", "CC-BY-4.0", "Python-2.0", "BlueOak-1.0.0"];

pub fn run(root: &Path) -> Result<bool> {
    let text = std::fs::read_to_string(root.join("deny.toml")).context("deny.toml")?;
    let deny: Deny = toml::from_str(&text).context("deny.toml")?;
    let mut packages = packages::crates(root)?;
    packages.extend(packages::npm(root)?);
    let mut refused = 0;
    for package in &packages {
        if let Some(complaint) = refusal(package, &deny.licenses) {
            println!("licences: {} {}: {complaint}", package.name, package.version);
            refused += 1;
        }
    }
    println!("licences: {} packages looked at, {refused} refused", packages.len());
    Ok(refused == 0)
}

fn refusal(package: &Package, rules: &Licenses) -> Option<String> {
    let clarified = rules.clarify.iter().find(|c| c.name == package.name).map(|c| c.expression.as_str());
    let expression = clarified.unwrap_or(&package.licence);
    if expression.is_empty() {
        return Some("states no licence".into());
    }
    let allowed =
        |licence: &str| rules.allow.iter().any(|a| a == licence) || (!package.shipped && TOOLS_ONLY.contains(&licence));
    (!satisfied(expression, &allowed)).then(|| format!("{expression} is not among the allowed ones (deny.toml)"))
}

/// Whether an SPDX expression can be met with allowed licences alone. `/` is the old way to write OR.
pub fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let met = either(&mut rest, allowed);
    met && rest.is_empty()
}

fn either(words: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = both(words, allowed);
    while words.first() == Some(&"OR") {
        *words = &words[1..];
        met |= both(words, allowed);
    }
    met
}

fn both(words: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = one(words, allowed);
    while words.first() == Some(&"AND") {
        *words = &words[1..];
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    let Some((&word, after)) = words.split_first() else { return false };
    *words = after;
    if word == "(" {
        let met = either(words, allowed);
        if words.first() == Some(&")") {
            *words = &words[1..];
            return met;
        }
        return false;
    }
    // An exception only gives more rights: the licence alone decides.
    if let ["WITH", _, after @ ..] = *words {
        *words = after;
    }
    allowed(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let allowed = |licence: &str| ["MIT", "Apache-2.0", "ISC"].contains(&licence);
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("MIT AND GPL-3.0-only", false),
            ("MIT/Apache-2.0", true),
            ("(MIT OR GPL-2.0-only) AND ISC", true),
            ("GPL-2.0-only OR (MIT AND (ISC OR X))", true),
            ("Apache-2.0 WITH LLVM-exception OR X", true),
            ("MIT MIT", false),
            ("(MIT", false),
            ("", false),
        ] {
            assert_eq!(satisfied(expression, &allowed), expected, "{expression}");
        }
    }

    #[test]
    fn tools_may_be_under_more_licences_than_what_is_shipped() {
        let rules = Licenses {
            allow: vec!["MIT".into()],
            clarify: vec![Clarify { name: "silent".into(), expression: "MIT".into() }],
        };
        let package = |name: &str, licence: &str, shipped| Package {
            name: name.into(),
            version: "1.0.0".into(),
            licence: licence.into(),
            link: String::new(),
            folder: Default::default(),
            shipped,
        };
        for (package, refused) in [
            (package("a", "MIT", true), false),
            (package("a", "MPL-2.0", false), false),
            (package("a", "MPL-2.0", true), true),
            (package("a", "", true), true),
            (package("silent", "", true), false),
        ] {
            assert_eq!(refusal(&package, &rules).is_some(), refused, "{package:?}");
        }
    }
}
