//! The promises of the seam [`Registry`] as a suite that any registry must pass. It panics where one is broken.

use crate::{Level, Lookup, Registry, RegistryError};

fn record(fields: &[&str]) -> String {
    format!(r#"{{"type": "record", "name": "R", "fields": [{}]}}"#, fields.join(", "))
}

const A: &str = r#"{"name": "a", "type": "int"}"#;
const B: &str = r#"{"name": "b", "type": ["null", "string"], "default": null}"#;
const C: &str = r#"{"name": "c", "type": "string"}"#;

/// Runs the whole suite; each case asks for a registry that has none of the subjects `one`, `two`, `three`.
pub async fn run<R: Registry>(fresh: impl AsyncFn() -> R) {
    one_schema_has_one_id(&fresh().await).await;
    what_breaks_readers_is_refused_by_name(&fresh().await).await;
    what_is_no_schema_is_refused(&fresh().await).await;
}

async fn one_schema_has_one_id(registry: &dyn Registry) {
    let first = registry.register("one", &record(&[A])).await.expect("register");
    let second = registry.register("one", &record(&[A, B])).await.expect("register");
    assert_ne!(first, second);
    for (subject, schema) in
        [("one", record(&[A])), ("two", record(&[A])), ("one", record(&[A]).replace(' ', "")), ("two", record(&[A]))]
    {
        assert_eq!(registry.register(subject, &schema).await.expect("register"), first, "{subject} {schema}");
    }
    let versions = registry.versions("one").await.expect("versions");
    let seen: Vec<_> = versions.iter().map(|v| (&*v.subject, v.version, v.id)).collect();
    assert_eq!(seen, [("one", 1, first), ("one", 2, second)]);
    for version in versions {
        let found = registry.schema(version.id).await.expect("schema");
        assert_eq!(found, Lookup::Found(version.schema));
    }
    let subjects = registry.subjects().await.expect("subjects");
    assert!(subjects.is_sorted() && ["one", "two"].iter().all(|s| subjects.iter().any(|t| t == s)), "{subjects:?}");
    assert_eq!(registry.versions("three").await.expect("versions"), [], "a subject that does not exist has none");
}

async fn what_breaks_readers_is_refused_by_name(registry: &dyn Registry) {
    registry.set_level("one", Level::Backward).await.expect("set level");
    registry.register("one", &record(&[A])).await.expect("register");
    for refused in
        [registry.check("one", &record(&[A, C])).await, registry.register("one", &record(&[A, C])).await.map(|_| ())]
    {
        let refused = refused.expect_err("a field without default is not backward compatible");
        assert!(matches!(&refused, RegistryError::Incompatible { level: Level::Backward, .. }), "{refused}");
        assert!(refused.to_string().contains("field c"), "{refused}");
    }
    assert_eq!(registry.versions("one").await.expect("versions").len(), 1, "what is refused leaves nothing");
    for (level, schema, allowed) in [
        (Level::Backward, record(&[A, B]), true),
        (Level::Forward, record(&[A, C]), true),
        (Level::Forward, record(&[]), false),
        (Level::Full, record(&[A, C]), false),
        (Level::Full, record(&[A, B]), true),
        (Level::None, r#""int""#.into(), true),
    ] {
        registry.set_level("one", level).await.expect("set level");
        assert_eq!(registry.level("one").await.expect("level"), level);
        assert_eq!(registry.check("one", &schema).await.is_ok(), allowed, "{level} {schema}");
    }
    registry.check("three", &record(&[C])).await.expect("a first version may be anything");
}

async fn what_is_no_schema_is_refused(registry: &dyn Registry) {
    for text in ["", "{}", r#""nothing""#, r#"{"type":"record","name":"R"}"#] {
        for refused in [registry.register("one", text).await.map(|_| ()), registry.check("one", text).await] {
            let refused = refused.expect_err("no schema");
            assert!(matches!(refused, RegistryError::Invalid(_)), "{refused}");
        }
    }
}
