//! The client against a real registry: the seam's promises, and where that server differs from others.

use contrail_kit::{Class, Classified};
use contrail_testkit::Services;
use contrail_testkit::live::fresh_name;

use super::*;
use crate::codec::{Encoder, SCHEMA, agree};
use crate::conformance;
use crate::conformance::registry::Prefixed;

fn open(options: Options) -> HttpRegistry {
    HttpRegistry::open(options).unwrap()
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_registry() {
    let Some(url) = Services::registry() else { return };
    conformance::registry::run(async || Prefixed {
        prefix: fresh_name("suite") + "-",
        registry: open(Options::new(&url)),
    })
    .await;
}

#[tokio::test]
async fn our_schema_is_registered_once_and_found_by_another_client() {
    let Some(url) = Services::registry() else { return };
    let subject = fresh_name("states") + "-value";
    let off = open(Options { register: false, ..Options::new(&url) });
    let error = off.register(&subject, SCHEMA).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unregistered { .. }), "{error}");
    let one = open(Options::new(&url));
    let id = Encoder::new(&one, &subject).await.unwrap().schema_id();
    let other = open(Options::new(&url));
    assert_eq!(Encoder::new(&other, &subject).await.unwrap().schema_id(), id);
    assert_eq!(off.register(&subject, SCHEMA).await.unwrap(), id);
    assert_eq!(one.versions(&subject).await.unwrap().len(), 1);
    let Lookup::Found(text) = other.schema(id).await.unwrap() else { panic!("schema {id} is gone") };
    assert!(same(&text, SCHEMA), "{text}");
    // A server that takes anything does not make us write what readers cannot read.
    let strange = SCHEMA.replace(r#""name": "icao24", "type": "string""#, r#""name": "icao24", "type": "long""#);
    assert_ne!(strange, SCHEMA);
    let subject = fresh_name("strange") + "-value";
    one.set_level(Some(&subject), Some(Level::None)).await.unwrap();
    one.register(&subject, &strange).await.unwrap();
    one.set_level(Some(&subject), Some(Level::Backward)).await.unwrap();
    for refused in [agree(&one, &subject).await.unwrap_err(), Encoder::new(&one, &subject).await.err().unwrap()] {
        assert_eq!(refused.class(), Class::USER);
        assert!(
            refused.to_string().contains("field icao24 is written as long and read as string\nfield "),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn an_id_that_nobody_has_is_waited_for_and_then_nobodys() {
    let Some(url) = Services::registry() else { return };
    let registry = open(Options { patience: Duration::from_millis(500), ..Options::new(&url) });
    let id = u32::MAX >> 1;
    assert_eq!(registry.peek(id).await.unwrap(), None);
    let error = registry.schema(id).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unavailable { .. }), "{error}");
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(registry.schema(id).await.unwrap(), Lookup::Never);
}

#[tokio::test]
async fn an_address_beside_the_api_is_named_and_is_no_verdict() {
    let Some(url) = Services::registry() else { return };
    let wrong = url.replace("/apis/", "/nowhere/");
    assert_ne!(wrong, url);
    for _ in 0..2 {
        let registry = open(Options { patience: Duration::ZERO, ..Options::new(&wrong) });
        let error = registry.schema(1).await.unwrap_err();
        assert!(matches!(error, RegistryError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("registry.url"), "{error}");
    }
}
