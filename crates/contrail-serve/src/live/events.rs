//! The live stream: server-sent events that announce frames and report the state, and never wait for a client.
//!
//! A client that reads slowly misses frames, not memory: each stream looks at the latest only when it is polled.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::Event;
use futures::stream::{Stream, unfold};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Beat, LiveSky};

/// A `status` event comes at least this often.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

struct Listener {
    live: LiveSky,
    beats: watch::Receiver<Beat>,
    stop: CancellationToken,
    /// Id of the frame that the client knows.
    known: Option<String>,
    greeted: bool,
    heartbeat: Instant,
}

/// Events from now on; ends with `stop`. `last_event_id` is the frame that the client already has.
pub fn events(
    live: LiveSky,
    last_event_id: Option<String>,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let beats = live.listen();
    let heartbeat = Instant::now() + HEARTBEAT;
    let listener = Listener { live, beats, stop, known: last_event_id, greeted: false, heartbeat };
    unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    })
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        if self.stop.is_cancelled() {
            return None;
        }
        if self.greeted {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                changed = self.beats.changed() => changed.ok()?,
                () = sleep_until(self.heartbeat) => {}
            }
        }
        self.greeted = true;
        self.heartbeat = Instant::now() + HEARTBEAT;
        self.beats.mark_unchanged();
        let mut data = self.live.announcement();
        let new = (data.frame > 0).then(|| format!("{}-{}", self.live.boot_id(), data.frame));
        let new = new.filter(|id| self.known.as_ref() != Some(id));
        let event = match new {
            Some(id) => {
                data.url = Some(format!("/api/v1/live/frames/{id}"));
                self.known = Some(id.clone());
                Event::default().event("frame").id(id)
            }
            None => Event::default().event("status"),
        };
        // The data is plain numbers and texts: it always is JSON.
        event.json_data(&data).ok()
    }
}
