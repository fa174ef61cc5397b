//! Tables of cases for the pacer.

use proptest::prelude::*;

use super::*;

/// 2026-03-10 06:00 UTC.
const SIX: Micros = 1_773_122_400 * SECOND;

fn budget(tier: Tier, cost: u64, interval: Option<u64>) -> Budget {
    Budget { tier, cost, interval: interval.map(Duration::from_secs) }
}

fn fine(remaining: Option<u64>) -> Situation {
    Situation { now: SIX, asked_at: SIX - SECOND, last: Last::Ok, failures: 0, remaining, spread: 1.0 }
}

fn failed(last: Last, failures: u32) -> Situation {
    Situation { last, failures, ..fine(None) }
}

#[test]
fn the_price_of_a_call_follows_the_size_of_its_box() {
    let cases: [(Option<[f64; 4]>, u64); 8] = [
        (None, 4),
        (Some([40.0, 0.0, 45.0, 5.0]), 1),
        (Some([40.0, 0.0, 45.0, 5.1]), 2),
        (Some([40.0, 0.0, 50.0, 10.0]), 2),
        (Some([40.0, 0.0, 50.0, 10.1]), 3),
        (Some([40.0, 0.0, 60.0, 20.0]), 3),
        (Some([40.0, 0.0, 60.0, 20.1]), 4),
        (Some([-90.0, -180.0, 90.0, 180.0]), 4),
    ];
    for (area, price) in cases {
        assert_eq!(cost(area.map(Area::from)), price, "{area:?}");
    }
}

#[test]
fn credits_are_spread_evenly() {
    let cases = [
        (Tier::Anonymous, 4, 864_000),
        (Tier::Anonymous, 1, 216_000),
        (Tier::Standard, 4, 86_400),
        (Tier::Standard, 3, 64_800),
        (Tier::Feeder, 4, 43_200),
        (Tier::Licensed, 4, 1_000),
        (Tier::Licensed, 8, 2_000),
    ];
    for (tier, cost, ms) in cases {
        assert_eq!(tier.interval(cost).as_millis(), ms, "{tier:?} {cost}");
        let plan = plan(&budget(tier, cost, None), &fine(None));
        assert_eq!(plan.next_fetch_at, SIX - SECOND + ms as i64 * 1000, "{tier:?} {cost}");
        assert_eq!((plan.runs_out_at, plan.warning), (None, None), "{tier:?} {cost}");
    }
}

#[test]
fn fewer_credits_than_the_day_needs_stretch_the_interval_and_more_do_not_shrink_it() {
    // 18 hours are left of the day.
    let cases = [
        (Tier::Standard, Some(4_000), 86_400),
        (Tier::Standard, Some(3_000), 86_400),
        (Tier::Standard, Some(1_000), 259_200),
        (Tier::Standard, Some(4), 64_800_000),
        (Tier::Standard, Some(3), 86_400),
        (Tier::Standard, Some(0), 86_400),
        (Tier::Anonymous, Some(100), 2_592_000),
        (Tier::Licensed, Some(7_200), 2_000),
        (Tier::Licensed, Some(1_000_000), 1_000),
    ];
    for (tier, remaining, ms) in cases {
        let plan = plan(&budget(tier, 4, None), &fine(remaining));
        assert_eq!(plan.interval.as_millis(), ms, "{tier:?} {remaining:?}");
    }
}

#[test]
fn an_interval_of_the_user_is_obeyed_with_a_warning_that_names_the_hour() {
    let cases = [
        // 1000 calls of 10 s are 2 h 47 min.
        (Tier::Standard, 10, None, Some("08:46")),
        (Tier::Standard, 10, Some(40), Some("06:01")),
        (Tier::Standard, 10, Some(0), Some("06:00")),
        (Tier::Anonymous, 60, Some(400), Some("07:40")),
        (Tier::Standard, 90, Some(4_000), None),
        (Tier::Standard, 87, None, None),
        (Tier::Licensed, 1, Some(14_400), None),
    ];
    for (tier, seconds, remaining, hour) in cases {
        let plan = plan(&budget(tier, 4, Some(seconds)), &fine(remaining));
        assert_eq!(plan.next_fetch_at, SIX + (seconds as i64 - 1) * SECOND, "{tier:?} {seconds}");
        assert_eq!(plan.runs_out_at.is_some(), hour.is_some(), "{tier:?} {seconds} {remaining:?}");
        match (hour, plan.warning) {
            (None, None) => {}
            (Some(hour), Some(text)) => assert!(text.contains(&format!("{hour} UTC")), "{text}"),
            (_, warning) => panic!("{tier:?} {seconds} {remaining:?}: {warning:?}"),
        }
    }
    let text = plan(&budget(Tier::Standard, 4, Some(10)), &fine(None)).warning.unwrap();
    assert_eq!(
        text,
        "an interval of 10s spends 34560 credits a day of the 4000 there are: they run out at about 08:46 UTC; 1m 26s \
         400ms would last"
    );
}

