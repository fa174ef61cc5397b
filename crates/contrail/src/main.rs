//! Contrail: the live sky of the OpenSky Network as a lakehouse that its user owns.

mod alter;
mod build;
mod cli;
mod client;
mod config;
mod desk;
mod doctor;
mod evolve;
mod exit;
mod line;
mod memory;
mod node;
#[cfg(test)]
mod pages;
mod peers;
mod relocate;
mod repair;
mod show;
mod signals;
mod sky;
mod sql;
mod stream;
mod tables;
mod tail;
mod telemetry;
mod topic;
mod up;
mod upkeep;
mod verify;
mod versions;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Cli, Command, Role};

fn main() -> ExitCode {
    memory::configure();
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
    const ALL: [Role; 5] = [Role::Source, Role::Land, Role::Build, Role::Maintain, Role::Serve];
    let folder = cli.global.data_dir.as_ref().map(|folder| folder.display().to_string());
    let sources = config::Sources::of_process(cli.global.config.clone(), cli.global.set.clone()).flag(
        "--data-dir",
        "data_dir",
        folder,
    );
    let (mut config, origins) = config::load(&sources)?;
    let json = cli.global.json;
    telemetry::start(&config.telemetry.log, cli.global.verbose);
    if !matches!(cli.command, Command::Up(_) | Command::Run { .. } | Command::Sky(_)) {
        signals::end_with_reader();
    }
    match cli.command {
        Command::Up(flags) => {
            if flags.demo {
                config.demo(cli.global.data_dir.is_some());
            }
            up::run(config, &flags, &ALL).await
        }
        Command::Run { mut roles, landing } => {
            roles.sort();
            roles.dedup();
            let flags = cli::Up { demo: false, open: false, landing };
            up::run(config, &flags, &roles).await
        }
        Command::Sky(asked) => sky::run(asked).await,
        Command::Sql(asked) => sql::run(config, asked, json).await,
        Command::Build(asked) => build::run(config, asked, json).await,
        Command::Assets => show::assets(config, json).await,
        Command::Tables { command } => show::tables(config, command, json).await,
        Command::Stream { command } => topic::run(config, command, json).await,
        Command::Verify => verify::run(config, json).await,
        Command::Config { command: cli::Config::Show } if json => show::print_json(&origins.shown()),
        Command::Config { command: cli::Config::Show } => {
            print!("{}", origins.text());
            Ok(())
        }
        Command::Config { command: cli::Config::Check } => {
            println!("the configuration is good");
            Ok(())
        }
        Command::Doctor => {
            let findings = doctor::examine(&config).await;
            if json {
                show::print_json(&findings)?;
            } else {
                print!("{}", doctor::text(&findings));
            }
            if doctor::healthy(&findings) { Ok(()) } else { anyhow::bail!("something stands in the way, see above") }
        }
    }
}
