//! A flight from one airfield to another: taxi, take-off, climb, cruise, descent, hold, approach, landing, taxi.

use super::trig::{degrees, longitude};

use super::air::{self, wind};
use super::fleet::{Aircraft, Role};
use super::flight::{Course, ends, parking, turn_radius};
use super::levels;
use super::path::{GreatCircle, Plane, Turtle, turned};
use super::profile::Pen;
use super::random::Dice;
use super::schedule::Sortie;
use super::site::{Runway, Site};
use super::types::{Class, Type};

/// Metres behind the threshold at which one touches down, and metres rolled from there to the exit.
const TOUCHDOWN: f64 = 300.0;

/// What is known of a flight before its path is laid.
struct Plan<'a> {
    kind: &'a Type,
    start: f64,
    from: End,
    to: End,
    /// Great circle from the end of the first turn to the beginning of the last.
    circle: GreatCircle,
    climb_out: f64,
    /// Angles of the first and the last turn, degrees, right positive.
    turns: (f64, f64),
    radius: (f64, f64),
    /// Length of the final approach.
    final_leg: f64,
    hold: Option<Hold>,
    approach: Vec<Gate>,
    dice: Dice,
}

struct End {
    site: Site,
    runway: Runway,
    stand: (f64, f64),
    ground: f64,
    roll: f64,
}

#[derive(Clone, Copy)]
struct Hold {
    laps: usize,
    /// Metres to go at which it is flown.
    to_go: f64,
    radius: f64,
    leg: f64,
}

impl Hold {
    fn length(&self) -> f64 {
        self.laps as f64 * 2.0 * (std::f64::consts::PI * self.radius + self.leg)
    }
}

/// A point of the descent: metres to go to touchdown, altitude, speed.
#[derive(Clone, Copy, Debug)]
struct Gate {
    to_go: f64,
    h: f64,
    v: f64,
}

fn lift_off_roll(kind: &Type) -> f64 {
    let acceleration = if kind.class == Class::Private { 1.5 } else { 1.85 };
    kind.lift_off * kind.lift_off / 2.0 / acceleration
}

fn landing_roll(kind: &Type) -> f64 {
    kind.approach * kind.approach / 2.0 / 1.7
}

pub fn course(aircraft: &Aircraft, sortie: &Sortie, dice: &mut Dice) -> Course {
    let plan = plan(aircraft, sortie, dice);
    let (turtle, marks) = lay(&plan);
    profile(plan, turtle, marks, aircraft.role)
}

fn plan<'a>(aircraft: &'a Aircraft, sortie: &Sortie, dice: &mut Dice) -> Plan<'a> {
    let kind = aircraft.kind;
    let [from, to] = ends(aircraft, sortie);
    let end = |(site, home): (Site, bool), time: i64, roll: f64, choice: f64| End {
        runway: site.runway(time, choice),
        stand: site.stand(parking(aircraft, sortie, home)),
        ground: site.ground(time as f64),
        roll,
        site,
    };
    let from = end(from, sortie.start, lift_off_roll(kind), dice.unit());
    let to = end(to, sortie.end, landing_roll(kind), dice.unit());
    let (slow, fast) = (kind.approach * 1.25, (kind.lift_off + 30.0).min(kind.cruise * 0.8));
    let radius = (turn_radius(fast).min(3_800.0), turn_radius(slow).min(3_400.0));
    let climb_out = from.roll + kind.lift_off * dice.between(35.0, 75.0);
    let final_leg =
        if kind.class == Class::Private { dice.between(1_800.0, 3_500.0) } else { dice.between(13_000.0, 21_000.0) };
    let mut plan = Plan {
        kind,
        start: sortie.start as f64,
        circle: GreatCircle::new(from.site.position, to.site.position, [0.0, 0.0]),
        from,
        to,
        climb_out,
        turns: (0.0, 0.0),
        radius,
        final_leg,
        hold: None,
        approach: Vec::new(),
        dice: *dice,
    };
    connect(&mut plan, dice);
    plan.approach = approach(&plan, dice);
    let busy = plan.to.site.parallel > 0.0 && kind.cruise > 200.0;
    if busy && dice.chance(0.07) {
        let to_go = plan.approach.iter().find(|g| g.h > plan.to.ground + 2_700.0).map_or(0.0, |g| g.to_go);
        let hold = Hold { laps: 1 + dice.below(3), to_go, radius: 4_200.0, leg: 8_000.0 };
        let before = plan.circle.length - (to_go - plan.final_leg - plan.turns.1.abs() * plan.radius.1 * 0.017_453);
        if to_go > 0.0 && before > 80_000.0 && to_go > plan.final_leg + 15_000.0 {
            plan.hold = Some(hold);
        }
    }
    plan
}

