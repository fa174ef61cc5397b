//! Where a flight goes over the ground: straight lines and arcs near airfields, a great circle between them.
//!
//! A path is laid with a turtle (forward, turn) in a flat plane around an airfield, so it has no gaps and no corners
//! but those of taxiways; between two planes lies a [`GreatCircle`]. Everything is asked by distance along the path.

use std::f64::consts::{FRAC_PI_2, PI};

use contrail_types::geo::{EARTH_RADIUS, Position};

use super::trig::{asin, atan2, cos, degrees, longitude, sin, sincos};

const RAD: f64 = PI / 180.0;

/// A flat piece of the Earth around a point; x is east, y north, metres.
#[derive(Clone, Copy, Debug)]
pub struct Plane {
    anchor: Position,
    /// Degrees of longitude a metre.
    east: f64,
}

const NORTH: f64 = 1.0 / (EARTH_RADIUS * RAD);

impl Plane {
    pub fn new(anchor: Position) -> Self {
        Self { anchor, east: NORTH / cos(anchor.latitude * RAD).max(0.05) }
    }

    pub fn at(&self, x: f64, y: f64) -> Position {
        Position::new(self.anchor.latitude + y * NORTH, longitude(self.anchor.longitude + x * self.east))
    }
}

/// A position and the direction of movement there, degrees.
#[derive(Clone, Copy, Debug)]
pub struct Fix {
    pub position: Position,
    pub track: f64,
}

/// A great circle from one point to another, swaying a little to either side as airways do.
#[derive(Clone, Copy, Debug)]
pub struct GreatCircle {
    from: [f64; 3],
    towards: [f64; 3],
    pub length: f64,
    sway: [f64; 2],
}

fn vector(p: Position) -> [f64; 3] {
    let ((slat, clat), (slon, clon)) = (sincos(p.latitude * RAD), sincos(p.longitude * RAD));
    [clat * clon, clat * slon, slat]
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn sum(a: [f64; 3], x: f64, b: [f64; 3], y: f64) -> [f64; 3] {
    [a[0] * x + b[0] * y, a[1] * x + b[1] * y, a[2] * x + b[2] * y]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

impl GreatCircle {
    /// `sway`: how far the way bends aside, once to one side and once to both, metres.
    pub fn new(from: Position, to: Position, sway: [f64; 2]) -> Self {
        let (p, t) = (vector(from), vector(to));
        let c = dot(p, t);
        let across = sum(t, 1.0, p, -c);
        let s = dot(across, across).sqrt().max(1e-12);
        let towards = [across[0] / s, across[1] / s, across[2] / s];
        Self { from: p, towards, length: EARTH_RADIUS * atan2(s, c), sway }
    }

    pub fn at(&self, distance: f64) -> Fix {
        let (s, c) = sincos(distance / EARTH_RADIUS);
        let (on, along) = (sum(self.from, c, self.towards, s), sum(self.from, -s, self.towards, c));
        // A polynomial that is flat and zero at both ends.
        let u = distance / self.length;
        let (rise, bend) = (u * (1.0 - u), self.sway[0] + self.sway[1] * (2.0 * u - 1.0));
        let aside = 16.0 * rise * rise * bend;
        let slope = (32.0 * rise * (1.0 - 2.0 * u) * bend + 32.0 * rise * rise * self.sway[1]) / self.length;
        let left = cross(self.from, self.towards);
        let p = if aside == 0.0 { on } else { sum(on, 1.0, left, aside / EARTH_RADIUS) };
        let norm = 1.0 / dot(p, p).sqrt();
        let (lat, lon) = (asin((p[2] * norm).clamp(-1.0, 1.0)), atan2(p[1], p[0]));
        let across = (p[0] * p[0] + p[1] * p[1]).sqrt().max(1e-9);
        let east = (along[1] * p[0] - along[0] * p[1]) / across;
        let north = along[2] * across * norm - (along[0] * p[0] + along[1] * p[1]) * p[2] * norm / across;
        // The way bends little: the arc tangent of a small slope.
        let track = atan2(east, north) - slope * (1.0 - slope * slope / 3.0);
        Fix { position: Position::new(lat / RAD, lon / RAD), track: degrees(track / RAD) }
    }
}

/// One piece; the numbers are metres and radians, small enough for single precision.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Line {
        x: f32,
        y: f32,
        heading: f32,
    },
    /// `bearing` of the start from the centre; `radius` is negative for a turn to the left.
    Arc {
        x: f32,
        y: f32,
        bearing: f32,
        radius: f32,
    },
    /// The great circle from this distance on.
    Circle {
        from: f32,
    },
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    start: f32,
    plane: u8,
    shape: Shape,
}

