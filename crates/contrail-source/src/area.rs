//! Bounding boxes as OpenSky asks for them: corners, size in square degrees, and the split at the antimeridian.

use serde::{Deserialize, Serialize};

/// A box in degrees, written `[lamin, lomin, lamax, lomax]` in configuration. With `lomin` > `lomax` it crosses the
/// antimeridian.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 4]", into = "[f64; 4]")]
pub struct Area {
    pub lamin: f64,
    pub lomin: f64,
    pub lamax: f64,
    pub lomax: f64,
}

impl From<[f64; 4]> for Area {
    fn from([lamin, lomin, lamax, lomax]: [f64; 4]) -> Self {
        Self { lamin, lomin, lamax, lomax }
    }
}

impl From<Area> for [f64; 4] {
    fn from(area: Area) -> Self {
        [area.lamin, area.lomin, area.lamax, area.lomax]
    }
}

impl Area {
    /// Says what is wrong with a box, if anything is.
    pub fn check(&self) -> Result<(), String> {
        let [lamin, lomin, lamax, lomax] = (*self).into();
        let inside = |value: f64, most: f64| (-most..=most).contains(&value);
        if !inside(lamin, 90.0) || !inside(lamax, 90.0) {
            return Err("latitudes must lie in -90..90".into());
        }
        if !inside(lomin, 180.0) || !inside(lomax, 180.0) {
            return Err("longitudes must lie in -180..180".into());
        }
        if lamin >= lamax || lomin == lomax {
            return Err("the box is empty: the order is lamin, lomin, lamax, lomax".into());
        }
        Ok(())
    }

    /// The box itself, or its two halves when it crosses the antimeridian (OpenSky knows no such box).
    pub fn split(self) -> Vec<Self> {
        if self.lomin < self.lomax {
            return vec![self];
        }
        let halves = [Self { lomax: 180.0, ..self }, Self { lomin: -180.0, ..self }];
        halves.into_iter().filter(|half| half.lomin < half.lomax).collect()
    }

    /// Size in square degrees, the measure of OpenSky's prices; of a box that does not cross the antimeridian.
    pub fn square_degrees(self) -> f64 {
        (self.lamax - self.lamin) * (self.lomax - self.lomin)
    }

    /// Whether a position lies inside, borders included.
    pub fn contains(self, latitude: f64, longitude: f64) -> bool {
        let between = if self.lomin <= self.lomax {
            (self.lomin..=self.lomax).contains(&longitude)
        } else {
            longitude >= self.lomin || longitude <= self.lomax
        };
        between && (self.lamin..=self.lamax).contains(&latitude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_over_the_antimeridian_becomes_two_that_cover_the_same() {
        let fiji = Area::from([-20.0, 175.0, -15.0, -178.0]);
        let halves = fiji.split();
        assert_eq!(halves, [[-20.0, 175.0, -15.0, 180.0].into(), [-20.0, -180.0, -15.0, -178.0].into()]);
        for (longitude, inside) in [(174.9, false), (176.0, true), (180.0, true), (-179.0, true), (-177.0, false)] {
            assert_eq!(fiji.contains(-17.0, longitude), inside, "{longitude}");
            assert_eq!(halves.iter().any(|h| h.contains(-17.0, longitude)), inside, "{longitude}");
        }
        let only_east = Area::from([0.0, 180.0, 1.0, -170.0]).split();
        assert_eq!(only_east, [[0.0, -180.0, 1.0, -170.0].into()]);
    }

    #[test]
    fn what_is_no_box_is_refused() {
        let cases: [([f64; 4], bool); 6] = [
            ([45.8, 5.9, 47.8, 10.5], true),
            ([45.8, 170.0, 47.8, -170.0], true),
            ([47.8, 5.9, 45.8, 10.5], false),
            ([-91.0, 5.9, 45.8, 10.5], false),
            ([45.8, 5.9, 47.8, 190.0], false),
            ([f64::NAN, 5.9, 47.8, 10.5], false),
        ];
        for (corners, good) in cases {
            assert_eq!(Area::from(corners).check().is_ok(), good, "{corners:?}");
        }
    }
}