/// Finds the two turns and the great circle between them: each depends a little on the other, so it goes round thrice.
fn connect(plan: &mut Plan, dice: &mut Dice) {
    let (a, b) = (plan.from.site.plane(), plan.to.site.plane());
    let (away, home) = (plan.from.runway.heading, plan.to.runway.heading);
    let out = plan.from.site.xy(plan.from.runway.point(plan.climb_out));
    let fix = plan.to.site.xy(plan.to.runway.point(TOUCHDOWN - plan.final_leg));
    let (mut first, mut last) = (
        plan.from.site.position.bearing(plan.to.site.position),
        degrees(plan.to.site.position.bearing(plan.from.site.position) + 180.0),
    );
    let size = plan.circle.length;
    let most = (size * 0.022).min(60_000.0);
    let sway =
        if size < 120_000.0 { [0.0, 0.0] } else { [dice.between(-most, most), dice.between(-most, most) * 0.35] };
    for _ in 0..4 {
        plan.turns = (longitude(first - away), longitude(home - last));
        let (dx, dy) = turned(away, plan.turns.0, plan.radius.0);
        let (ex, ey) = turned(last, plan.turns.1, plan.radius.1);
        plan.circle = GreatCircle::new(a.at(out.0 + dx, out.1 + dy), b.at(fix.0 - ex, fix.1 - ey), sway);
        first = plan.circle.at(0.0).track;
        last = plan.circle.at(plan.circle.length).track;
    }
}

/// The descent from touchdown backwards, up to the highest level of the type.
fn approach(plan: &Plan, dice: &mut Dice) -> Vec<Gate> {
    let (kind, ground) = (plan.kind, plan.to.ground);
    let track = plan.circle.at(plan.circle.length).track;
    let at = plan.to.site.position;
    let blow = |h: f64| wind(at, h, plan.start).along(track);
    let speed = |tas: f64, h: f64| (tas + blow(h)).max(kind.approach * 0.8);
    let mut gates = vec![Gate { to_go: 0.0, h: ground, v: kind.approach }];
    let mut to_go = 0.0;
    let mut h = ground;
    let mut step = |height: f64, gradient: f64, v: f64| {
        if height > h {
            to_go += (height - h) / gradient;
            h = height;
            gates.push(Gate { to_go, h, v });
        }
    };
    let small = kind.class == Class::Private;
    let (low, high) = (kind.approach * 1.22, speeds(kind));
    step(ground + 300.0, 0.052_4, kind.approach + 1.0);
    let intercept = if small { 420.0 } else { (plan.final_leg * 0.052_4).min(1_050.0) };
    step(ground + intercept, 0.052_4, low);
    let level = if small { 2_000.0 } else { dice.between(1_000.0, 16_000.0) };
    let base = ground + intercept;
    step(base + 0.5, 0.5 / level, (low * 1.25).min(high.0));
    step(ground + 1_900.0, 0.048, speed(air::true_airspeed(high.0 * 0.9, 2_000.0), 2_000.0));
    step(3_048.0_f64.max(ground + 2_000.0), 0.05, speed(air::true_airspeed(high.0, 3_048.0), 3_048.0));
    for height in [4_200.0, 6_000.0, 8_000.0, 9_500.0, 11_000.0, 12_500.0, 15_000.0] {
        let tas = air::true_airspeed(high.1, height).min(kind.cruise);
        step(height, dice.between(0.044, 0.056), speed(tas, height));
    }
    gates
}

/// Indicated speeds below and above 3,048 m: 250 and about 300 knots for jets.
fn speeds(kind: &Type) -> (f64, f64) {
    match kind.class {
        Class::Wide | Class::Narrow | Class::Regional | Class::Business => (127.0, 151.0_f64.min(kind.cruise * 0.67)),
        _ => (kind.cruise * 0.74, kind.cruise * 0.78),
    }
}

/// Distances along the path that the profile needs.
struct Marks {
    hold_short: f64,
    line_up: f64,
    touchdown: f64,
    exit: f64,
}

