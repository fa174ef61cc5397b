//! Whether the schema registry answers, and would take what we write.

use contrail_kit::Classified;
use contrail_kit::class::{Who, chain};
use contrail_log::registry::http::HttpRegistry;
use contrail_log::registry::{RegistryError, verdict};
use contrail_log::{codec, registry};

use super::Finding;
use crate::config::Registry;

const CHECK: &str = "schema registry";

/// Asks, and registers nothing.
pub(super) async fn finding(config: &Registry, subject: &str) -> Finding {
    let Some(options) = config.elsewhere() else {
        return Finding::ok(CHECK, "in the data folder, served at /registry");
    };
    match look(options, subject).await {
        Ok(seen) => Finding::ok(CHECK, seen),
        Err(error) => judge(&error),
    }
}

async fn look(options: registry::http::Options, subject: &str) -> Result<String, RegistryError> {
    let register = options.register;
    let client = HttpRegistry::open(options)?;
    let verdict = verdict(&client, subject, codec::SCHEMA).await?;
    verdict.agreed()?;
    if !register {
        // Looked up only: registering is off.
        registry::Registry::register(&client, subject, codec::SCHEMA).await?;
    }
    Ok(format!("{} answers and gets along with our schema ({subject}, {})", client.target(), verdict.level))
}

/// A server that is away is waited for; what only a user can mend keeps a node from starting.
fn judge(error: &RegistryError) -> Finding {
    match error.class().who {
        Who::User => Finding::fail(CHECK, chain(error), "mend the section [registry], or what the server holds"),
        _ => Finding::warn(CHECK, chain(error), "look at the network, the server, and registry.url"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    async fn of(text: &str) -> Finding {
        let defaults = "register = true\ntimeout = \"2s\"\npatience = \"1s\"\nforget = \"1s\"\n";
        finding(&toml::from_str(&format!("{text}\n{defaults}")).unwrap(), codec::SUBJECT).await
    }

    #[tokio::test]
    async fn a_registry_answers_or_not() {
        assert_eq!(of("").await.verdict, Verdict::Ok);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("url = \"http://{}\"", listener.local_addr().unwrap());
        drop(listener);
        let away = of(&url).await;
        assert_eq!(away.verdict, Verdict::Warn, "{away:?}");
        assert!(away.seen.contains("cannot be reached"), "{away:?}");
        let bad = of("url = \"http://me:secret@127.0.0.1:1\"").await;
        assert_eq!(bad.verdict, Verdict::Fail, "{bad:?}");
        assert!(bad.seen.contains("registry.username") && !bad.seen.contains("secret@"), "{bad:?}");
    }
}
