//! Apache Iceberg's REST compatibility kit, put to any catalog.

use std::process::Command;

use crate::own::repository;

/// What became of the kit's tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    /// A line for each test that failed: its name, and what it said.
    pub failures: Vec<String>,
}

/// Runs the kit, half a minute long, against the catalog whose `/v1/config` is below `uri`; `words` are further options
/// of `scripts/rck`. The catalog must be the caller's own: the kit's namespaces are dropped first.
///
/// # Panics
/// If the kit cannot be run, or the catalog does not answer; the panic says why.
pub fn run(uri: &str, words: &[&str]) -> Outcome {
    let script = repository().join("scripts/rck");
    let output = Command::new(script).arg(uri).args(words).output().expect("scripts/rck runs");
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let outcome = outcome(&said).unwrap_or_else(|| panic!("scripts/rck {uri}: {said}{complaint}"));
    assert_eq!(output.status.success(), outcome.failed == 0, "{said}{complaint}");
    outcome
}

fn outcome(said: &str) -> Option<Outcome> {
    let totals = said.lines().last()?;
    let count = |word: &str| {
        let part = totals.split(", ").find_map(|part| part.strip_suffix(word))?;
        part.trim().parse().ok()
    };
    let failures = said.lines().filter_map(|line| line.strip_prefix("FAILED ")).map(str::to_string).collect();
    Some(Outcome { passed: count("passed")?, failed: count("failed")?, skipped: count("skipped")?, failures })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::{Own, Service};

    #[test]
    fn totals_stand_in_the_last_line() {
        let read = outcome("FAILED A.b: no\n1 passed, 1 failed, 13 skipped\n").unwrap();
        assert_eq!(read, Outcome { passed: 1, failed: 1, skipped: 13, failures: vec!["A.b: no".into()] });
        assert_eq!(outcome(""), None);
        assert_eq!(outcome("1 passed, some failed, 0 skipped"), None);
    }

    #[test]
    fn the_reference_catalog_passes_and_what_it_lacks_is_named() {
        let Some(own) = Own::start("kit", &[Service::Catalog]) else { return };
        let uri = own.catalog().uri;
        let all = run(&uri, &[]);
        assert_eq!(all, Outcome { passed: 144, failed: 0, skipped: 13, failures: vec![] });
        // Asked for more than it can do, and in a catalog where the kit has been before.
        let more = run(&uri, &["--property", "rck.supports-names-with-dot=true"]);
        assert_eq!((more.passed, more.failed, more.skipped), (145, 1, 11));
        assert!(more.failures[0].starts_with("RESTCompatibilityKitCatalogTests.testNamespaceWithDot: "), "{more:?}");
    }
}
