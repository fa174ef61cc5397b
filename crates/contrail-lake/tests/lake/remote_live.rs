//! The lake on a real REST catalog and a real S3-compatible store: the contract, lost answers, upkeep, other readers.

use std::sync::Arc;
use std::time::Duration;

use contrail_kit::{Class, Classified, Secret};
use contrail_lake::{CatalogError, Change, Compaction, RestCatalog, RestOptions, S3Options, TableCatalog, conformance};
use contrail_testkit::live::fresh_name;
use contrail_types::time::{DAY, HOUR};
use iceberg::{NamespaceIdent, TableIdent};

use crate::proxy::{Fault, Proxy};
use crate::pyiceberg::{check, fsck, python};
use crate::support::{FIRST_HOUR, Remote, Sandbox, append, def, ids, open, rows};

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_rest_catalog_keeps_the_contract() {
    let Some(sandbox) = Sandbox::remote() else { return };
    let Remote { warehouse, namespace, .. } = sandbox.remote.as_ref().unwrap();
    let handle = || Arc::new(sandbox.remote.as_ref().unwrap().catalog());
    conformance::catalog(handle(), handle(), namespace, &format!("{warehouse}/{namespace}")).await;
}

/// Whatever becomes of a commit's request or answer, its rows are there once; and not at all when it is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_commit_whose_answer_is_lost_lands_once() {
    let Some(mut sandbox) = Sandbox::remote() else { return };
    let witness = sandbox.table().await;
    let proxy = Proxy::before(&sandbox.remote.as_ref().unwrap().catalog).await;
    sandbox.remote.as_mut().unwrap().catalog = proxy.url.clone();
    let options = RestOptions { timeout: Duration::from_secs(2), ..RestOptions::new(&proxy.url) };
    let table = sandbox.lake_on(Arc::new(RestCatalog::open(options).unwrap())).ensure(&def()).await.unwrap();

    const BROKEN: &str = r#"{"error":{"message":"out of order","type":"InternalServerError","code":500}}"#;
    let faults = [
        Fault::Lost,
        Fault::AnswerLost,
        Fault::Silence,
        Fault::Instead(503, BROKEN),
        Fault::Instead(500, "<html>bad gateway</html>"),
        Fault::Instead(504, ""),
        // The server's own retry was refused: its first try had landed.
        Fault::Instead(409, r#"{"error":{"message":"changed","type":"CommitFailedException","code":409}}"#),
        Fault::Instead(200, BROKEN),
        Fault::Instead(200, "{\"metadata-location\":"),
        Fault::Refused(500, BROKEN),
        Fault::Refused(503, BROKEN),
        Fault::Refused(409, BROKEN),
        Fault::Refused(200, BROKEN),
    ];
    let mut expected = Vec::new();
    for (n, fault) in faults.into_iter().enumerate() {
        proxy.next("POST", "/tables/observations", fault);
        append(&table, n as i64).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert!(proxy.done(), "{fault:?}");
        expected.push(n as i64);
        assert_eq!(ids(&witness).await, expected, "{fault:?}");
    }
    let denied = r#"{"error":{"message":"no","type":"ForbiddenException","code":403}}"#;
    for (status, class) in [(400, Class::EXTERNAL_FINAL), (403, Class::USER), (422, Class::EXTERNAL_FINAL)] {
        proxy.next("POST", "/tables/observations", Fault::Refused(status, denied));
        let refused = append(&table, 1000).await.unwrap_err();
        assert_eq!(refused.class(), class, "{status}: {refused}");
        assert_eq!(ids(&witness).await, expected, "{status}");
    }
    // What was asked for but never landed is nobody's: a day later it is gone, and nothing else.
    sandbox.clock.set(sandbox.clock.now() + 3 * DAY);
    assert!(!table.sweep().await.unwrap().is_empty());
    assert_eq!(ids(&witness).await, expected);
    let fsck = witness.fsck().await.unwrap();
    assert_eq!((fsck.orphans, fsck.missing), (vec![], vec![]));
}

