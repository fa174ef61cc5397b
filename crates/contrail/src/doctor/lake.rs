//! Whether a lake elsewhere can be used: its catalog answers, its store takes files.

use contrail_kit::Classified;
use contrail_kit::class::{Class, chain};
use contrail_lake::{RestCatalog, storage};

use super::Finding;
use crate::config::Lake;

/// Asks the catalog, and writes, reads and removes a file in the store; nothing stays.
pub(super) async fn findings(config: &Lake) -> Vec<Finding> {
    if !config.is_remote() {
        return vec![Finding::ok(CATALOG, "in a file of this machine")];
    }
    let asked = match RestCatalog::open(config.rest()) {
        Ok(catalog) => catalog.check().await.map(|()| catalog.target().to_owned()),
        Err(error) => Err(error),
    };
    let catalog = match asked {
        Ok(target) => Finding::ok(CATALOG, format!("{target} answers and lets us in")),
        Err(error) => judge(CATALOG, error.class(), chain(&error), "mend the section [lake.catalog]"),
    };
    vec![catalog, store(config).await]
}

async fn store(config: &Lake) -> Finding {
    let Some(warehouse) = config.warehouse.as_ref().filter(|_| !config.catalog.vended) else {
        return Finding::ok(STORE, "the catalog says where it is; not looked at");
    };
    match storage::probe(warehouse, &config.store()).await {
        Ok(()) => Finding::ok(STORE, format!("{warehouse} takes files and gives them back")),
        Err(error) => judge(STORE, error.class(), chain(&error), "mend the section [lake.s3]"),
    }
}

const CATALOG: &str = "lake catalog";
const STORE: &str = "lake store";

/// What is away is waited for; what only a user can mend keeps a node from starting.
fn judge(check: &str, class: Class, seen: String, advice: &str) -> Finding {
    match class.retry {
        true => Finding::warn(check, seen, format!("look at the network and the server, or {advice}")),
        false => Finding::fail(check, seen, advice),
    }
}
