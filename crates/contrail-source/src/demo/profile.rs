//! When a flight is where on its path, how fast and how high: knots in time, even acceleration between them.

/// One instant of a profile: seconds, metres along the path, m/s, barometric metres.
#[derive(Clone, Copy, Debug)]
pub struct Knot {
    pub t: f32,
    pub s: f32,
    pub v: f32,
    pub h: f32,
}

/// What a profile says about an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instant {
    /// Metres along the path.
    pub s: f64,
    /// Ground speed.
    pub v: f64,
    /// Barometric altitude.
    pub h: f64,
    pub vertical: f64,
}

#[derive(Clone, Debug)]
pub struct Profile {
    knots: Vec<Knot>,
}

impl Profile {
    pub fn end(&self) -> f64 {
        self.knots.last().map_or(0.0, |k| f64::from(k.t))
    }

    pub fn at(&self, t: f64) -> Instant {
        let after = self.knots.partition_point(|k| f64::from(k.t) <= t);
        let rest = |k: &Knot| Instant { s: k.s.into(), v: 0.0, h: k.h.into(), vertical: 0.0 };
        let (Some(a), Some(b)) = (after.checked_sub(1).and_then(|i| self.knots.get(i)), self.knots.get(after)) else {
            return self
                .knots
                .get(after.min(self.knots.len() - 1))
                .map_or(Instant { s: 0.0, v: 0.0, h: 0.0, vertical: 0.0 }, rest);
        };
        let (dt, since) = (f64::from(b.t) - f64::from(a.t), t - f64::from(a.t));
        let (v0, v1) = (f64::from(a.v), f64::from(b.v));
        let part = since / dt;
        // Even acceleration covers (v0 + v1) / 2 * dt; scaled so that rounding of the knots leaves no step.
        let mean = (v0 + v1) / 2.0;
        let share = if mean > 0.0 { (v0 * part + (v1 - v0) * part * part / 2.0) / mean } else { part };
        let rise = f64::from(b.h) - f64::from(a.h);
        Instant {
            s: f64::from(a.s) + (f64::from(b.s) - f64::from(a.s)) * share,
            v: v0 + (v1 - v0) * part,
            h: f64::from(a.h) + rise * part,
            vertical: rise / dt,
        }
    }
}

/// Lays knots one after the other.
pub struct Pen {
    knots: Vec<Knot>,
    t: f64,
    s: f64,
    v: f64,
    h: f64,
}

impl Pen {
    pub fn new(h: f64) -> Self {
        let mut pen = Self { knots: Vec::with_capacity(32), t: 0.0, s: 0.0, v: 0.0, h };
        pen.mark();
        pen
    }

    fn mark(&mut self) {
        self.knots.push(Knot { t: self.t as f32, s: self.s as f32, v: self.v as f32, h: self.h as f32 });
    }

    /// Stands still.
    pub fn wait(&mut self, seconds: f64) -> &mut Self {
        if seconds > 0.0 {
            self.t += seconds;
            self.mark();
        }
        self
    }

    /// Goes on for `distance`, arriving with speed `v` at altitude `h`.
    pub fn go(&mut self, distance: f64, v: f64, h: f64) -> &mut Self {
        if distance > 0.0 && self.v + v > 0.0 {
            self.t += 2.0 * distance / (self.v + v);
            self.s += distance;
            (self.v, self.h) = (v, h);
            self.mark();
        }
        self
    }

    /// From standing to standing: speeds up to `v`, slows down again, at 0.7 m/s².
    pub fn roll(&mut self, distance: f64, v: f64) -> &mut Self {
        let ramp = (v * v / 1.4).min(distance / 2.0);
        let top = (ramp * 1.4).sqrt();
        let h = self.h;
        self.go(ramp, top, h).go(distance - 2.0 * ramp, top, h).go(ramp, 0.0, h)
    }

    pub fn now(&self) -> (f64, f64, f64, f64) {
        (self.t, self.s, self.v, self.h)
    }

    pub fn finish(mut self) -> Profile {
        self.knots.shrink_to_fit();
        Profile { knots: self.knots }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_the_integral_of_speed() {
        let mut pen = Pen::new(100.0);
        pen.wait(60.0).roll(900.0, 8.0).go(1800.0, 75.0, 100.0).go(20_000.0, 130.0, 3000.0);
        let profile = pen.finish();
        let (mut t, dt) = (0.0, 0.5);
        while t + dt < profile.end() {
            let (a, b) = (profile.at(t), profile.at(t + dt));
            assert!((b.s - a.s - (a.v + b.v) / 2.0 * dt).abs() < 0.3, "{t}: {a:?} {b:?}");
            t += dt;
        }
        assert_eq!(profile.at(0.0).h, 100.0);
        assert_eq!(profile.at(1e6).h, 3000.0);
    }
}