#[test]
fn after_429_it_waits_exactly_as_long_as_told() {
    let wait = |seconds| Last::RateLimited(Some(Duration::from_secs(seconds)));
    for seconds in [0, 1, 3_600, 72_513] {
        for interval in [None, Some(10)] {
            let plan = plan(&budget(Tier::Standard, 4, interval), &failed(wait(seconds), 1));
            assert_eq!(plan.next_fetch_at, SIX + seconds as i64 * SECOND);
        }
    }
    for nonsense in [Last::RateLimited(None), wait(u64::MAX), wait(8 * 86_400)] {
        let plan = plan(&budget(Tier::Standard, 4, None), &failed(nonsense, 1));
        assert_eq!(plan.next_fetch_at, SIX + 60 * SECOND, "{nonsense:?}");
    }
}

#[test]
fn failures_back_off() {
    let cases = [
        (None, Last::Failed, 1, 5),
        (None, Last::Failed, 2, 10),
        (None, Last::Failed, 4, 40),
        (None, Last::Failed, 100, 300),
        (Some(1), Last::Failed, 1, 1),
        (Some(1), Last::Failed, 3, 4),
        (None, Last::Unauthorized, 1, 60),
        (None, Last::Unauthorized, 9, 900),
    ];
    for (interval, last, failures, seconds) in cases {
        let plan = plan(&budget(Tier::Standard, 4, interval), &failed(last, failures));
        assert_eq!(plan.next_fetch_at, SIX + seconds * SECOND, "{last:?} {failures}");
    }
}

#[test]
fn the_first_fetch_is_at_once_and_a_slow_answer_is_followed_at_once() {
    let first = Situation { last: Last::None, ..fine(None) };
    assert_eq!(plan(&budget(Tier::Anonymous, 4, None), &first).next_fetch_at, SIX);
    let slow = Situation { asked_at: SIX - 30 * SECOND, ..fine(None) };
    assert_eq!(plan(&budget(Tier::Licensed, 4, Some(10)), &slow).next_fetch_at, SIX);
}

proptest! {
    /// Over a whole day the pacer never spends more than there is, wherever it starts and whatever is left.
    #[test]
    fn left_alone_the_credits_last(cost in 1u64..=8, start in 0i64..86_000, left in 0u64..=4000) {
        let midnight = SIX - 6 * HOUR;
        let budget = budget(Tier::Standard, cost, None);
        let (mut now, mut remaining, mut refused) = (midnight + start * SECOND, left, 0);
        while now < midnight + DAY {
            let last = if remaining >= cost {
                remaining -= cost;
                Last::Ok
            } else {
                refused += 1;
                Last::RateLimited(Some(Duration::from_micros((midnight + DAY - now) as u64)))
            };
            let seen = Situation { now, asked_at: now, last, failures: 0, remaining: Some(remaining), spread: 0.5 };
            let next = plan(&budget, &seen).next_fetch_at;
            prop_assert!(next > now);
            now = next;
        }
        prop_assert!(refused <= 1);
    }

    #[test]
    fn no_situation_panics(
        now: i64, asked_at: i64, failures: u32, remaining: Option<u64>, spread in 0.0..1.0f64, cost in 0u64..100,
        interval in proptest::option::of(0u64..u64::MAX), wait: u64,
    ) {
        for last in [Last::None, Last::Ok, Last::RateLimited(Some(Duration::from_secs(wait))), Last::Failed] {
            let seen = Situation { now: now / 4, asked_at: asked_at / 4, last, failures, remaining, spread };
            plan(&budget(Tier::Licensed, cost, interval), &seen);
        }
    }
}
