//! The verbs behind `make check` and `make test`: run every step, show what it says, and sum up.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::services::Services;
use crate::totals::{Reader, Totals};
use crate::{licence, notices, tidy};

/// Everything but the tests. All steps run, whatever became of the one before.
pub fn check(root: &Path) -> Result<bool> {
    let web = root.join("web");
    let mut broken = Vec::new();
    let mut step = |name: &'static str, run: &mut dyn FnMut() -> Result<bool>| {
        println!("== {name}");
        let started = Instant::now();
        let good = run().unwrap_or_else(|error| {
            println!("{name}: {error:#}");
            false
        });
        println!("== {name}: {} ({:.0} s)\n", if good { "good" } else { "BROKEN" }, started.elapsed().as_secs_f32());
        if !good {
            broken.push(name);
        }
    };
    step("formatting", &mut || succeeds(cargo(root).args(["fmt", "--all", "--check"])));
    step("tidy", &mut || tidy::run(root));
    step("licences", &mut || licence::run(root));
    step("notices", &mut || notices::check(root));
    step("web types", &mut || succeeds(npm(&web).args(["run", "--silent", "types"])));
    step("web lint", &mut || succeeds(npm(&web).args(["run", "--silent", "lint"])));
    step("clippy", &mut || {
        let flags = ["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"];
        succeeds(cargo(root).args(flags))
    });
    step("advisories", &mut || advisories(root));
    match broken.as_slice() {
        [] => println!("check: good"),
        names => println!("check: BROKEN: {}", names.join(", ")),
    }
    Ok(broken.is_empty())
}

/// The list of known holes comes from the network, by a tool that takes longer to build than Contrail's own crates:
/// it runs where somebody has it.
fn advisories(root: &Path) -> Result<bool> {
    let has_tool = Command::new("cargo-deny").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !has_tool.is_ok_and(|status| status.success()) {
        println!("SKIPPED: advisories were not looked at: cargo-deny is not installed (cargo install cargo-deny)");
        return Ok(true);
    }
    succeeds(Command::new("cargo-deny").args(["--locked", "check", "advisories"]).current_dir(root))
}

/// Every test, or only the parts named. Ends with the totals, which also go to `test-totals.txt` in the target folder.
pub fn test(root: &Path, parts: &[&str]) -> Result<bool> {
    if let Some(unknown) = parts.iter().find(|part| !["rust", "unit", "e2e"].contains(part)) {
        bail!("unknown part {unknown}: rust, unit (web), e2e (web)");
    }
    let wanted = |part: &str| parts.is_empty() || parts.contains(&part);
    let web = root.join("web");
    let target = target(root);
    let totals_file = target.join("test-totals.txt");
    let _ = std::fs::remove_file(&totals_file);
    let mut totals = Totals::default();
    let mut skips = Vec::new();
    let mut missing = None;
    let mut step = |name: &str, command: &mut Command| -> Result<()> {
        println!("== {name}");
        let (found, reasons) = read_tests(environment(command, root, &target)).with_context(|| name.to_string())?;
        println!("== {name}: {found}\n");
        totals += found;
        skips.extend(reasons.into_iter().map(|reason| format!("{name}: {reason}")));
        Ok(())
    };
    if wanted("rust") {
        let services = Services::start(root);
        let flags = ["test", "--workspace", "--locked", "--no-fail-fast", "--", "--show-output"];
        step("Rust", cargo(root).args(flags).envs(services.environment.iter().cloned()))?;
        missing = services.missing.clone();
    }
    if wanted("unit") {
        step("web", npm(&web).args(["run", "--silent", "test"]))?;
    }
    if wanted("e2e") {
        match chromium() {
            Some(path) => {
                let mut e2e = npm(&web);
                e2e.args(["run", "--silent", "e2e"]).env("CHROMIUM", path);
                step("browser", &mut e2e)?;
                let data = std::env::temp_dir().join(format!("contrail-browser-{}", std::process::id()));
                match node(root, &target, &data) {
                    Ok(command) => {
                        let tested = step("browser, node", e2e.env("PORT", NODE_PORT).env("CONTRAIL_SERVER", command));
                        let _ = std::fs::remove_dir_all(&data);
                        tested?;
                    }
                    Err(error) => {
                        println!("browser, node: {error:#}");
                        totals.failed += 1;
                    }
                }
            }
            None => {
                totals.skipped += 1;
                skips.push("browser: no Chromium found; install one, or name it in CONTRAIL_CHROMIUM".into());
            }
        }
    }
    if let Some(reason) = missing {
        println!("services: {reason}");
        // The tests that need them skip themselves and are counted; on the build server there is no excuse.
        totals.failed += usize::from(std::env::var("CI").is_ok_and(|ci| ci == "true"));
    }
    for skip in &skips {
        println!("SKIPPED {skip}");
    }
    std::fs::create_dir_all(&target)?;
    std::fs::write(&totals_file, format!("{totals}\n"))?;
    println!("{totals}");
    Ok(totals.failed == 0)
}