/// A whole way. `repeat` walks the same round for ever.
#[derive(Clone, Debug)]
pub struct Path {
    /// Three at most: departure, hold, arrival.
    planes: [Plane; 3],
    count: u8,
    pieces: Vec<Piece>,
    circle: Option<GreatCircle>,
    pub length: f64,
    pub repeat: bool,
}

impl Path {
    /// Where one is after `distance` metres.
    pub fn at(&self, distance: f64) -> Fix {
        let d = if self.repeat { libm::fmod(distance, self.length.max(1.0)) } else { distance.clamp(0.0, self.length) };
        let i = self.pieces.partition_point(|p| f64::from(p.start) <= d).max(1) - 1;
        let piece = &self.pieces[i];
        let plane = &self.planes[piece.plane as usize];
        let s = d - f64::from(piece.start);
        match piece.shape {
            Shape::Line { x, y, heading } => {
                let (e, n) = sincos(f64::from(heading));
                Fix {
                    position: plane.at(f64::from(x) + e * s, f64::from(y) + n * s),
                    track: degrees(f64::from(heading) / RAD),
                }
            }
            Shape::Arc { x, y, bearing, radius } => {
                let radius = f64::from(radius);
                let b = f64::from(bearing) + s / radius;
                let (e, n) = sincos(b);
                let r = radius.abs();
                let ahead = if radius > 0.0 { FRAC_PI_2 } else { -FRAC_PI_2 };
                Fix {
                    position: plane.at(f64::from(x) + e * r, f64::from(y) + n * r),
                    track: degrees((b + ahead) / RAD),
                }
            }
            Shape::Circle { from } => match &self.circle {
                Some(circle) => circle.at(f64::from(from) + s),
                None => Fix { position: plane.anchor, track: 0.0 },
            },
        }
    }
}

/// Lays a path piece by piece.
pub struct Turtle {
    path: Path,
    x: f64,
    y: f64,
    /// Radians, clockwise from north.
    heading: f64,
}

impl Turtle {
    pub fn new(plane: Plane, x: f64, y: f64, heading: f64) -> Self {
        let path = Path {
            planes: [plane; 3],
            count: 1,
            pieces: Vec::with_capacity(20),
            circle: None,
            length: 0.0,
            repeat: false,
        };
        Self { path, x, y, heading: heading * RAD }
    }

    fn push(&mut self, shape: Shape, length: f64) {
        let plane = self.path.count - 1;
        self.path.pieces.push(Piece { start: self.path.length as f32, plane, shape });
        // What is stored is what counts: the next piece starts where single precision says this one ends.
        self.path.length = f64::from((self.path.length + length) as f32);
    }

    pub fn forward(&mut self, length: f64) -> &mut Self {
        if length <= 0.0 {
            return self;
        }
        self.push(Shape::Line { x: self.x as f32, y: self.y as f32, heading: self.heading as f32 }, length);
        self.x += length * sin(self.heading);
        self.y += length * cos(self.heading);
        self
    }

    /// Turns by `angle` degrees, to the right when positive, on a circle.
    pub fn turn(&mut self, angle: f64, radius: f64) -> &mut Self {
        let (angle, side) = (angle * RAD, if angle < 0.0 { -1.0 } else { 1.0 });
        if angle.abs() < 1e-6 {
            return self;
        }
        let (cx, cy) = (self.x + side * radius * cos(self.heading), self.y - side * radius * sin(self.heading));
        let bearing = self.heading - side * FRAC_PI_2;
        let shape = Shape::Arc { x: cx as f32, y: cy as f32, bearing: bearing as f32, radius: (side * radius) as f32 };
        self.push(shape, angle.abs() * radius);
        let end = bearing + angle;
        self.x = cx + radius * sin(end);
        self.y = cy + radius * cos(end);
        self.heading += angle;
        self
    }

