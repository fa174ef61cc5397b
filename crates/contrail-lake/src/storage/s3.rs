//! Files in an S3-compatible store: created under names that were never used, each request with a deadline and retries.

mod files;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use contrail_kit::{Backoff, Secret};
use contrail_types::Micros;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use iceberg::io::FileIO;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential};
use object_store::path::Path;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, CredentialProvider, HeaderValue, MultipartUpload, ObjectStore,
    ObjectStoreExt, PutMode, PutOptions, RetryConfig,
};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::{StoreError, Trouble, plain};

/// Larger files go up in parts of this size.
const PART: usize = 8 << 20;
/// Parts on their way at the same time.
const PARTS_AT_ONCE: usize = 4;
/// How often a file is tried that the store neither took nor refused; each try has the client's own retries inside.
const TRIES: u32 = 3;
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));

/// What a catalog says of the store, under Iceberg's own keys (`s3.endpoint`, `s3.access-key-id`, ...).
pub(crate) type Properties = BTreeMap<String, String>;

/// How the store is reached. What is left out comes from the catalog, and keys at last from the usual variables of the
/// environment, the machine's role or the web identity, as AWS's own tools take them.
#[derive(Clone, Debug, Default)]
pub struct S3Options {
    /// Left out: AWS itself.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    /// `http://endpoint/bucket` instead of `http://bucket.endpoint`.
    pub path_style: Option<bool>,
    /// Key and secret.
    pub keys: Option<(String, Secret)>,
    /// PEM file of certificates that are trusted besides the usual ones.
    pub ca: Option<PathBuf>,
}

/// What is known of one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub bytes: u64,
    pub modified: Micros,
}

/// Keys that change while the store is used.
pub(crate) struct Keys {
    held: RwLock<Arc<AwsCredential>>,
    /// The store has not taken them: others must be asked for, however long these were said to last.
    refused: AtomicBool,
}

#[derive(Clone)]
pub(crate) struct S3Store(Arc<Inner>);

/// Says nothing of keys, the catalog's properties among them.
impl std::fmt::Debug for S3Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("S3Store").field(&self.0.options).finish()
    }
}

struct Inner {
    options: S3Options,
    properties: Properties,
    /// Given out by the catalog; none where they come from elsewhere.
    keys: Option<Arc<Keys>>,
    buckets: Mutex<HashMap<String, AmazonS3>>,
    /// For callers on blocking threads.
    runtime: Handle,
    /// The store does not know how to refuse a name that is taken; ours are never used twice anyway.
    unconditional: AtomicBool,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

#[async_trait]
impl CredentialProvider for Keys {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        Ok(self.held.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn credential(properties: &Properties) -> Option<AwsCredential> {
    Some(AwsCredential {
        key_id: properties.get("s3.access-key-id")?.clone(),
        secret_key: properties.get("s3.secret-access-key")?.clone(),
        token: properties.get("s3.session-token").cloned(),
    })
}

impl S3Store {
    /// Must be called where a runtime is: callers on blocking threads are served by it.
    pub fn new(options: &S3Options, properties: &Properties) -> Result<Self, StoreError> {
        let runtime = Handle::try_current()
            .map_err(|error| StoreError::new("open", "the store", Trouble::Setting, error.to_string()))?;
        let given = if options.keys.is_some() { None } else { credential(properties) };
        Ok(Self(Arc::new(Inner {
            options: options.clone(),
            properties: properties.clone(),
            keys: given
                .map(|keys| Arc::new(Keys { held: RwLock::new(Arc::new(keys)), refused: AtomicBool::default() })),
            buckets: Mutex::default(),
            runtime,
            unconditional: AtomicBool::new(false),
        })))
    }

    pub fn files(&self) -> FileIO {
        files::files(self.clone())
    }

    pub fn renew(&self, properties: &Properties) {
        if let (Some(keys), Some(new)) = (&self.0.keys, credential(properties)) {
            *keys.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
            keys.refused.store(false, Ordering::Relaxed);
        }
    }

    /// Whether the store does not take the keys that the catalog gave out last.
    pub fn wants_keys(&self) -> bool {
        self.0.keys.as_ref().is_some_and(|keys| keys.refused.load(Ordering::Relaxed))
    }

    /// Waits for `work` on a thread that may block.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        match Handle::try_current() {
            // Also where somebody blocks an async thread: its other tasks go on elsewhere.
            Ok(here) if here.runtime_flavor() == RuntimeFlavor::MultiThread => {
                tokio::task::block_in_place(|| self.0.runtime.block_on(work))
            }
            _ => self.0.runtime.block_on(work),
        }
    }

