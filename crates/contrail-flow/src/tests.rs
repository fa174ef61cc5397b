//! Landing and building as a whole, on real files: whatever happens on the way, the lake equals an independent oracle.
//!
//! [`sky`] makes answers with everything that is awkward about them, [`oracle`] says in plain Rust what must come of
//! them, [`world`] is a node's log, lake and engine in a folder, in a process that can end at any moment.

mod any_order;
mod crashes;
mod evolving;
mod faulty;
mod held;
mod kafka_live;
mod letters;
mod lost;
mod maintaining;
mod oracle;
mod sky;
mod world;
mod writers;

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Armed crash points are the process's own: tests that arm run alone, all others side by side.
static ARMED: RwLock<()> = RwLock::const_new(());

fn beside_others() -> RwLockReadGuard<'static, ()> {
    ARMED.blocking_read()
}

fn alone() -> RwLockWriteGuard<'static, ()> {
    ARMED.blocking_write()
}