    /// A corner, as vehicles and taxiing aircraft make: at once.
    pub fn face(&mut self, heading: f64) -> &mut Self {
        self.heading = heading * RAD;
        self
    }

    /// Straight to a point of this plane, turning at once.
    pub fn to(&mut self, x: f64, y: f64) -> &mut Self {
        let (dx, dy) = (x - self.x, y - self.y);
        let length = (dx * dx + dy * dy).sqrt();
        if length > 0.5 {
            self.heading = atan2(dx, dy);
            self.forward(length);
            (self.x, self.y) = (x, y);
        }
        self
    }

    /// Where the turtle stands: x, y, heading in degrees.
    #[cfg(test)]
    pub fn stands(&self) -> (f64, f64, f64) {
        (self.x, self.y, degrees(self.heading / RAD))
    }

    pub fn length(&self) -> f64 {
        self.path.length
    }

    /// Along the great circle, from and to distances on it.
    pub fn along(&mut self, circle: GreatCircle, from: f64, to: f64) -> &mut Self {
        self.path.circle = Some(circle);
        self.push(Shape::Circle { from: from as f32 }, to - from);
        self
    }

    /// Goes on in another plane.
    pub fn enter(&mut self, plane: Plane, x: f64, y: f64, heading: f64) -> &mut Self {
        let last = usize::from(self.path.count).min(2);
        self.path.planes[last] = plane;
        self.path.count = last as u8 + 1;
        (self.x, self.y, self.heading) = (x, y, heading * RAD);
        self
    }

    pub fn finish(mut self, repeat: bool) -> Path {
        self.path.repeat = repeat;
        self.path.pieces.shrink_to_fit();
        self.path
    }
}

/// How far and in which direction (x, y) a turn of `angle` degrees from `heading` degrees leads.
pub fn turned(heading: f64, angle: f64, radius: f64) -> (f64, f64) {
    let (h, side) = (heading * RAD, if angle < 0.0 { -1.0 } else { 1.0 });
    let bearing = h - side * FRAC_PI_2;
    let end = bearing + angle * RAD;
    (radius * (side * cos(h) + sin(end)), radius * (-side * sin(h) + cos(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(path: &Path) {
        let (mut before, step) = (path.at(0.0), 25.0);
        let mut d = step;
        while d < path.length {
            let fix = path.at(d);
            let moved = before.position.distance(fix.position);
            assert!((moved - step).abs() < 0.01 * step + 1.0, "{moved} m after {d} m");
            before = fix;
            d += step;
        }
    }

    #[test]
    fn a_path_of_all_shapes_has_no_gaps() {
        let a = Plane::new(Position::new(50.0, 8.5));
        let mut turtle = Turtle::new(a, 300.0, -200.0, 70.0);
        turtle.forward(4000.0).turn(-120.0, 3000.0);
        let (x, y, _) = turtle.stands();
        let start = a.at(x, y);
        let circle = GreatCircle::new(start, start.destination(310.0, 9_000_000.0), [20_000.0, -9_000.0]);
        turtle.along(circle, 0.0, circle.length);
        walk(&turtle.finish(false));
    }

    #[test]
    fn a_turn_leads_where_it_says() {
        let mut turtle = Turtle::new(Plane::new(Position::new(0.0, 0.0)), 0.0, 0.0, 30.0);
        turtle.turn(-75.0, 900.0);
        let (dx, dy) = turned(30.0, -75.0, 900.0);
        let (x, y, heading) = turtle.stands();
        assert!((x - dx).abs() < 1e-6 && (y - dy).abs() < 1e-6);
        assert!((heading - 315.0).abs() < 1e-9);
    }

    #[test]
    fn a_polygon_of_equal_sides_and_turns_closes() {
        let mut turtle = Turtle::new(Plane::new(Position::new(47.0, 8.0)), 10.0, 20.0, 111.0);
        for _ in 0..5 {
            turtle.forward(7000.0).turn(72.0, 800.0);
        }
        let (x, y, heading) = turtle.stands();
        assert!((x - 10.0).abs() < 1e-6 && (y - 20.0).abs() < 1e-6 && (heading - 111.0).abs() < 1e-9);
    }
}