    /// Creates a file. One that is there already with the same bytes was written by this very call, its answer lost.
    pub async fn create(&self, location: &str, bytes: Bytes) -> Result<(), StoreError> {
        let (store, path) = self.place("write", location)?;
        for attempt in 1.. {
            let outcome = match bytes.len() > 2 * PART {
                true => upload(&store, &path, &bytes).await,
                false => self.put(&store, &path, &bytes).await,
            };
            let error = match outcome {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            use object_store::Error as E;
            match &error {
                E::PermissionDenied { .. } | E::Unauthenticated { .. } | E::InvalidPath { .. } => {
                    return Err(self.told("write", location, &error));
                }
                E::AlreadyExists { .. } => {
                    return match self.read(location).await? == bytes {
                        true => Ok(()),
                        false => Err(self.told("write", location, &error)),
                    };
                }
                // An answer that was no answer: perhaps the file is there.
                _ => {
                    if let Ok(Some(seen)) = self.look(location).await
                        && seen.bytes == bytes.len() as u64
                        && self.read(location).await? == bytes
                    {
                        return Ok(());
                    }
                    if attempt == TRIES {
                        return Err(self.told("write", location, &error));
                    }
                    tracing::info!(file = location, error = reason(&error), "the store did not take a file, once more");
                }
            }
            tokio::time::sleep(BACKOFF.wait_spread(attempt)).await;
        }
        unreachable!("the last try returns")
    }

    async fn put(&self, store: &AmazonS3, path: &Path, bytes: &Bytes) -> object_store::Result<()> {
        if !self.0.unconditional.load(Ordering::Relaxed) {
            let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let outcome = store.put_opts(path, bytes.clone().into(), create).await;
            match outcome {
                Err(error) if knows_no_conditions(&error) => {
                    tracing::info!("the store does not know If-None-Match; files are written without it");
                    self.0.unconditional.store(true, Ordering::Relaxed);
                }
                outcome => return outcome.map(drop),
            }
        }
        store.put(path, bytes.clone().into()).await.map(drop)
    }

    pub async fn read(&self, location: &str) -> Result<Bytes, StoreError> {
        let (store, path) = self.place("read", location)?;
        let read = async { store.get(&path).await?.bytes().await };
        read.await.map_err(|error| self.told("read", location, &error))
    }

    pub async fn read_range(&self, location: &str, range: std::ops::Range<u64>) -> Result<Bytes, StoreError> {
        let (store, path) = self.place("read", location)?;
        store.get_range(&path, range).await.map_err(|error| self.told("read", location, &error))
    }

    /// A file in pieces, in order.
    pub async fn pieces(&self, location: &str) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let (store, path) = self.place("read", location)?;
        let found = store.get(&path).await.map_err(|error| self.told("read", location, &error))?;
        let (of, location) = (self.clone(), location.to_owned());
        Ok(found.into_stream().map_err(move |error| of.told("read", &location, &error)).boxed())
    }

    /// Size and time of a file; none if it is not there.
    pub async fn look(&self, location: &str) -> Result<Option<Seen>, StoreError> {
        let (store, path) = self.place("look at", location)?;
        match store.head(&path).await {
            Ok(meta) => Ok(Some(Seen { bytes: meta.size, modified: meta.last_modified.timestamp_micros() })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.told("look at", location, &error)),
        }
    }

