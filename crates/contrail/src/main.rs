//! Contrail: the live sky of the OpenSky Network as a lakehouse that its user owns.

mod cli;
mod config;
mod exit;
mod line;
mod node;
mod signals;
mod tables;
mod tail;
mod telemetry;
mod up;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Cli, Command, Role};

fn main() -> ExitCode {
    // The process for users' statements must not even parse our arguments.
    if std::env::var_os(contrail_model::query::CHILD_ENV).is_some() {
        return ExitCode::from(contrail_model::query::child_main() as u8);
    }
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}

#[tokio::main]
async fn run(cli: Cli) -> Result<()> {
    const ALL: [Role; 4] = [Role::Source, Role::Land, Role::Build, Role::Serve];
    let folder = cli.global.data_dir.as_ref().map(|folder| folder.display().to_string());
    let sources = config::Sources::of_process(cli.global.config.clone(), cli.global.set.clone())
        .flag("--data-dir", "data_dir", folder);
    let (mut config, _origins) = config::load(&sources)?;
    telemetry::start(&config.telemetry.log, cli.global.verbose);
    match cli.command {
        Command::Up(flags) => {
            if flags.demo {
                config.demo(cli.global.data_dir.is_some());
            }
            up::run(config, &flags, &ALL).await
        }
        _ => anyhow::bail!("not yet"),
    }
}
