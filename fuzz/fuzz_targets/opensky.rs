//! Any bytes as an answer of OpenSky: no panic, no row lost or made up, and what was read can be written and read again.
#![no_main]

use contrail_source::wire::Stamp;
use contrail_source::wire::opensky::{WriteOptions, parse, time_of, write};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

const NOW: i64 = 1_714_311_970_000_000;

fuzz_target!(|body: &[u8]| {
    let stamp = Stamp { feed: "fuzz", fetch_id: Uuid::nil(), fetched_at: NOW };
    let _ = time_of(body);
    let tree = serde_json::from_slice::<serde_json::Value>(body).ok();
    let elements = tree.as_ref().and_then(|tree| tree.get("states")?.as_array()).map(Vec::len);
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
        // A key that stands there twice is the one thing that JSON allows and an answer may not have.
        Err(bad) => assert!(elements.is_none() || bad.reason == "states stands there twice", "{bad}"),
    }
});
