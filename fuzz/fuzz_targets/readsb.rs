//! Any bytes as an `aircraft.json`: no panic, no row lost or made up, and what was read can be written and read again.
#![no_main]

use contrail_source::wire::Stamp;
use contrail_source::wire::readsb::{parse, write};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

const NOW: i64 = 1_785_349_722_000_000;

fuzz_target!(|body: &[u8]| {
    let stamp = Stamp { feed: "fuzz", fetch_id: Uuid::nil(), fetched_at: NOW };
    let tree = serde_json::from_slice::<serde_json::Value>(body).ok();
    let elements = tree.as_ref().and_then(|tree| tree.get("aircraft")?.as_array()).map(Vec::len);
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
        Err(bad) => assert!(elements.is_none() || bad.reason == "aircraft stands there twice", "{bad}"),
    }
});
