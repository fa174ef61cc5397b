//! The repository's own tools, run as `cargo xtask <verb>`: rules that compilers do not know, and the runner of checks
//! and tests.
//!
//! Reading order: [`tidy`] (house rules), [`licence`] and [`packages`] (what we ship of others), [`notices`], [`run`],
//! [`services`] and [`totals`] (the verbs behind `make check` and `make test`).

mod licence;
mod notices;
mod packages;
mod run;
mod rust;
mod services;
mod tidy;
mod totals;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "cargo xtask <verb>

  tidy                    dependency direction, one owner a dependency, sizes, house rules
  licences                licences of all crates and npm packages against deny.toml
  notices [--check]       write NOTICES, or say whether it is up to date
  check                   all of the above, formatting, clippy, web lint and types, advisories
  test [rust|unit|e2e]    every test; ends with \"N passed, N failed, N skipped\"
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = repository();
    let done = match words.as_slice() {
        ["tidy"] => tidy::run(&root),
        ["licences"] => licence::run(&root),
        ["notices"] => notices::write(&root),
        ["notices", "--check"] => notices::check(&root),
        ["check"] => run::check(&root),
        ["test", parts @ ..] => run::test(&root, parts),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the checkout: the parent of this crate's folder.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf()
}
