//! Flights that end where they began: circuits, outings, soaring, and vehicles on their rounds.

use super::fleet::{Aircraft, Role};
use super::flight::{Course, turn_radius};
use super::path::Turtle;
use super::profile::Pen;
use super::random::Dice;
use super::schedule::Sortie;

/// A path and its profile, laid together step by step.
struct Walk {
    turtle: Turtle,
    pen: Pen,
    ground: f64,
    lift_off: f64,
}

impl Walk {
    /// At the threshold of the runway in use, standing.
    fn begin(aircraft: &Aircraft, sortie: &Sortie, dice: &mut Dice) -> Self {
        let site = aircraft.base.site();
        let runway = site.runway(sortie.start, dice.unit());
        let ground = site.ground(sortie.start as f64);
        let (x, y) = site.xy(runway.point(40.0));
        let mut pen = Pen::new(ground);
        pen.wait(dice.between(60.0, 400.0));
        Self { turtle: Turtle::new(site.plane(), x, y, runway.heading), pen, ground, lift_off: 0.0 }
    }

    fn forward(&mut self, length: f64, v: f64, above: f64) -> &mut Self {
        self.turtle.forward(length);
        self.pen.go(length, v, self.ground + above);
        self
    }

    fn turn(&mut self, angle: f64, radius: f64, v: f64, above: f64) -> &mut Self {
        self.turtle.turn(angle, radius);
        self.pen.go(angle.abs().to_radians() * radius, v, self.ground + above);
        self
    }

    fn finish(mut self, touchdown: f64, dice: &mut Dice) -> Course {
        self.pen.wait(dice.between(30.0, 120.0));
        Course { path: self.turtle.finish(false), profile: self.pen.finish(), air: (self.lift_off, touchdown) }
    }
}

/// Sides (parts of the whole way) and the turns after them of a figure that ends where and as it began: half of it turns
/// by half a circle, so the other half leads back.
fn figure(dice: &mut Dice) -> Vec<(f64, f64)> {
    let hand = if dice.chance(0.5) { 1.0 } else { -1.0 };
    let sides = 2 + dice.below(3);
    let mut half: Vec<_> = (0..sides).map(|_| (dice.between(0.15, 1.0), dice.between(-25.0, 110.0))).collect();
    let (way, turned) = half.iter().fold((0.0, 0.0), |(w, t), (side, angle)| (w + side, t + angle));
    for (side, angle) in &mut half {
        *side /= 2.0 * way;
        *angle = hand * (*angle + (180.0 - turned) / sides as f64);
    }
    half.repeat(2)
}

/// Runway roll of a light aircraft.
const ROLL: f64 = 280.0;

/// Take-offs and landings, one after the other, at 300 m above the field.
pub fn circuits(aircraft: &Aircraft, sortie: &Sortie, dice: &mut Dice) -> Course {
    let kind = aircraft.kind;
    let (v, slow) = (kind.cruise * 0.8, kind.approach);
    let side = if dice.chance(0.75) { -180.0 } else { 180.0 };
    let (radius, out, back) =
        (dice.between(550.0, 850.0), dice.between(1_100.0, 1_900.0), dice.between(900.0, 1_900.0));
    let mut walk = Walk::begin(aircraft, sortie, dice);
    walk.forward(ROLL, kind.lift_off, 0.0);
    walk.lift_off = ROLL;
    let laps = 4 + dice.below(7);
    let mut touchdown = 0.0;
    for lap in 1..=laps {
        let height = 290.0 + 25.0 * dice.unit();
        walk.forward(out, v * 0.8, height * 0.55).turn(side, radius, v, height);
        walk.forward(out + ROLL + back, v * 0.95, height).turn(side, radius, slow * 1.05, 125.0);
        walk.forward(back, slow, 0.0);
        touchdown = walk.turtle.length();
        let end = if lap == laps { 6.0 } else { kind.lift_off };
        walk.forward(ROLL, end, 0.0);
    }
    walk.forward(60.0, 0.0, 0.0);
    walk.finish(touchdown, dice)
}

