//! Metrics of the source: one table with names, kinds and help, and the one place where they are counted.

use std::collections::BTreeMap;

use metrics::{counter, gauge, histogram};

use crate::ledger::Fetch;

const FETCHES: &str = "contrail_source_fetches_total";
const ROWS: &str = "contrail_source_rows_total";
const BAD_ROWS: &str = "contrail_source_bad_rows_total";
const BAD_FIELDS: &str = "contrail_source_bad_fields_total";
const FETCH_SECONDS: &str = "contrail_source_fetch_seconds";
const CREDITS: &str = "contrail_source_credits_remaining";

/// Name, kind, help.
pub const METRICS: [(&str, &str, &str); 6] = [
    (FETCHES, "counter", "Fetches by feed and outcome (ok, rate_limited, timeout, ...)"),
    (ROWS, "counter", "State vectors that were read, by feed"),
    (BAD_ROWS, "counter", "Rows that could not be a state and went to the dead letters, by feed"),
    (BAD_FIELDS, "counter", "Fields that were made null because they could not be read, by feed and field"),
    (FETCH_SECONDS, "histogram", "Seconds from question to complete answer, by feed"),
    (CREDITS, "gauge", "Credits that the server says are left, by feed"),
];

/// Counts one fetch, successful or not.
pub fn fetched(fetch: &Fetch, bad_fields: &BTreeMap<&'static str, u64>) {
    let feed = || fetch.feed.clone();
    counter!(FETCHES, "feed" => feed(), "outcome" => fetch.outcome.as_str()).increment(1);
    counter!(ROWS, "feed" => feed()).increment(fetch.rows);
    counter!(BAD_ROWS, "feed" => feed()).increment(fetch.bad_rows);
    for (field, count) in bad_fields {
        counter!(BAD_FIELDS, "feed" => feed(), "field" => *field).increment(*count);
    }
    histogram!(FETCH_SECONDS, "feed" => feed()).record(fetch.latency.as_secs_f64());
    if let Some(credits) = fetch.credits_remaining {
        gauge!(CREDITS, "feed" => feed()).set(credits as f64);
    }
}
