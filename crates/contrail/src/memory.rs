//! Gives memory back to the system: a node is meant to be small, and bursts (a catch-up, a rebuild) must not stay.

use std::time::Duration;

/// Arenas of the C allocator. Each one keeps what its threads have freed; two cores need no more.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: i32 = 2;
/// Time between two returns of freed memory.
const EVERY: Duration = Duration::from_secs(30);

/// Call it before the first thread starts.
pub fn configure() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        // SAFETY: only sets a parameter of the allocator, before anybody else uses it.
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
    }
}

/// Returns freed memory now and then, for as long as the runtime lives.
pub fn keep_small() {
    tokio::spawn(async {
        loop {
            tokio::time::sleep(EVERY).await;
            let _ = tokio::task::spawn_blocking(trim).await;
        }
    });
}

fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        // SAFETY: releases pages that the allocator itself holds free; no pointer changes.
        libc::malloc_trim(0);
    }
}
