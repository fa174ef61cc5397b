//! The embedded registry against the seam's promises, and its own: ids outlive restarts, and "never" means never.

use super::*;
use crate::codec::{SCHEMA, SUBJECT};
use crate::conformance;
use crate::embedded::{EmbeddedLog, Options};

async fn open(folder: &tempfile::TempDir) -> EmbeddedRegistry {
    EmbeddedLog::open(folder.path().join("log.db"), Options::default()).await.unwrap().registry()
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_registry() {
    let folders: Vec<_> = (0..8).map(|_| tempfile::tempdir().unwrap()).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    conformance::registry::run(async || open(&folders[next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)]).await)
        .await;
}

#[tokio::test]
async fn ids_and_levels_outlive_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(&folder).await;
    assert_eq!(registry.level(None).await.unwrap(), Some(Level::Backward));
    assert_eq!(registry.level(Some(SUBJECT)).await.unwrap(), None);
    let id = registry.register(SUBJECT, SCHEMA).await.unwrap();
    registry.set_level(Some(SUBJECT), Some(Level::Full)).await.unwrap();
    registry.set_level(None, Some(Level::None)).await.unwrap();
    drop(registry);
    let registry = open(&folder).await;
    assert_eq!(registry.register(SUBJECT, SCHEMA).await.unwrap(), id);
    assert_eq!(registry.level(Some(SUBJECT)).await.unwrap(), Some(Level::Full));
    assert_eq!(registry.level(None).await.unwrap(), Some(Level::None));
    assert_eq!(registry.versions(SUBJECT).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_id_that_was_asked_for_in_vain_is_never_given() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(&folder).await;
    for id in [1, 2, 4, u32::MAX] {
        assert_eq!(registry.schema(id).await.unwrap(), Lookup::Never);
    }
    assert_eq!(registry.register("s", "\"int\"").await.unwrap(), 3);
    assert_eq!(registry.register("t", "\"long\"").await.unwrap(), 5);
    assert_eq!(registry.schema(1).await.unwrap(), Lookup::Never);
}

#[tokio::test]
async fn looking_strikes_nothing_off() {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(&folder).await;
    for id in 1..5 {
        assert_eq!(registry.peek(id).await.unwrap(), None);
    }
    assert_eq!(registry.register("s", "\"int\"").await.unwrap(), 1);
    assert_eq!(registry.peek(1).await.unwrap().as_deref(), Some("\"int\""));
}