    /// Removes a file; one that is not there counts as removed.
    pub async fn remove(&self, location: &str) -> Result<(), StoreError> {
        let (store, path) = self.place("delete", location)?;
        match store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.told("delete", location, &error)),
        }
    }

    /// Every file under a folder.
    pub async fn list(&self, folder: &str) -> Result<BTreeSet<String>, StoreError> {
        let (store, path) = self.place("list", folder)?;
        let bucket = split(folder).map_or("", |(bucket, _)| bucket);
        let listed = store.list(Some(&path)).map_ok(|meta| format!("s3://{bucket}/{}", meta.location));
        listed.try_collect().await.map_err(|error| self.told("list", folder, &error))
    }

    /// The library's error in words that say what to do.
    fn told(&self, doing: &'static str, location: &str, error: &object_store::Error) -> StoreError {
        use object_store::Error as E;
        let text = reason(error);
        // Some stores say 404 to a key that they do not know.
        let unknown = matches!(error, E::NotFound { .. }) && doing == "write" && !text.contains("NoSuchBucket");
        let refused = unknown || matches!(error, E::PermissionDenied { .. } | E::Unauthenticated { .. });
        if let Some(keys) = self.0.keys.as_ref().filter(|_| refused) {
            keys.refused.store(true, Ordering::Relaxed);
            let reason =
                format!("the store refuses the keys that the catalog has given out; it is asked again ({text})");
            return StoreError::new(doing, location, Trouble::Outage, reason);
        }
        let (trouble, reason) = match error {
            _ if unknown => (
                Trouble::Setting,
                format!("the store does not know the bucket or the keys; check the keys, and the warehouse ({text})"),
            ),
            _ if refused => {
                (Trouble::Setting, format!("the store refuses it; check the keys and what they may do ({text})"))
            }
            E::NotFound { .. } if text.contains("NoSuchBucket") => {
                (Trouble::Setting, "there is no such bucket; make it, or correct the warehouse".into())
            }
            E::NotFound { .. } => (Trouble::Missing, "there is no such file".into()),
            E::AlreadyExists { .. } => (Trouble::Exists, "another file has that name".into()),
            _ if text.contains("dns error") || text.contains("certificate") => {
                (Trouble::Outage, format!("the store cannot be reached; check lake.s3.endpoint and lake.ca ({text})"))
            }
            _ => (Trouble::Outage, text),
        };
        StoreError::new(doing, location, trouble, reason)
    }

    /// The client of a location's bucket, and the name in it.
    fn place(&self, doing: &'static str, location: &str) -> Result<(AmazonS3, Path), StoreError> {
        let bad = |reason: String| StoreError::new(doing, location, Trouble::Setting, reason);
        let plain = plain(location);
        let (bucket, key) = split(&plain).ok_or_else(|| bad("is no s3: location".into()))?;
        let path = Path::parse(key).map_err(|error| bad(error.to_string()))?;
        let mut buckets = self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = buckets.get(bucket) {
            return Ok((store.clone(), path));
        }
        let store = self.client(bucket).map_err(bad)?;
        buckets.insert(bucket.to_owned(), store.clone());
        Ok((store, path))
    }

    fn client(&self, bucket: &str) -> Result<AmazonS3, String> {
        let (options, properties) = (&self.0.options, &self.0.properties);
        let given = |key: &str| properties.get(key).filter(|value| !value.is_empty()).cloned();
        let endpoint = options.endpoint.clone().or_else(|| given("s3.endpoint"));
        let region = options.region.clone().or_else(|| given("s3.region")).or_else(|| given("client.region"));
        let asked = options.path_style.or_else(|| Some(given("s3.path-style-access")? == "true"));
        // Names in the host need DNS for each bucket, which a store of one's own seldom has.
        let path_style = asked.unwrap_or(endpoint.is_some());
        let mut builder = match (&options.keys, &self.0.keys) {
            (Some((key, secret)), _) => {
                AmazonS3Builder::new().with_access_key_id(key).with_secret_access_key(secret.reveal())
            }
            (None, Some(keys)) => AmazonS3Builder::new().with_credentials(keys.clone()),
            (None, None) => AmazonS3Builder::from_env(),
        };
        if let Some(region) = region {
            builder = builder.with_region(region);
        }
        let plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(match path_style {
                true => endpoint,
                false => with_bucket(&endpoint, bucket),
            });
        }
        builder = builder.with_virtual_hosted_style_request(!path_style).with_bucket_name(bucket);
        builder = builder.with_client_options(client_options(options)?.with_allow_http(plain)).with_retry(retries());
        builder.build().map_err(|error| reason(&error))
    }
}