/// Not the port of a node that somebody runs beside the tests, nor that of the stand-in server.
const NODE_PORT: &str = "8473";

/// Builds the node if it is not, and answers the command that plays the demo sky in an empty folder.
fn node(root: &Path, target: &Path, data: &Path) -> Result<String> {
    // The same build as that of the Rust tests: another selection of packages would compile half of them again.
    let built = succeeds(cargo(root).args(["test", "--workspace", "--locked", "--no-run", "--quiet"]))?;
    anyhow::ensure!(built, "the node for the browser tests does not build");
    let (binary, data) = (target.join("debug/contrail"), data.display());
    Ok(format!("'{}' up --demo --data-dir '{data}' --set serve.http.listen=127.0.0.1:{NODE_PORT}", binary.display()))
}

/// Where the things that set-up made are, for the tests that use them.
fn environment<'a>(command: &'a mut Command, root: &Path, target: &Path) -> &'a mut Command {
    let python = root.join(".contrail/venv/bin/python");
    if python.is_file() {
        command.env("CONTRAIL_PYTHON", python);
    }
    // Test binaries of rooms above `model` are linked to libduckdb too, without knowing where it is.
    let library = root.join(".contrail/duckdb");
    let variable = if cfg!(target_os = "macos") { "DYLD_FALLBACK_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    let others = std::env::var_os(variable).unwrap_or_default();
    let paths = std::iter::once(library).chain(std::env::split_paths(&others).filter(|p| !p.as_os_str().is_empty()));
    if let Ok(paths) = std::env::join_paths(paths) {
        command.env(variable, paths);
    }
    command.env("CONTRAIL_BINARY", target.join("debug/contrail"))
}

/// The browser that set-up has found or installed.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CONTRAIL_CHROMIUM").map(PathBuf::from);
    let usual = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = usual.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let of_macs = ["Google Chrome", "Chromium"]
        .map(|name| PathBuf::from(format!("/Applications/{name}.app/Contents/MacOS/{name}")));
    named.into_iter().chain(found).chain(of_macs).find(|path| path.is_file())
}

/// Runs a test runner, shows what it says, and reads its totals.
fn read_tests(command: &mut Command) -> Result<(Totals, Vec<String>)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (sender, lines) = mpsc::channel();
    let stdout = child.stdout.take().map(|out| Box::new(out) as Box<dyn Read + Send>);
    let stderr = child.stderr.take().map(|err| Box::new(err) as Box<dyn Read + Send>);
    for stream in [stdout, stderr].into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut bytes = Vec::new();
            while stream.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
                let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_string();
                bytes.clear();
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    drop(sender);
    let mut reader = Reader::default();
    for line in lines {
        if reader.line(&line) {
            println!("{line}");
        }
    }
    let succeeded = child.wait()?.success();
    Ok((reader.finish(succeeded), reader.skips))
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    command.current_dir(root);
    command
}

fn npm(web: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(web);
    command
}

fn succeeds(command: &mut Command) -> Result<bool> {
    let name = format!("{command:?}");
    Ok(command.stdin(Stdio::null()).status().with_context(|| name)?.success())
}
