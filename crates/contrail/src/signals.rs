//! Ctrl-C and SIGTERM: the first asks to stop, the second does not wait. SIGPIPE ends what only lists.

use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first interrupt; a second one ends the process at once.
pub fn cancel_on_interrupt(stop: CancellationToken) {
    tokio::spawn(async move {
        interrupt().await;
        tracing::info!("stopping: what is fetched is landed and built first; once more to stop at once");
        stop.cancel();
        interrupt().await;
        std::process::exit(130);
    });
}

/// A command that only prints ends when nobody reads on (`contrail assets | head -3`), as others of its kind do.
pub fn end_with_reader() {
    #[cfg(unix)]
    unsafe {
        // SAFETY: sets the default action of one signal, before anything is written.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

async fn interrupt() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
