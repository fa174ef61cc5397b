//! Kafka, the schema registry, the S3 store and the Iceberg REST catalog for the tests: started when they do not run,
//! and only then stopped at the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Whoever sets one of these has services elsewhere, and none are started.
const NAMED_BY_HAND: &[&str] = &["KAFKA_BROKERS", "REGISTRY_URL", "S3_ENDPOINT", "REST_CATALOG_URI"];

/// What the tests are told of the services, and what is to be stopped when this is dropped.
pub struct Services {
    script: PathBuf,
    started: Vec<String>,
    /// Variables for the tests: addresses, keys, passwords.
    pub environment: Vec<(String, String)>,
    /// Why not all of them run.
    pub missing: Option<String>,
}

impl Services {
    /// Starts what does not run. That a machine cannot have them is no error here: it is said in `missing`.
    pub fn start(root: &Path) -> Self {
        let script = root.join("scripts/services");
        let mut services = Self { script, started: Vec::new(), environment: Vec::new(), missing: None };
        if NAMED_BY_HAND.iter().any(|name| std::env::var_os(name).is_some()) {
            return services;
        }
        services.missing = services.bring_up().err().map(|error| format!("{error:#}"));
        services
    }

    /// One of them may run when the other does not.
    fn bring_up(&mut self) -> Result<()> {
        let (all, started) = run(Command::new(&self.script).arg("start"))?;
        self.started = started.lines().map(str::to_string).collect();
        let (listed, lines) = run(Command::new(&self.script).arg("env"))?;
        self.environment = pairs(&lines);
        ensure!(all && listed, "scripts/services failed, see above");
        Ok(())
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        if self.started.is_empty() {
            return;
        }
        if let Err(error) = run(Command::new(&self.script).arg("stop").args(&self.started)) {
            println!("services: {error:#}");
        }
    }
}

/// Whether the command succeeded, and what it printed; its complaints are shown.
fn run(command: &mut Command) -> Result<(bool, String)> {
    let name = format!("{command:?}");
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context(name)?;
    Ok((output.status.success(), String::from_utf8(output.stdout)?))
}

fn pairs(lines: &str) -> Vec<(String, String)> {
    let pairs = lines.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_may_hold_an_equals_sign() {
        let pairs = super::pairs("A=1\n\nnoise\nKAFKA_PASSWORD=x=y\n");
        assert_eq!(pairs, [("A".into(), "1".into()), ("KAFKA_PASSWORD".into(), "x=y".into())]);
    }
}