fn lay(plan: &Plan) -> (Turtle, Marks) {
    let (a, b) = (&plan.from, &plan.to);
    let xy = |end: &End, uv| end.site.xy(uv);
    let (x, y) = xy(a, a.stand);
    let mut turtle = Turtle::new(a.site.plane(), x, y, a.runway.heading);
    let row = (a.stand.0, a.runway.taxiway(0.0, a.stand).1);
    let short = a.runway.taxiway(0.0, a.stand);
    let (p, q, r) = (xy(a, row), xy(a, short), xy(a, a.runway.point(0.0)));
    turtle.to(p.0, p.1).to(q.0, q.1);
    let hold_short = turtle.length();
    turtle.to(r.0, r.1).face(a.runway.heading);
    let line_up = turtle.length();
    turtle.forward(plan.climb_out).turn(plan.turns.0, plan.radius.0);
    let length = plan.circle.length;
    let tail = plan.final_leg + plan.turns.1.abs().to_radians() * plan.radius.1;
    match &plan.hold {
        Some(hold) => {
            let at = (length - (hold.to_go - tail)).clamp(1_000.0, length - 1_000.0);
            turtle.along(plan.circle, 0.0, at);
            let fix = plan.circle.at(at);
            turtle.enter(Plane::new(fix.position), 0.0, 0.0, fix.track);
            for _ in 0..hold.laps {
                turtle.turn(180.0, hold.radius).forward(hold.leg).turn(180.0, hold.radius).forward(hold.leg);
            }
            turtle.along(plan.circle, at, length);
        }
        None => {
            turtle.along(plan.circle, 0.0, length);
        }
    }
    let fix = xy(b, b.runway.point(TOUCHDOWN - plan.final_leg));
    let last = b.runway.heading - plan.turns.1;
    let (ex, ey) = turned(last, plan.turns.1, plan.radius.1);
    turtle.enter(b.site.plane(), fix.0 - ex, fix.1 - ey, last).turn(plan.turns.1, plan.radius.1);
    turtle.face(b.runway.heading).forward(plan.final_leg);
    let touchdown = turtle.length();
    turtle.forward(b.roll);
    let along = TOUCHDOWN + b.roll;
    let exit = turtle.length();
    let (p, q, s) = (b.runway.taxiway(along, b.stand), (b.stand.0, b.runway.taxiway(0.0, b.stand).1), b.stand);
    for uv in [p, q, s] {
        let (x, y) = xy(b, uv);
        turtle.to(x, y);
    }
    (turtle, Marks { hold_short, line_up, touchdown, exit })
}

fn profile(plan: Plan, turtle: Turtle, marks: Marks, role: Role) -> Course {
    let kind = plan.kind;
    let mut dice = plan.dice;
    let path = turtle.finish(false);
    let mut pen = Pen::new(plan.from.ground);
    let light = role == Role::Private;
    pen.wait(if light { 60.0 } else { dice.between(60.0, 400.0) });
    pen.roll(marks.hold_short, if light { 5.0 } else { dice.between(3.5, 7.0) });
    pen.wait(dice.between(5.0, if plan.from.site.parallel > 0.0 { 150.0 } else { 40.0 }));
    pen.roll(marks.line_up - marks.hold_short, 6.0).wait(dice.between(5.0, 25.0));
    pen.go(plan.from.roll, kind.lift_off, plan.from.ground);
    let lift_off = pen.now().1;
    // What is flown, seen from touchdown backwards; a hold lengthens all that lies before it.
    let extra = plan.hold.map_or(0.0, |h| h.length());
    let total = marks.touchdown - lift_off;
    let flat = total - extra;
    let climb = levels::climb(kind, plan.from.ground, &mut dice, |h| {
        wind(plan.from.site.position, h, plan.start).along(plan.circle.at(0.0).track)
    });
    let floor = plan.from.ground.max(plan.to.ground);
    let fits = |h: f64| climb_length(&climb, h) + to_go(&plan.approach, h);
    let top = levels::first(kind, plan.circle.at(plan.circle.length * 0.4).track, flat, floor, fits, &mut dice);
    let ladder = ladder(&plan, top, &mut dice);
    let last = ladder.last().copied().unwrap_or(top);
    levels::fly_climb(&mut pen, &climb, top);
    let until = marks.touchdown - to_go(&plan.approach, last) - extra;
    cruise(&mut pen, &plan, until, top, &ladder, &mut dice);
    descend(&mut pen, &plan, marks.touchdown);
    pen.go(plan.to.roll * 0.92, 14.0, plan.to.ground);
    pen.go(marks.exit - pen.now().1, 8.0, plan.to.ground);
    let taxi = path.length - marks.exit;
    let slow = dice.between(3.8, 7.0);
    pen.go((taxi - 60.0).max(taxi * 0.5), slow, plan.to.ground).go(
        taxi - (taxi - 60.0).max(taxi * 0.5),
        0.0,
        plan.to.ground,
    );
    pen.wait(if light { 40.0 } else { dice.between(30.0, 260.0) });
    Course { path, profile: pen.finish(), air: (lift_off, marks.touchdown) }
}

