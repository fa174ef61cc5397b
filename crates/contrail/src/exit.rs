//! How the process ends: 0 done, 1 failed, 2 usage or configuration.

use std::process::ExitCode;

use contrail_kit::class::chain;
use contrail_kit::{Class, Classified, Who};

/// A mistake of the user's that has no error type of its own.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// A role's failure: its whole text, and its class.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failed {
    text: String,
    class: Class,
}

impl Failed {
    pub fn new(error: &(dyn Classified + 'static)) -> Self {
        Self { text: chain(error), class: error.class() }
    }
}

/// Prints what went wrong, once, and says with which code to end.
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("contrail: {}", text(error));
    ExitCode::from(code(error))
}

fn text(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn code(error: &anyhow::Error) -> u8 {
    let user = |class: Class| class.who == Who::User;
    let is_usage = error.chain().any(|cause| {
        cause.is::<Usage>()
            || cause.is::<crate::config::ConfigError>()
            || cause.is::<contrail_flow::data_dir::DataDirError>()
            || cause.downcast_ref::<Failed>().is_some_and(|failed| user(failed.class))
    });
    if is_usage { 2 } else { 1 }
}
