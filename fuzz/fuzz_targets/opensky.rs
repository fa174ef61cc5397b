//! Any bytes as an answer of OpenSky: no panic, no row lost or made up, and what was read can be written and read again.
#![no_main]

use contrail_source::wire::Stamp;
use contrail_source::wire::opensky::{WriteOptions, parse, time_of, write};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;
use uuid::Uuid;

/// What a strict reader sees; it refuses a key that stands there twice.
#[derive(Deserialize)]
struct Plain {
    states: Option<Vec<IgnoredAny>>,
}

const NOW: i64 = 1_714_311_970_000_000;

fuzz_target!(|body: &[u8]| {
    let stamp = Stamp { feed: "fuzz", fetch_id: Uuid::nil(), fetched_at: NOW };
    let _ = time_of(body);
    // It would also take an array for the object.
    let plain = body.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice::<Plain>(body).ok()).flatten();
    let elements = plain.and_then(|plain| plain.states).map(|list| list.len());
    match parse(body, &stamp) {
        Ok(parsed) => {
            if let Some(elements) = elements {
                assert_eq!(parsed.states.num_rows() + parsed.rejected.len(), elements);
            }
            let time = parsed.answer_time.unwrap_or(NOW);
            let again = write(&parsed.states, time, WriteOptions { extended: true, blank_callsigns: true });
            let again = parse(&again, &stamp).expect("our own body");
            assert_eq!(again.states.num_rows(), parsed.states.num_rows());
            assert!(again.bad_fields.is_empty(), "{:?}", again.bad_fields);
        }
        // Only what a strict reader refuses too may be no answer.
        Err(bad) => assert!(elements.is_none(), "{bad}"),
    }
});
