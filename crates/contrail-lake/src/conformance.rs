//! The contract of [`TableCatalog`] as a suite that every implementation passes. For tests; panics where one does not.

use std::sync::Arc;

use contrail_types::{Column, TableDef};
use futures::future::join_all;
use iceberg::spec::{MAIN_BRANCH, Operation, Snapshot, Summary, TableMetadata};
use iceberg::{NamespaceIdent, TableIdent, TableRequirement};

use crate::catalog::{CatalogError, CommitError, Loaded, Proposal, TableCatalog};
use crate::schema::creation;

/// Runs the suite on two handles of one catalog that has no such `namespace`; tables are made under `folder`.
pub async fn catalog(one: Arc<dyn TableCatalog>, other: Arc<dyn TableCatalog>, namespace: &str, folder: &str) {
    let table = TableIdent::new(NamespaceIdent::new(namespace.into()), "first".into());
    tables_come_and_are_found(&one, &other, &table, folder).await;
    a_commit_is_seen_and_a_stale_base_is_refused(&one, &other, &table).await;
    of_racing_commits_one_lands(&one, &other, &table).await;
    old_metadata_goes(&one, &table).await;
    tables_go(&one, &other, &table, folder).await;
}

fn def() -> TableDef {
    TableDef {
        name: "first".into(),
        doc: "A table of the conformance suite".into(),
        columns: vec![Column::new("row_id", arrow::datatypes::DataType::Int64, false, "Number of the row")],
        partition: None,
        sort: vec!["row_id".into()],
        bounds: vec!["row_id".into()],
        ids: Vec::new(),
        gained: Vec::new(),
    }
}

async fn create(catalog: &Arc<dyn TableCatalog>, table: &TableIdent, folder: &str) -> Result<Loaded, CatalogError> {
    let location = format!("{folder}/{}", table.name());
    catalog.create(table, creation(&def(), Some(location)).expect("the definition is sound")).await
}

