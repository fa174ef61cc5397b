//! Which files running queries are reading.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many guards hold each path.
#[derive(Clone, Default)]
pub(crate) struct Pins(Arc<Mutex<HashMap<String, usize>>>);

/// Keeps files from deletion while it lives.
#[must_use = "files are pinned only while the guard lives"]
pub struct Pin {
    pins: Pins,
    paths: Vec<String>,
}

impl Pins {
    pub fn pin(&self, paths: Vec<String>) -> Pin {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for path in &paths {
            *held.entry(path.clone()).or_default() += 1;
        }
        Pin { pins: self.clone(), paths }
    }

    pub fn is_pinned(&self, path: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(path)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut held = self.pins.0.lock().unwrap_or_else(PoisonError::into_inner);
        for path in &self.paths {
            if let Some(count) = held.get_mut(path) {
                *count -= 1;
                if *count == 0 {
                    held.remove(path);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_free_when_its_last_guard_is_gone() {
        let pins = Pins::default();
        let (one, two) = (pins.pin(vec!["a".into(), "b".into()]), pins.pin(vec!["a".into()]));
        drop(one);
        assert!(pins.is_pinned("a") && !pins.is_pinned("b"));
        drop(two);
        assert!(!pins.is_pinned("a"));
    }
}