fn client_options(options: &S3Options) -> Result<ClientOptions, String> {
    let agent = HeaderValue::from_static(concat!("contrail/", env!("CARGO_PKG_VERSION")));
    let mut client = ClientOptions::new()
        .with_user_agent(agent)
        .with_connect_timeout(Duration::from_secs(5))
        .with_timeout(Duration::from_secs(60));
    if let Some(path) = &options.ca {
        let bad = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let pem = std::fs::read(path).map_err(|error| bad(&error))?;
        for certificate in Certificate::from_pem_bundle(&pem).map_err(|error| bad(&error))? {
            client = client.with_root_certificate(certificate);
        }
    }
    Ok(client)
}

fn retries() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(50), max_backoff: Duration::from_secs(3), base: 2.0 };
    RetryConfig { backoff, max_retries: 6, retry_timeout: Duration::from_secs(60) }
}

async fn upload(store: &AmazonS3, path: &Path, bytes: &Bytes) -> object_store::Result<()> {
    let mut upload = store.put_multipart(path).await?;
    let sent = parts(upload.as_mut(), bytes).await;
    match sent {
        Ok(()) => upload.complete().await.map(drop),
        Err(error) => {
            // Parts that nobody completes are the store's to expire, if this fails too.
            let _ = upload.abort().await;
            Err(error)
        }
    }
}

async fn parts(upload: &mut dyn MultipartUpload, bytes: &Bytes) -> object_store::Result<()> {
    let starts: Vec<usize> = (0..bytes.len()).step_by(PART).collect();
    let parts: Vec<_> = starts
        .into_iter()
        .map(|start| upload.put_part(bytes.slice(start..(start + PART).min(bytes.len())).into()))
        .collect();
    futures::stream::iter(parts).buffered(PARTS_AT_ONCE).try_collect().await
}

/// Bucket and key.
fn split(location: &str) -> Option<(&str, &str)> {
    let rest = location.split_once("://")?.1;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty()).then_some((bucket, key))
}

/// `https://host` as `https://bucket.host`.
fn with_bucket(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{bucket}.{host}"),
        None => format!("{bucket}.{endpoint}"),
    }
}

fn knows_no_conditions(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotImplemented { .. }) || reason(error).contains("NotImplemented")
}

fn reason(error: &dyn std::error::Error) -> String {
    contrail_kit::class::chain(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_bucket_and_a_key() {
        assert_eq!(split("s3://b/k/x.avro"), Some(("b", "k/x.avro")));
        assert_eq!(split("s3://b"), Some(("b", "")));
        assert_eq!(split("s3:///x"), None);
        assert_eq!(split("/x"), None);
        assert_eq!(with_bucket("https://host:1/", "b"), "https://b.host:1/");
    }

    #[tokio::test]
    async fn keys_of_the_catalog_change_and_our_own_stand_first() {
        let given = |key: &str| {
            Properties::from([
                ("s3.access-key-id".to_owned(), key.to_owned()),
                ("s3.secret-access-key".to_owned(), "secret".to_owned()),
            ])
        };
        let store = S3Store::new(&S3Options::default(), &given("one")).unwrap();
        let key = async || store.0.keys.as_ref().unwrap().get_credential().await.unwrap().key_id.clone();
        assert_eq!(key().await, "one");
        store.renew(&given("two"));
        assert_eq!(key().await, "two");
        store.renew(&Properties::new());
        assert_eq!(key().await, "two");
        let own = S3Options { keys: Some(("mine".into(), Secret::new("s"))), ..S3Options::default() };
        assert!(S3Store::new(&own, &given("one")).unwrap().0.keys.is_none());
        assert!(!format!("{store:?}").contains("secret"), "{store:?}");
    }
}
