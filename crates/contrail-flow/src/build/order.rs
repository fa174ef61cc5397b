//! Builds on command: who asks hands an order to the builder that runs, and waits for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use contrail_types::Micros;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};

use super::BuildError;

/// What to build anew.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    /// Models by name; none means all.
    pub models: BTreeSet<String>,
    /// Hours by their first instant; none means only what has landed since the last build.
    pub hours: BTreeSet<Micros>,
}

impl Order {
    pub fn wants(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.contains(model)
    }
}

/// An order, and where its outcome goes: rows of `states` that were built anew.
pub(super) type Placed = (Order, oneshot::Sender<Result<u64, BuildError>>);

/// The way of orders to the builder. Cheap to clone.
#[derive(Clone)]
pub struct Orders {
    send: mpsc::Sender<Placed>,
    /// Held by the builder for as long as it runs.
    receive: Arc<Mutex<mpsc::Receiver<Placed>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error("no builder runs in this process just now; the node's status says why")]
    Nobody,
    #[error("the build was cut short; the node's status says why, and it goes on by itself")]
    Cut,
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl Default for Orders {
    fn default() -> Self {
        let (send, receive) = mpsc::channel(8);
        Self { send, receive: Arc::new(Mutex::new(receive)) }
    }
}

impl Orders {
    /// Waits until the builder has done it.
    pub async fn place(&self, order: Order) -> Result<u64, OrderError> {
        if self.receive.try_lock().is_ok() {
            return Err(OrderError::Nobody);
        }
        let (reply, outcome) = oneshot::channel();
        self.send.send((order, reply)).await.map_err(|_| OrderError::Nobody)?;
        Ok(outcome.await.map_err(|_| OrderError::Cut)??)
    }

    pub(super) async fn receive(&self) -> OwnedMutexGuard<mpsc::Receiver<Placed>> {
        self.receive.clone().lock_owned().await
    }
}
