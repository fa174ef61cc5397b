//! Other processes of this node: roles that run elsewhere say over HTTP how they do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contrail_serve::api::{RoleStatus, Status};
use reqwest::Client;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(2);

/// What was heard of other processes last. Cheap to clone.
#[derive(Clone)]
pub struct Peers(Arc<Vec<Peer>>);

struct Peer {
    url: String,
    said: Mutex<Option<Result<Status, String>>>,
}

impl Peers {
    /// Addresses such as `http://source:8091`.
    pub fn new(urls: &[String]) -> Self {
        let peer = |url: &String| Peer { url: url.trim_end_matches('/').to_owned(), said: Mutex::default() };
        Self(Arc::new(urls.iter().map(peer).collect()))
    }

    /// What each process said last; one that does not answer says so as a role that waits.
    pub fn said(&self) -> Vec<Status> {
        let said = self.0.iter().filter_map(|peer| {
            let said = peer.said.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
            Some(said.unwrap_or_else(|error| Status {
                roles: vec![RoleStatus {
                    role: "peer".into(),
                    state: "waiting".into(),
                    error: Some(format!("{} does not answer: {error}", peer.url)),
                    ..RoleStatus::default()
                }],
                ..Status::default()
            }))
        });
        said.collect()
    }

    /// Asks all of them every two seconds until `stop`.
    pub async fn ask(&self, stop: CancellationToken) {
        let client = Client::builder().timeout(TIMEOUT).build().unwrap_or_default();
        while !self.0.is_empty() && !stop.is_cancelled() {
            let answers = self.0.iter().map(|peer| {
                let asked = client.get(format!("{}/api/v1/status", peer.url)).send();
                async move {
                    let said = async { asked.await?.error_for_status()?.json::<Status>().await }.await;
                    let said = said.map_err(|error| error.without_url().to_string());
                    *peer.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
                }
            });
            futures::future::join_all(answers).await;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}
