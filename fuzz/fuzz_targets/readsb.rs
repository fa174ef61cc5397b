//! Any bytes as an `aircraft.json`: no panic, no row lost or made up, and what was read can be written and read again.
#![no_main]

use contrail_source::wire::Stamp;
use contrail_source::wire::readsb::{parse, write};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;
use uuid::Uuid;

/// What a strict reader sees; it refuses a key that stands there twice.
#[derive(Deserialize)]
struct Plain {
    aircraft: Option<Vec<IgnoredAny>>,
}

const NOW: i64 = 1_785_349_722_000_000;

fuzz_target!(|body: &[u8]| {
    let stamp = Stamp { feed: "fuzz", fetch_id: Uuid::nil(), fetched_at: NOW };
    // It would also take an array for the object.
    let plain = body.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice::<Plain>(body).ok()).flatten();
    let elements = plain.and_then(|plain| plain.aircraft).map(|list| list.len());
    match parse(body, &stamp) {
        Ok(parsed) => {
            let left_out: u64 = parsed.left_out.values().sum();
            if let Some(elements) = elements {
                assert_eq!(parsed.states.num_rows() + parsed.rejected.len() + left_out as usize, elements);
            }
            let again = write(&parsed.states, parsed.answer_time.unwrap_or(NOW), 0);
            let again = parse(&again, &stamp).expect("our own body");
            assert_eq!(again.states.num_rows(), parsed.states.num_rows());
        }
        // Only what a strict reader refuses too may be no answer.
        Err(bad) => assert!(elements.is_none(), "{bad}"),
    }
});