/// The store loses requests and answers of every file that a commit writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_file_whose_answer_is_lost_is_written_once() {
    let Some(mut sandbox) = Sandbox::remote() else { return };
    let witness = sandbox.table().await;
    let remote = sandbox.remote.as_mut().unwrap();
    let proxy = Proxy::before(remote.s3.endpoint.as_ref().unwrap()).await;
    remote.s3.endpoint = Some(proxy.url.clone());
    let table = sandbox.table().await;
    const SLOW: &str = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let faults = [
        Fault::Lost,
        Fault::AnswerLost,
        Fault::Instead(500, SLOW),
        Fault::Instead(503, SLOW),
        Fault::Instead(200, SLOW),
        Fault::Refused(200, SLOW),
        Fault::Refused(503, SLOW),
    ];
    let mut expected = Vec::new();
    for fault in faults {
        for part in ["/data/", "/metadata/added-", "/metadata/snap-"] {
            let id = expected.len() as i64;
            proxy.next("PUT", part, fault);
            append(&table, id).await.unwrap_or_else(|error| panic!("{fault:?} {part}: {error}"));
            assert!(proxy.done(), "{fault:?} {part}");
            expected.push(id);
        }
    }
    assert_eq!(ids(&witness).await, expected);
    let fsck = witness.fsck().await.unwrap();
    assert_eq!((fsck.orphans, fsck.missing), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn writers_that_race_lose_nothing() {
    let Some(sandbox) = Sandbox::remote() else { return };
    let tables = [sandbox.table().await, sandbox.table().await];
    let writers = tables.iter().cloned().enumerate().map(|(writer, table)| {
        tokio::spawn(async move {
            for n in 0..15 {
                append(&table, writer as i64 * 1000 + n).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(ids(&sandbox.table().await).await, (0..15).chain(1000..1015).collect::<Vec<i64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn pyiceberg_finds_what_we_keep_in_a_store() {
    let Some(sandbox) = Sandbox::remote() else { return };
    let Some(python) = python() else {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no Python with pyiceberg");
        eprintln!("SKIPPED: no Python with pyiceberg; run scripts/setup or set CONTRAIL_PYTHON");
        return;
    };
    let (table, start) = (sandbox.table().await, sandbox.clock.now());
    for n in 0..20 {
        let files = table.encode(&rows(n % 3, i64::from(n) * 100..i64::from(n) * 100 + 100)).unwrap();
        let change = Change::append(files).set([("contrail.offsets.test", n.to_string())]);
        table.commit(change, open).await.unwrap();
    }
    let seen = table.load().await.unwrap().sequence_number();
    let files = table.encode(&rows(1, 9000..9100)).unwrap();
    table.commit(Change::overwrite_partitions([FIRST_HOUR + 1, FIRST_HOUR + 7], seen, files), open).await.unwrap();
    table.compact(FIRST_HOUR, &Compaction::default()).await.unwrap().unwrap();
    check(&python, &sandbox, &table, &fsck(&table).await, &[]);
    // Snapshots expired and files deleted.
    for n in 0..125 {
        sandbox.clock.set(start + 9 * DAY + n * HOUR);
        append(&table, 20_000 + n).await.unwrap();
    }
    let upkeep = table.upkeep().await.unwrap();
    sandbox.clock.set(start + 20 * DAY);
    let deleted = table.upkeep().await.unwrap().files_deleted;
    assert!(deleted > 20, "{upkeep:?}, then {deleted} deleted");
    check(&python, &sandbox, &table, &fsck(&table).await, &[]);
    // It appends and deletes (copy on write), and we go on.
    let before = ids(&table).await;
    check(&python, &sandbox, &table, &fsck(&table).await, &["--write"]);
    let mut after: Vec<i64> = before.iter().copied().filter(|id| *id != 20_000).chain(700_000..700_777).collect();
    after.sort_unstable();
    assert_eq!(ids(&table).await, after);
    table.compact(FIRST_HOUR, &Compaction::default()).await.unwrap();
    assert_eq!(ids(&table).await, after);
    check(&python, &sandbox, &table, &fsck(&table).await, &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_large_file_goes_up_in_parts() {
    let Some(sandbox) = Sandbox::remote() else { return };
    let table = sandbox.table().await;
    // Addresses and times that no encoding makes small.
    let files =
        table.encode(&rows(0, (0..1_600_000).map(|n: i64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> 24)));
    let files = files.unwrap();
    assert!(files[0].bytes > 17 << 20, "{}", files[0].bytes);
    table.commit(Change::append(files), open).await.unwrap();
    let version = table.load().await.unwrap();
    assert_eq!(ids(&table).await.len(), 1_600_000);
    let held = table.hold(version.live_files()).await.unwrap();
    let sizes: Vec<u64> = held.paths().iter().map(|path| path.metadata().unwrap().len()).collect();
    assert_eq!(sizes, version.live_files().map(|file| file.bytes).collect::<Vec<_>>());
}

/// What goes wrong first in practice says what to do about it.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn wrong_settings_are_told_plainly() {
    let Some(mut sandbox) = Sandbox::remote() else { return };
    let table = TableIdent::new(NamespaceIdent::new(fresh_name("nobody")), "nothing".into());
    let catalog = |uri: &str| RestCatalog::open(RestOptions::new(uri)).unwrap();
    let store = sandbox.remote.as_ref().unwrap().s3.endpoint.clone().unwrap();
    // A store is no catalog, and nobody listens on port 1.
    let told = catalog(&store).load(&table, None).await.unwrap_err();
    assert!(
        told.to_string().contains("is no Iceberg REST catalog") || told.to_string().contains("let us in"),
        "{told}"
    );
    assert_eq!(told.class(), Class::USER);
    let told = catalog("http://127.0.0.1:1").load(&table, None).await.unwrap_err();
    assert!(told.to_string().starts_with("the catalog at http://127.0.0.1:1 does not answer"), "{told}");
    assert_eq!(told.class(), Class::EXTERNAL);
    let here = sandbox.remote.as_ref().unwrap().catalog();
    assert!(matches!(here.load(&table, None).await, Err(CatalogError::NoSuchTable(_))));

    let table = sandbox.table().await;
    let remote = sandbox.remote.as_mut().unwrap();
    let right = remote.s3.clone();
    let wrong = [
        (S3Options { keys: Some(("nobody".into(), Secret::new("guessed"))), ..right.clone() }, "check the keys"),
        (S3Options { endpoint: Some("http://127.0.0.1:1".into()), ..right.clone() }, "127.0.0.1:1"),
    ];
    for (s3, words) in wrong {
        sandbox.remote.as_mut().unwrap().s3 = s3;
        let other = sandbox.table().await;
        let told = other.encode(&rows(0, [1])).unwrap_err();
        assert!(told.to_string().contains(words), "{told}");
        assert!(!told.to_string().contains("guessed"), "{told}");
    }
    sandbox.remote.as_mut().unwrap().s3 = right;
    append(&table, 1).await.unwrap();
}
