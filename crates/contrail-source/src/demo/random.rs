//! Chance that can be asked again: everything random in the demo sky is a hash of what it is about.

/// SplitMix64's finaliser: spreads every bit of `z` over the result.
pub fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A hash of several numbers in order.
pub fn key<const N: usize>(parts: [u64; N]) -> u64 {
    parts.into_iter().fold(0x5bd1_e995, |k, p| mix(k ^ p))
}

/// A hash of several numbers as a number in 0..1.
pub fn unit<const N: usize>(parts: [u64; N]) -> f64 {
    fraction(key(parts))
}

fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// A stream of numbers that follows from its key alone.
#[derive(Clone, Copy)]
pub struct Dice(u64);

impl Dice {
    pub fn new<const N: usize>(parts: [u64; N]) -> Self {
        Self(key(parts))
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// 0..1, evenly.
    pub fn unit(&mut self) -> f64 {
        fraction(self.bits())
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// A whole number in 0..n (0 when n is 0).
    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// One of `items`, as often as its weight says.
    pub fn weighted<'a, T>(&mut self, items: &'a [(T, u32)]) -> Option<&'a T> {
        let total: u32 = items.iter().map(|(_, w)| w).sum();
        let mut left = (self.unit() * f64::from(total)) as u32;
        for (item, weight) in items {
            if left < *weight {
                return Some(item);
            }
            left -= weight;
        }
        items.last().map(|(item, _)| item)
    }
}
