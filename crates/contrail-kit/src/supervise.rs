//! Runs the roles of a process: starts them, restarts what may be restarted, and stops them in flow order.
//!
//! A role is an async function of a stop token. It returns when asked to stop, or with a classified error. The
//! supervisor reads only the class: what may be retried is started again after a back-off, anything else ends the
//! process after all other roles have been stopped. Roles stop in the order in which they were added, each one fully
//! before the next, so that what a stage has handed on is still taken by the stage behind it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::class::{BoxError, Class, chain};
use crate::{Backoff, Clock};

/// What a role is doing, as `status` shows it. Times are microseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum RoleState {
    Starting,
    Running {
        since: i64,
    },
    /// Failed and will be started again at `retry_at`.
    Waiting {
        error: String,
        class: Class,
        attempt: u32,
        retry_at: i64,
    },
    Stopping,
    Stopped,
    Failed {
        error: String,
        class: Class,
    },
}

type RoleFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;
type StartFn = Box<dyn Fn(CancellationToken) -> RoleFuture + Send + Sync>;

struct Role {
    name: &'static str,
    start: StartFn,
}

/// Shared view of all roles' states.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<Vec<(&'static str, RoleState)>>>);

impl Board {
    pub fn get(&self) -> Vec<(&'static str, RoleState)> {
        self.0.lock().unwrap().clone()
    }

    fn set(&self, name: &'static str, state: RoleState) {
        let mut board = self.0.lock().unwrap();
        match board.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = state,
            None => board.push((name, state)),
        }
    }
}

/// The roles of one process, in flow order.
pub struct Supervisor {
    roles: Vec<Role>,
    board: Board,
    clock: Clock,
    backoff: Backoff,
}

/// A role that has run this long starts its back-off anew when it fails.
const HEALTHY: Duration = Duration::from_secs(60);

impl Supervisor {
    pub fn new(clock: Clock) -> Self {
        let backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(15));
        Self { roles: Vec::new(), board: Board::default(), clock, backoff }
    }

    /// Adds a role; `start` is called again for each restart.
    pub fn role<F, Fut>(&mut self, name: &'static str, start: F)
    where
        F: Fn(CancellationToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.board.set(name, RoleState::Starting);
        self.roles.push(Role { name, start: Box::new(move |stop| Box::pin(start(stop))) });
    }

    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// Runs until `stop` is cancelled or a role fails for good; returns that role's name and error.
    pub async fn run(self, stop: CancellationToken) -> Result<(), (&'static str, BoxError)> {
        let (failed_tx, mut failed) = tokio::sync::mpsc::unbounded_channel();
        let mut running = Vec::new();
        for role in self.roles {
            let token = CancellationToken::new();
            let (board, clock, name) = (self.board.clone(), self.clock.clone(), role.name);
            let (failed_tx, role_stop) = (failed_tx.clone(), token.clone());
            let task = tokio::spawn(async move {
                if let Err(error) = keep(role, self.backoff, &board, &clock, role_stop).await {
                    let _ = failed_tx.send((name, error));
                }
            });
            running.push((name, token, task));
        }
        drop(failed_tx);
        let outcome = tokio::select! {
            () = stop.cancelled() => Ok(()),
            Some(failure) = failed.recv() => Err(failure),
        };
        for (name, token, task) in running {
            let failed_already = matches!(&outcome, Err((n, _)) if *n == name);
            if !failed_already {
                self.board.set(name, RoleState::Stopping);
            }
            token.cancel();
            if let Err(panic) = task.await {
                tracing::error!(role = name, %panic, "role panicked while stopping");
            }
            if !failed_already {
                self.board.set(name, RoleState::Stopped);
            }
            tracing::debug!(role = name, "stopped");
        }
        outcome
    }
}

/// Runs one role until it is asked to stop or fails for good.
async fn keep(
    role: Role,
    backoff: Backoff,
    board: &Board,
    clock: &Clock,
    stop: CancellationToken,
) -> Result<(), BoxError> {
    let mut attempt = 0;
    loop {
        board.set(role.name, RoleState::Running { since: clock.now() });
        let started = Instant::now();
        // A panic is a broken promise of our own: it must end the process, not leave a line without one of its stages.
        let outcome = match tokio::spawn((role.start)(stop.clone())).await {
            Ok(outcome) => outcome,
            Err(panic) => Err(BoxError::from(Panicked(role.name, panic.to_string()))),
        };
        let error = match outcome {
            Ok(()) => return Ok(()),
            Err(_) if stop.is_cancelled() => return Ok(()),
            Err(error) => error,
        };
        let (class, text) = (error.class(), chain(error.as_ref()));
        if !class.retry {
            tracing::error!(role = role.name, error = text, "role failed");
            board.set(role.name, RoleState::Failed { error: text, class });
            return Err(error);
        }
        attempt = if started.elapsed() > HEALTHY { 1 } else { attempt + 1 };
        let wait = backoff.wait_spread(attempt);
        tracing::warn!(
            role = role.name,
            error = text,
            wait_ms = wait.as_millis() as u64,
            "role failed, will try again"
        );
        let retry_at = clock.now() + wait.as_micros() as i64;
        board.set(role.name, RoleState::Waiting { error: text, class, attempt, retry_at });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0} stopped on a bug: {1}")]
struct Panicked(&'static str, String);

impl crate::Classified for Panicked {
    fn class(&self) -> Class {
        Class::INTERNAL
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::Classified;

    #[derive(Debug, thiserror::Error)]
    #[error("broken")]
    struct Broken(Class);

    impl Classified for Broken {
        fn class(&self) -> Class {
            self.0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_retried_is_started_again_and_the_rest_ends_the_run() {
        let tries = Arc::new(AtomicU32::new(0));
        let mut supervisor = Supervisor::new(Clock::system());
        let counted = tries.clone();
        supervisor.role("land", move |_| {
            let n = counted.fetch_add(1, Ordering::SeqCst);
            async move { Err(Broken(if n < 3 { Class::EXTERNAL } else { Class::USER }).into()) }
        });
        let (name, error) = supervisor.run(CancellationToken::new()).await.unwrap_err();
        assert_eq!((name, error.class(), tries.load(Ordering::SeqCst)), ("land", Class::USER, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn roles_stop_in_flow_order_each_one_before_the_next() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut supervisor = Supervisor::new(Clock::system());
        for (name, slow) in [("source", 50), ("land", 10), ("serve", 0)] {
            let order = order.clone();
            supervisor.role(name, move |stop| {
                let order = order.clone();
                async move {
                    stop.cancelled().await;
                    tokio::time::sleep(Duration::from_millis(slow)).await;
                    order.lock().unwrap().push(name);
                    Ok(())
                }
            });
        }
        let stop = CancellationToken::new();
        let running = tokio::spawn(supervisor.run(stop.clone()));
        tokio::task::yield_now().await;
        stop.cancel();
        running.await.unwrap().unwrap();
        assert_eq!(*order.lock().unwrap(), ["source", "land", "serve"]);
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_failure() {
        let mut supervisor = Supervisor::new(Clock::system());
        supervisor.role("build", |_| async { panic!("boom") });
        let (_, error) = supervisor.run(CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.class(), Class::INTERNAL);
    }
}
