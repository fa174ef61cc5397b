//! The 24-bit address that ICAO gives an aircraft's transponder, written as six lower-case hex digits.

use std::fmt;
use std::str::FromStr;

/// A 24-bit ICAO aircraft address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Icao24(u32);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no ICAO 24-bit address: expected six hex digits, such as 3c6444")]
pub struct BadIcao24(String);

impl Icao24 {
    /// `None` when `value` needs more than 24 bits.
    pub const fn new(value: u32) -> Option<Self> {
        if value <= 0xff_ffff { Some(Self(value)) } else { None }
    }

    pub const fn get(self) -> u32 {
        self.0
    }

    /// Six lower-case hex digits without an allocation.
    pub fn to_ascii(self) -> [u8; 6] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        std::array::from_fn(|i| HEX[(self.0 >> (20 - 4 * i)) as usize & 15])
    }

    /// Six hex digits of either case; anything else, blanks included, is `None`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != 6 {
            return None;
        }
        let digit = |c: &u8| (*c as char).to_digit(16);
        text.iter().try_fold(0, |value, c| Some(value << 4 | digit(c)?)).map(Self)
    }
}

impl FromStr for Icao24 {
    type Err = BadIcao24;

    fn from_str(text: &str) -> Result<Self, BadIcao24> {
        Self::parse(text.as_bytes()).ok_or_else(|| BadIcao24(text.chars().take(20).collect()))
    }
}

impl fmt::Display for Icao24 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06x}", self.0)
    }
}

impl fmt::Debug for Icao24 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_number_agree() {
        let address: Icao24 = "3C6444".parse().unwrap();
        assert_eq!(address.get(), 0x3c6444);
        assert_eq!(address.to_string(), "3c6444");
        assert_eq!(&address.to_ascii(), b"3c6444");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "3c644", "3c64444", "3c644g", " 3c644", "~c6444"] {
            assert!(text.parse::<Icao24>().is_err(), "{text:?}");
        }
    }
}
