//! How long to wait before trying again: a pure function of the attempt.

use std::time::Duration;

/// Exponential back-off: doubles from `first` up to `most`, each wait spread by up to a quarter so that many clients do
/// not come back at once.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    pub first: Duration,
    pub most: Duration,
}

impl Backoff {
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most }
    }

    /// The wait before attempt number `attempt` (the first retry is 1); `spread` in 0..1 picks the place in the spread.
    pub fn wait(&self, attempt: u32, spread: f64) -> Duration {
        let doubled = self.first.saturating_mul(1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
        doubled.min(self.most).mul_f64(0.75 + 0.25 * spread.clamp(0.0, 1.0))
    }

    /// [`Backoff::wait`] with a spread taken from a fresh random id.
    pub fn wait_spread(&self, attempt: u32) -> Duration {
        self.wait(attempt, f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_stop_at_the_most() {
        let b = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let waits: Vec<u128> = (1..=8).map(|n| b.wait(n, 1.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(b.wait(200, 0.0).as_millis(), 3750);
    }
}
