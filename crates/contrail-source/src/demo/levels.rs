//! Climb and cruise levels: how a type climbs, and which levels the semicircular rule (RVSM) allows.

use super::air::true_airspeed;
use super::profile::Pen;
use super::random::Dice;
use super::types::{Class, Type};

/// A point of a climb: metres from lift-off, altitude, ground speed.
#[derive(Clone, Copy, Debug)]
pub struct Rung {
    pub s: f64,
    pub h: f64,
    pub v: f64,
}

const METRES: f64 = 30.48;

/// The climb of a type from its airfield up to its ceiling; `blow` is the tail wind at an altitude.
pub fn climb(kind: &Type, ground: f64, dice: &mut Dice, blow: impl Fn(f64) -> f64) -> Vec<Rung> {
    let ceiling = kind.levels.1 * METRES * 1.1;
    let jet = kind.cruise > 195.0;
    let (low, high) =
        if jet { (127.0, 151.0_f64.min(kind.cruise * 0.67)) } else { (kind.cruise * 0.7, kind.cruise * 0.74) };
    let effort = dice.between(0.8, 1.2);
    let mut rungs = vec![Rung { s: 0.0, h: ground, v: kind.lift_off }];
    let mut reach = |h: f64, tas: f64, rate: f64| {
        let last = rungs[rungs.len() - 1];
        // A stretch that is too short is left to the next one; level flight is meant to be.
        if h > last.h + if rate > 0.2 { 40.0 } else { 1.0 } {
            let v = (tas + blow(h) * ((h - ground) / 1_500.0).clamp(0.0, 1.0)).max(kind.lift_off);
            let s = last.s + (h - last.h) / rate * (last.v + v) / 2.0;
            rungs.push(Rung { s, h, v });
        }
    };
    let rate = |h: f64| (kind.climb * 1.28 * effort * (1.0 - 0.72 * ((h - ground) / ceiling).clamp(0.0, 1.0))).max(1.2);
    reach(ground + 120.0, kind.lift_off + 4.0, rate(ground) * 0.85);
    reach(ground + 450.0, kind.lift_off + 8.0, rate(ground));
    reach(ground + 1_000.0, true_airspeed(low, ground + 1_000.0).min(kind.cruise), rate(ground) * 0.6);
    if dice.chance(0.22) && jet {
        // Held down for a while by traffic above.
        let h = ground + dice.between(1_200.0, 2_000.0);
        reach(h, true_airspeed(low, h), rate(h));
        reach(h + 2.0, true_airspeed(low, h), 2.0 / dice.between(30.0, 110.0));
    }
    reach(3_048.0_f64.max(ground + 1_300.0), true_airspeed(low, 3_048.0).min(kind.cruise), rate(2_000.0));
    reach(3_600.0_f64.max(ground + 1_700.0), true_airspeed(high, 3_600.0).min(kind.cruise), rate(3_300.0) * 0.55);
    for h in [5_000.0, 6_500.0, 8_000.0, 9_300.0, 10_500.0, 11_600.0, 13_000.0, 15_000.0] {
        reach(h, true_airspeed(high, h).min(kind.cruise), rate(h));
    }
    rungs
}

/// Climbs to `top`.
pub fn fly_climb(pen: &mut Pen, climb: &[Rung], top: f64) {
    for pair in climb.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        if b.h < top {
            pen.go(b.s - a.s, b.v, b.h);
        } else {
            let part = ((top - a.h) / (b.h - a.h)).clamp(0.0, 1.0);
            pen.go((b.s - a.s) * part, a.v + (b.v - a.v) * part, top);
            return;
        }
    }
}

/// The highest level at or under `target` (hundreds of feet) for a track: odd thousands eastwards, even ones westwards,
/// wider apart above 41,000 feet; VFR 500 feet above.
pub fn allowed(track: f64, target: f64, vfr: bool) -> f64 {
    let east = (0.0..180.0).contains(&track);
    if target > 410.0 {
        let levels: [f64; 3] = if east { [490.0, 450.0, 410.0] } else { [470.0, 430.0, 400.0] };
        return levels.into_iter().find(|l| *l <= target).unwrap_or(levels[2]);
    }
    let extra = if vfr { 5.0 } else { 0.0 };
    let thousand = ((target - extra) / 10.0).floor() as i64;
    let fits = thousand.rem_euclid(2) == i64::from(east);
    (if fits { thousand } else { thousand - 1 }) as f64 * 10.0 + extra
}

/// The first cruising altitude in metres: what the type likes, or the highest that leaves some level flight.
/// `length` is the way in the air, `need` that of climb and descent for an altitude, `floor` the higher of the airfields.
pub fn first(kind: &Type, track: f64, length: f64, floor: f64, need: impl Fn(f64) -> f64, dice: &mut Dice) -> f64 {
    let (low, high) = kind.levels;
    let heavy = (length / 1000.0 / kind.range).clamp(0.0, 1.0);
    // Long flights start low and climb as fuel burns off.
    let liked = low + (high - low) * (dice.unit() * (1.0 - 0.6 * heavy) + 0.25 * (1.0 - heavy));
    let vfr = kind.class == Class::Private;
    let least = floor + if vfr { 450.0 } else { 900.0 };
    let mut target = liked.min(high).max(least / METRES + 10.0);
    while target * METRES > least {
        let level = allowed(track, target, vfr) * METRES;
        if level > least && need(level) < length * 0.79 {
            return level;
        }
        target -= if vfr { 5.0 } else { 10.0 };
    }
    // A hop: as high as half of it allows.
    let mut h = floor + 1_500.0;
    while h > floor + 150.0 && need(h) > length * 0.95 {
        h -= 50.0;
    }
    h
}

/// The altitude after `part` (0..1) of a long flight with `level` now.
pub fn step(kind: &Type, track: f64, level: f64, part: f64) -> f64 {
    let (low, high) = kind.levels;
    let now = (level / METRES).round();
    let wanted = (low + (high - low) * (part).sqrt()).min(high).max(now);
    let target = if wanted >= now + 20.0 { now + 20.0 } else { now };
    let mut fl = allowed(track, target, false);
    if fl < now {
        // The direction has changed to the other half: a thousand feet up rather than down, if the type can.
        let up = allowed(track, now + 10.0, false);
        fl = if up <= high + 10.0 { up } else { fl };
    }
    fl * METRES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_go_by_the_direction_of_flight() {
        let cases = [
            (90.0, 365.0, false, 350.0),
            (90.0, 370.0, false, 370.0),
            (270.0, 375.0, false, 360.0),
            (180.0, 399.0, false, 380.0),
            (179.9, 399.0, false, 390.0),
            (45.0, 430.0, false, 410.0),
            (300.0, 440.0, false, 430.0),
            (10.0, 470.0, false, 450.0),
            (90.0, 60.0, true, 55.0),
            (270.0, 60.0, true, 45.0),
        ];
        for (track, target, vfr, level) in cases {
            assert_eq!(allowed(track, target, vfr), level, "{track} {target}");
        }
    }
}
