//! The embedded registry: ids for ever, versions, what a next version may be.

use super::*;
use crate::codec::{SCHEMA, SUBJECT};
use crate::embedded::{EmbeddedLog, Options};

fn record(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#)
}

const A: &str = r#"{"name": "a", "type": "int"}"#;
const B: &str = r#"{"name": "b", "type": ["null", "string"], "default": null}"#;
const C: &str = r#"{"name": "c", "type": "string"}"#;

#[tokio::test]
async fn ids_and_versions_stay_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let log = EmbeddedLog::open(&file, Options::default()).await.unwrap();
    let registry = log.registry();
    let first = registry.register("one", &record(A)).await.unwrap();
    let second = registry.register("one", &record(&[A, B].join(","))).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(registry.register("two", &record(A)).await.unwrap(), first, "one schema has one id");
    assert_eq!(registry.register("one", &record(A).replace(' ', "")).await.unwrap(), first, "white space is nothing");
    drop((log, registry));
    let log = EmbeddedLog::open(&file, Options::default()).await.unwrap();
    let registry = log.registry();
    assert_eq!(registry.register("one", &record(A)).await.unwrap(), first);
    assert_eq!(registry.subjects().await.unwrap(), ["one", "two"]);
    let versions = registry.versions("one").await.unwrap();
    assert_eq!(versions.iter().map(|v| (v.version, v.id)).collect::<Vec<_>>(), [(1, first), (2, second)]);
    assert_eq!(registry.schema(second).await.unwrap(), Lookup::Found(versions[1].schema.clone()));
    assert_eq!(registry.versions("none").await.unwrap(), []);
    registry.register(SUBJECT, SCHEMA).await.unwrap();
}

#[tokio::test]
async fn an_id_that_was_asked_for_in_vain_is_never_given() {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path().join("log.db"), Options::default()).await.unwrap();
    let registry = log.registry();
    for id in [1, 2, 4, u32::MAX] {
        assert_eq!(registry.schema(id).await.unwrap(), Lookup::Never);
    }
    assert_eq!(registry.register("s", &record(A)).await.unwrap(), 3);
    assert_eq!(registry.register("t", &record(B)).await.unwrap(), 5);
    assert_eq!(registry.schema(1).await.unwrap(), Lookup::Never);
}

#[tokio::test]
async fn what_breaks_readers_is_refused_by_name_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path().join("log.db"), Options::default()).await.unwrap();
    let registry = log.registry();
    assert_eq!(registry.level("s").await.unwrap(), Level::Backward);
    registry.register("s", &record(A)).await.unwrap();
    let wider = record(&[A, C].join(","));
    for refused in [registry.check("s", &wider).await, registry.register("s", &wider).await.map(drop)] {
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("field c is not written and has no default") && text.contains("BACKWARD"), "{text}");
    }
    assert_eq!(registry.versions("s").await.unwrap().len(), 1);
    registry.set_level("s", Level::Forward).await.unwrap();
    assert_eq!(registry.level("s").await.unwrap(), Level::Forward);
    registry.register("s", &wider).await.unwrap();
    registry.set_level("s", Level::Full).await.unwrap();
    registry.check("s", &record(&[A, B, C].join(","))).await.unwrap();
    assert!(registry.check("s", &record(A)).await.is_err());
    registry.set_level("s", Level::None).await.unwrap();
    registry.register("s", "\"int\"").await.unwrap();
    for text in ["", "{}", "\"nothing\"", r#"{"type":"record","name":"R"}"#] {
        let invalid = registry.register("s", text).await.unwrap_err();
        assert!(matches!(invalid, RegistryError::Invalid(_)), "{invalid}");
    }
}