/// Out to somewhere, round a polygon or a few circles, and back.
pub fn outing(aircraft: &Aircraft, sortie: &Sortie, dice: &mut Dice) -> Course {
    let kind = aircraft.kind;
    let heli = aircraft.role == Role::Helicopter;
    let (v, slow) = (kind.cruise * dice.between(0.85, 1.0), kind.approach);
    let roll = if heli { 30.0 } else { ROLL };
    let radius = turn_radius(v).max(350.0);
    let height = if heli { dice.between(180.0, 480.0) } else { dice.between(450.0, 1_400.0) };
    let (low, out, back) = if heli { (120.0, 500.0, 900.0) } else { (250.0, 1_500.0, 2_600.0) };
    let mut walk = Walk::begin(aircraft, sortie, dice);
    walk.forward(roll, kind.lift_off, 0.0);
    walk.lift_off = roll * 0.9;
    // Climbing out straight ahead, then a figure that comes back to where it began.
    let climb = (height - low) / kind.climb * v;
    walk.forward(out, v * 0.8, low).forward(climb, v, height);
    let seconds = dice.between(900.0, if heli { 3_600.0 } else { 5_200.0 });
    let way = (v * seconds).min(230_000.0);
    if heli && dice.chance(0.45) {
        let side = if dice.chance(0.5) { 360.0 } else { -360.0 };
        let orbit = dice.between(450.0, 1_400.0);
        for _ in 0..((way / (orbit * std::f64::consts::TAU)) as usize).clamp(2, 14) {
            walk.turn(side, orbit, v * 0.6, height);
        }
    } else {
        for (share, angle) in figure(dice) {
            let above = height + dice.between(-80.0, 160.0);
            walk.forward(way * share, v, above).turn(angle, radius, v, above);
        }
    }
    // Past the field on the other side, and in.
    walk.turn(-180.0, radius, v, height).forward(out + climb + roll + back, v * 0.9, height.min(320.0));
    walk.turn(-180.0, radius, slow * 1.2, 150.0).forward(back, slow, 0.0);
    let touchdown = walk.turtle.length();
    walk.forward(roll, 4.0, 0.0).forward(20.0, 0.0, 0.0);
    walk.finish(touchdown, dice)
}

/// A way round flown from thermal to thermal: circling up, gliding down.
pub fn soaring(aircraft: &Aircraft, sortie: &Sortie, dice: &mut Dice) -> Course {
    let kind = aircraft.kind;
    let v = kind.cruise;
    let mut walk = Walk::begin(aircraft, sortie, dice);
    walk.forward(180.0, kind.lift_off, 0.0);
    walk.lift_off = 150.0;
    // Up on a tow.
    walk.forward(9_000.0, 31.0, 650.0);
    let way = dice.between(40_000.0, 95_000.0);
    let mut above = 650.0;
    for (share, angle) in figure(dice) {
        let side = way * share;
        let glides = ((side / 8_000.0) as usize).clamp(1, 3);
        for _ in 0..glides {
            let (turns, radius, rate) = (6 + dice.below(12), dice.between(85.0, 150.0), dice.between(0.8, 2.8));
            let lap = radius * std::f64::consts::TAU;
            let spin = if dice.chance(0.5) { 360.0 } else { -360.0 };
            for _ in 0..turns {
                above = (above + rate * lap / 26.0).min(2_100.0);
                walk.turn(spin, radius, 26.0, above);
            }
            let glide = side / glides as f64;
            above = (above - glide / 36.0).max(350.0);
            walk.forward(glide, v + dice.between(-2.0, 9.0), above);
        }
        walk.turn(angle, 220.0, v, above);
    }
    walk.turn(-180.0, 250.0, v, above).forward(9_180.0 + 1_500.0, v, (above - 180.0).clamp(200.0, 500.0));
    walk.turn(-180.0, 250.0, kind.approach, 110.0).forward(1_500.0, kind.approach, 0.0);
    let touchdown = walk.turtle.length();
    walk.forward(160.0, 3.0, 0.0).forward(15.0, 0.0, 0.0);
    walk.finish(touchdown, dice)
}

/// A vehicle going round and round between stands and runway.
pub fn rounds(aircraft: &Aircraft, sortie: &Sortie, dice: &mut Dice) -> Course {
    let site = aircraft.base.site();
    let ground = site.ground(sortie.start as f64);
    let reach = (site.parallel - 150.0).max(350.0);
    let (u, v) = (dice.between(-900.0, 500.0), dice.between(-reach, reach - 200.0));
    let (wide, deep) = (dice.between(300.0, 900.0), dice.between(80.0, 200.0));
    let corner = |u, v| site.xy((u, v));
    let first = corner(u, v);
    let mut turtle = Turtle::new(site.plane(), first.0, first.1, 0.0);
    for (x, y) in [corner(u + wide, v), corner(u + wide, v + deep), corner(u, v + deep), first] {
        turtle.to(x, y);
    }
    let mut pen = Pen::new(ground);
    let top = dice.between(5.0, 12.0);
    let until = (sortie.end - sortie.start) as f64 - 60.0;
    while pen.now().0 < until - 500.0 {
        pen.roll(dice.between(500.0, 1_500.0), top).wait(dice.between(10.0, 240.0));
    }
    Course { path: turtle.finish(true), profile: pen.finish(), air: (f64::MAX, f64::MAX) }
}
