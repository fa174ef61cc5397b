//! Wall time as something that is handed in, so that tests own it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Wall time in microseconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still at `us` until [`Clock::set`] moves it.
    pub fn fixed(us: i64) -> Self {
        Self(Some(Arc::new(AtomicI64::new(us))))
    }

    pub fn now(&self) -> i64 {
        match &self.0 {
            Some(fixed) => fixed.load(Ordering::SeqCst),
            None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64),
        }
    }

    /// Moves a fixed clock; the machine's clock stays as it is.
    pub fn set(&self, us: i64) {
        if let Some(fixed) = &self.0 {
            fixed.store(us, Ordering::SeqCst);
        }
    }
}