/// A change of one property, by an empty snapshot.
fn proposal(base: &Loaded, value: &str) -> Proposal {
    let properties = [("contrail.test".to_owned(), value.to_owned())].into();
    let (metadata, id) = (&base.metadata, crate::write::snapshot_id());
    let snapshot = Snapshot::builder()
        .with_snapshot_id(id)
        .with_parent_snapshot_id(metadata.current_snapshot_id())
        .with_sequence_number(metadata.next_sequence_number())
        .with_timestamp_ms(metadata.last_updated_ms() + 1)
        // Catalogs do not look into it.
        .with_manifest_list(format!("{}/metadata/snap-{id}.avro", metadata.location()))
        .with_summary(Summary { operation: Operation::Append, additional_properties: Default::default() })
        .with_schema_id(metadata.current_schema_id())
        .build();
    let requirements = vec![
        TableRequirement::UuidMatch { uuid: metadata.uuid() },
        TableRequirement::RefSnapshotIdMatch { r#ref: MAIN_BRANCH.into(), snapshot_id: metadata.current_snapshot_id() },
    ];
    let built = TableMetadata::clone(&base.metadata)
        .into_builder(Some(base.location.clone()))
        .set_properties(properties)
        .and_then(|builder| builder.set_branch_snapshot(snapshot, MAIN_BRANCH))
        .and_then(|builder| builder.build())
        .expect("a property can be set");
    Proposal {
        requirements,
        updates: built.changes,
        metadata: built.metadata,
        dropped: built.expired_metadata_logs.into_iter().map(|log| log.metadata_file).collect(),
    }
}

fn value(loaded: &Loaded) -> Option<&str> {
    loaded.metadata.properties().get("contrail.test").map(String::as_str)
}

async fn tables_come_and_are_found(
    one: &Arc<dyn TableCatalog>,
    other: &Arc<dyn TableCatalog>,
    table: &TableIdent,
    folder: &str,
) {
    let namespace = &table.namespace().to_url_string();
    assert_eq!(one.tables(namespace).await.unwrap(), Vec::<String>::new());
    assert!(matches!(one.load(table, None).await, Err(CatalogError::NoSuchTable(_))));
    let made = create(one, table, folder).await.unwrap();
    assert!(matches!(create(other, table, folder).await, Err(CatalogError::TableExists(_))));
    assert_eq!(other.tables(namespace).await.unwrap(), [table.name()]);
    assert_eq!(other.tables("elsewhere").await.unwrap(), Vec::<String>::new());
    let found = other.load(table, None).await.unwrap();
    assert_eq!((&found.location, found.metadata.uuid()), (&made.location, made.metadata.uuid()));
}

async fn a_commit_is_seen_and_a_stale_base_is_refused(
    one: &Arc<dyn TableCatalog>,
    other: &Arc<dyn TableCatalog>,
    table: &TableIdent,
) {
    let base = one.load(table, None).await.unwrap();
    let same = one.load(table, Some(&base)).await.unwrap();
    assert!(Arc::ptr_eq(&base.metadata, &same.metadata), "an unchanged table is not read again");
    let landed = one.commit(table, &base, proposal(&base, "one")).await.unwrap();
    assert_ne!(landed.location, base.location);
    let seen = other.load(table, Some(&base)).await.unwrap();
    assert_eq!((value(&seen), &seen.location), (Some("one"), &landed.location));
    let stale = other.commit(table, &base, proposal(&base, "two")).await;
    assert!(matches!(stale, Err(CommitError::Conflict)), "{stale:?}");
    assert_eq!(value(&one.load(table, None).await.unwrap()), Some("one"));
    let landed = other.commit(table, &seen, proposal(&seen, "three")).await.unwrap();
    assert_eq!(value(&one.load(table, Some(&seen)).await.unwrap()), Some("three"));
    assert_eq!(landed.metadata.metadata_log().last().map(|entry| &entry.metadata_file), Some(&seen.location));
}

async fn of_racing_commits_one_lands(one: &Arc<dyn TableCatalog>, other: &Arc<dyn TableCatalog>, table: &TableIdent) {
    for round in 0..10 {
        let base = one.load(table, None).await.unwrap();
        let racers = (0..6).map(|n| {
            let (catalog, base) = (if n % 2 == 0 { one.clone() } else { other.clone() }, base.clone());
            let (table, text) = (table.clone(), format!("{round}-{n}"));
            tokio::spawn(async move {
                let outcome = catalog.commit(&table, &base, proposal(&base, &text)).await;
                (text, outcome)
            })
        });
        let outcomes: Vec<_> = join_all(racers).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<&String> = outcomes.iter().filter(|(_, o)| o.is_ok()).map(|(text, _)| text).collect();
        assert_eq!(winners.len(), 1, "exactly one lands: {outcomes:?}");
        for (_, outcome) in &outcomes {
            assert!(matches!(outcome, Ok(_) | Err(CommitError::Conflict)), "{outcome:?}");
        }
        assert_eq!(value(&one.load(table, None).await.unwrap()), Some(winners[0].as_str()));
    }
}

async fn old_metadata_goes(one: &Arc<dyn TableCatalog>, table: &TableIdent) {
    let mut base = one.load(table, None).await.unwrap();
    let first = base.location.clone();
    for n in 0..15 {
        base = one.commit(table, &base, proposal(&base, &n.to_string())).await.unwrap();
    }
    assert!(base.metadata.metadata_log().len() <= 10);
    assert!(base.metadata.metadata_log().iter().all(|entry| entry.metadata_file != first));
}

async fn tables_go(one: &Arc<dyn TableCatalog>, other: &Arc<dyn TableCatalog>, table: &TableIdent, folder: &str) {
    let base = one.load(table, None).await.unwrap();
    one.drop_table(table).await.unwrap();
    assert!(matches!(other.load(table, Some(&base)).await, Err(CatalogError::NoSuchTable(_))));
    assert!(matches!(other.drop_table(table).await, Err(CatalogError::NoSuchTable(_))));
    assert!(other.commit(table, &base, proposal(&base, "late")).await.is_err());
    let made = create(other, table, folder).await.unwrap();
    assert_ne!(made.metadata.uuid(), base.metadata.uuid());
}