/// Metres before touchdown at which the descent passes `h`.
fn to_go(gates: &[Gate], h: f64) -> f64 {
    let i = gates.partition_point(|g| g.h < h).clamp(1, gates.len() - 1);
    let (a, b) = (gates[i - 1], gates[i]);
    a.to_go + (b.to_go - a.to_go) * ((h - a.h) / (b.h - a.h)).clamp(0.0, 1.0)
}

/// The levels of a cruise in equal parts of the way: higher as fuel burns off, always one that the rule gives to the
/// direction of flight.
fn ladder(plan: &Plan, first: f64, dice: &mut Dice) -> Vec<f64> {
    let length = plan.circle.length;
    let parts = ((length / 600_000.0) as usize).clamp(1, 22);
    let mut level = first;
    let eager = dice.between(0.75, 1.1);
    let rung = |i: usize| {
        let part = (i as f64 + 0.5) / parts as f64;
        if parts > 3 {
            level = levels::step(plan.kind, plan.circle.at(length * part).track, level, part * eager);
        }
        level
    };
    (0..parts).map(rung).collect()
}

/// From the top of climb to `until` metres along the path; at each part the wind is looked at anew.
fn cruise(pen: &mut Pen, plan: &Plan, until: f64, top: f64, ladder: &[f64], dice: &mut Dice) {
    let begin = pen.now().1;
    let left = until - begin;
    if left < 3_000.0 {
        let v = pen.now().2;
        pen.go(left, v, top);
        return;
    }
    // Where on the great circle a distance along the path lies, nearly.
    let shift = -(begin - plan.climb_out).min(plan.climb_out * 2.0);
    let tas = plan.kind.cruise * dice.between(if plan.kind.class == Class::Private { 0.85 } else { 0.975 }, 1.0);
    let speed = |s: f64, h: f64| {
        let fix = plan.circle.at((s + shift).clamp(0.0, plan.circle.length));
        (tas + wind(fix.position, h, plan.start).along(fix.track)).max(plan.kind.approach)
    };
    let settle = (left * 0.2).min(12_000.0);
    pen.go(settle, speed(begin + settle, top), top);
    let mut level = top;
    for (i, &wanted) in ladder.iter().enumerate() {
        let to = begin + settle + (left - settle) * (i + 1) as f64 / ladder.len() as f64;
        let (climb, now) = ((wanted - level).abs() / 2.2 * pen.now().2, pen.now().1);
        if wanted != level {
            let v = speed(now + climb, wanted);
            pen.go(climb.min((to - now) * 0.9), v, wanted);
            level = wanted;
        }
        pen.go(to - pen.now().1, speed(to, level), level);
    }
}

/// Metres from lift-off at which the climb passes `h`.
fn climb_length(climb: &[levels::Rung], h: f64) -> f64 {
    let i = climb.partition_point(|r| r.h < h).clamp(1, climb.len() - 1);
    let (a, b) = (climb[i - 1], climb[i]);
    a.s + (b.s - a.s) * ((h - a.h) / (b.h - a.h)).clamp(0.0, 1.0)
}

fn descend(pen: &mut Pen, plan: &Plan, touchdown: f64) {
    for (i, gate) in plan.approach.iter().enumerate().rev() {
        let extra = plan.hold.map_or(0.0, |h| h.length());
        let held = plan.hold.filter(|h| gate.to_go >= h.to_go - 1.0).map_or(0.0, |_| extra);
        let (_, s, _, h) = pen.now();
        let at = touchdown - gate.to_go - held;
        if at > s + 1.0 && gate.h < h - 0.1 || i == 0 {
            pen.go(at - s, gate.v, gate.h);
        }
        if held > 0.0 && plan.hold.is_some_and(|h| (h.to_go - gate.to_go).abs() < 1.0) {
            let (_, _, v, h) = pen.now();
            pen.go(extra, v, h);
        }
    }
}
