//! The promises of the seam [`Registry`] as a suite that any registry must pass. It panics where one is broken.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Level, Lookup, Registry, RegistryError, Version, registry};

fn record(fields: &[&str]) -> String {
    format!(r#"{{"type": "record", "name": "R", "fields": [{}]}}"#, fields.join(", "))
}

const A: &str = r#"{"name": "a", "type": "int"}"#;
const B: &str = r#"{"name": "b", "type": ["null", "string"], "default": null}"#;
const C: &str = r#"{"name": "c", "type": "string"}"#;

/// Registries may write a schema in their own way.
fn parsed(schema: &str) -> serde_json::Value {
    serde_json::from_str(schema).expect("JSON")
}

/// Runs the whole suite; each case asks for a registry that has none of the subjects `one`, `two`, `three`.
pub async fn run<R: Registry>(fresh: impl AsyncFn() -> R) {
    one_schema_has_one_id(&fresh().await).await;
    what_breaks_readers_is_refused_by_name(&fresh().await).await;
    transitive_levels_look_at_every_version(&fresh().await).await;
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
        assert_eq!(parsed(&version.schema), parsed(&record(&if version.version == 1 { vec![A] } else { vec![A, B] })));
        let Lookup::Found(found) = registry.schema(version.id).await.expect("schema") else {
            panic!("schema {} is gone", version.id)
        };
        assert_eq!(parsed(&found), parsed(&version.schema));
        let seen = registry.peek(version.id).await.expect("peek").expect("a schema that is there");
        assert_eq!(parsed(&seen), parsed(&version.schema));
    }
    let subjects = registry.subjects().await.expect("subjects");
    assert!(subjects.is_sorted() && ["one", "two"].iter().all(|s| subjects.iter().any(|t| t == s)), "{subjects:?}");
    assert_eq!(registry.versions("three").await.expect("versions"), [], "a subject that does not exist has none");
}

async fn what_breaks_readers_is_refused_by_name(registry: &dyn Registry) {
    registry.set_level(Some("one"), Some(Level::Backward)).await.expect("set level");
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
        registry.set_level(Some("one"), Some(level)).await.expect("set level");
        assert_eq!(registry.level(Some("one")).await.expect("level"), Some(level));
        assert_eq!(registry.check("one", &schema).await.is_ok(), allowed, "{level} {schema}");
    }
    registry.check("three", &record(&[C])).await.expect("a first version may be anything");
    registry.set_level(Some("one"), None).await.expect("take the level away");
    let all = registry.level(None).await.expect("level").expect("one for all subjects");
    let own = registry.level(Some("one")).await.expect("level");
    assert!(own.is_none_or(|own| own == all), "{own:?}");
    assert_eq!(registry::level(registry, "one").await.expect("level"), all);
}

async fn transitive_levels_look_at_every_version(registry: &dyn Registry) {
    registry.set_level(Some("two"), Some(Level::None)).await.expect("set level");
    let number = r#"{"name": "c", "type": "int", "default": 0}"#;
    registry.register("two", &record(&[C])).await.expect("register");
    registry.register("two", &record(&[A])).await.expect("register");
    for (level, allowed) in [
        (Level::Backward, true),
        (Level::BackwardTransitive, false),
        (Level::Forward, true),
        (Level::ForwardTransitive, false),
        (Level::Full, true),
        (Level::FullTransitive, false),
    ] {
        registry.set_level(Some("two"), Some(level)).await.expect("set level");
        let schema = record(&[A, number]);
        assert_eq!(registry.check("two", &schema).await.is_ok(), allowed, "{level}");
        let verdict = registry::verdict(registry, "two", &schema).await.expect("verdict");
        assert_eq!(verdict.compatible(), allowed, "{level}");
    }
}

async fn what_is_no_schema_is_refused(registry: &dyn Registry) {
    for text in ["", "{}", r#""nothing""#, r#"{"type":"record","name":"R"}"#] {
        for refused in [registry.register("one", text).await.map(|_| ()), registry.check("one", text).await] {
            let refused = refused.expect_err("no schema");
            assert!(matches!(refused, RegistryError::Invalid(_)), "{refused}");
        }
    }
}

/// A registry whose subjects all have a prefix, so that many suites can use one server.
pub struct Prefixed<R> {
    pub prefix: String,
    pub registry: R,
}

impl<R> Prefixed<R> {
    fn to(&self, subject: &str) -> String {
        format!("{}{subject}", self.prefix)
    }
}

#[async_trait]
impl<R: Registry> Registry for Prefixed<R> {
    async fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        self.registry.register(&self.to(subject), schema).await
    }

    async fn schema(&self, id: u32) -> Result<Lookup, RegistryError> {
        self.registry.schema(id).await
    }

    async fn peek(&self, id: u32) -> Result<Option<Arc<str>>, RegistryError> {
        self.registry.peek(id).await
    }

    async fn check(&self, subject: &str, schema: &str) -> Result<(), RegistryError> {
        self.registry.check(&self.to(subject), schema).await
    }

    async fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        let all = self.registry.subjects().await?;
        Ok(all.iter().filter_map(|subject| subject.strip_prefix(&self.prefix)).map(str::to_owned).collect())
    }

    async fn versions(&self, subject: &str) -> Result<Vec<Version>, RegistryError> {
        let versions = self.registry.versions(&self.to(subject)).await?;
        Ok(versions.into_iter().map(|version| Version { subject: subject.to_owned(), ..version }).collect())
    }

    async fn level(&self, subject: Option<&str>) -> Result<Option<Level>, RegistryError> {
        self.registry.level(subject.map(|subject| self.to(subject)).as_deref()).await
    }

    async fn set_level(&self, subject: Option<&str>, level: Option<Level>) -> Result<(), RegistryError> {
        self.registry.set_level(subject.map(|subject| self.to(subject)).as_deref(), level).await
    }
}
