//! Addresses, registrations and callsigns as the authorities and operators make them.

use std::collections::HashMap;

use contrail_types::Icao24;

use super::random::{Dice, key};
use crate::reference::{Airline, CallsignStyle, address_blocks};

/// Gives out addresses of national blocks, each once.
#[derive(Default)]
pub struct Registry {
    given: HashMap<&'static str, u32>,
}

/// The part of the United States' block that belongs to N-numbers; the rest is the military's.
const US_CIVIL: (u32, u32) = (0xa0_0001, 0xad_f7c7);
const US_MILITARY: (u32, u32) = (0xae_0000, 0xaf_ffff);

impl Registry {
    /// The next address of a country; `None` when it has no block.
    pub fn address(&mut self, iso2: &'static str, military: bool) -> Option<Icao24> {
        let (name, first, last) = match (iso2, military) {
            ("US", false) => ("US", US_CIVIL.0, US_CIVIL.1),
            ("US", true) => ("US military", US_MILITARY.0, US_MILITARY.1),
            _ => {
                let block = address_blocks().iter().find(|b| b.iso2 == iso2)?;
                (block.iso2, block.first, block.last)
            }
        };
        let size = u64::from(last - first) + 1;
        let given = self.given.entry(name).or_default();
        let n = u64::from(*given);
        if n >= size {
            return None;
        }
        *given += 1;
        // A step that shares no divisor with any block size walks through the whole block in a scattered order.
        Icao24::new(first + ((n * 7_919 + 577) % size) as u32)
    }
}

const LETTERS: &[u8; 24] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";

/// The N-number of an address of the United States, by the FAA's scheme.
fn n_number(address: u32) -> Option<String> {
    let mut rest = address.checked_sub(US_CIVIL.0).filter(|_| address <= US_CIVIL.1)?;
    let mut text = String::from("N");
    let suffix = |rest: u32| -> String {
        if rest == 0 {
            return String::new();
        }
        let (first, second) = ((rest - 1) / 25, (rest - 1) % 25);
        let mut s = String::from(LETTERS[first as usize] as char);
        if second > 0 {
            s.push(LETTERS[second as usize - 1] as char);
        }
        s
    };
    for (i, bucket) in [101_711, 10_111, 951, 35].into_iter().enumerate() {
        let digit = rest / bucket + u32::from(i == 0);
        rest %= bucket;
        text.push(char::from_digit(digit, 10)?);
        if i == 3 {
            break;
        }
        if rest < 601 {
            return Some(text + &suffix(rest));
        }
        rest -= 601;
    }
    match rest {
        0 => {}
        1..=24 => text.push(LETTERS[rest as usize - 1] as char),
        _ => text.push(char::from_digit(rest - 25, 10)?),
    }
    Some(text)
}

fn letters(mut n: u32, count: u32) -> String {
    let mut text = vec![b'A'; count as usize];
    for place in text.iter_mut().rev() {
        *place = b'A' + (n % 26) as u8;
        n /= 26;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Nationality marks (ICAO Annex 7): country, prefix, letters after it.
const MARKS: &[(&str, &str, u32)] = &[
    ("AE", "A6", 3),
    ("AR", "LV", 3),
    ("AT", "OE", 3),
    ("AU", "VH", 3),
    ("BE", "OO", 3),
    ("BG", "LZ", 3),
    ("BR", "PR", 3),
    ("CA", "CG", 3),
    ("CH", "HB", 3),
    ("CL", "CC", 3),
    ("CO", "HK", 3),
    ("CZ", "OK", 3),
    ("DE", "DE", 3),
    ("DK", "OY", 3),
    ("EE", "ES", 3),
    ("ES", "EC", 3),
    ("FI", "OH", 3),
    ("FR", "FG", 3),
    ("GB", "G", 4),
    ("GR", "SX", 3),
    ("HR", "9A", 3),
    ("HU", "HA", 3),
    ("IE", "EI", 3),
    ("IL", "4X", 3),
    ("IN", "VT", 3),
    ("IS", "TF", 3),
    ("IT", "I", 4),
    ("LT", "LY", 3),
    ("LU", "LX", 3),
    ("LV", "YL", 3),
    ("MT", "9H", 3),
    ("MX", "XA", 3),
    ("MY", "9M", 3),
    ("NL", "PH", 3),
    ("NO", "LN", 3),
    ("NZ", "ZK", 3),
    ("PH", "RPC", 3),
    ("PL", "SP", 3),
    ("PT", "CS", 3),
    ("RO", "YR", 3),
    ("RS", "YU", 3),
    ("SA", "HZ", 3),
    ("SE", "SE", 3),
    ("SG", "9V", 3),
    ("SI", "S5", 3),
    ("SK", "OM", 3),
    ("SM", "T7", 3),
    ("TH", "HS", 3),
    ("TR", "TC", 3),
    ("ZA", "ZS", 3),
];

/// The registration of an address, without a hyphen, as GA transmits it. Countries without a rule that ties the two get
/// one that looks right; `None` where the marks are not known.
pub fn registration(address: Icao24, iso2: &str) -> Option<String> {
    let a = address.get();
    if iso2 == "US" {
        return n_number(a);
    }
    let (_, prefix, count) = MARKS.iter().find(|(c, ..)| *c == iso2)?;
    let spread = match iso2 {
        "AU" => {
            let n = a.checked_sub(0x7c_0000)?;
            let digit = |d: u32| LETTERS_AND_DIGITS.get(d as usize).map(|c| *c as char);
            return Some(format!("VH{}{}{}", digit(n / 1296)?, digit(n / 36 % 36)?, digit(n % 36)?));
        }
        _ => key([u64::from(a), 0x9e9]) as u32,
    };
    Some(format!("{prefix}{}", letters(spread % 26u32.pow(*count), *count)))
}

const LETTERS_AND_DIGITS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The call of one flight of an airline; `back` is the return of the same pair, with the next number.
pub fn callsign(airline: &Airline, route: u64, back: bool) -> String {
    let mut dice = Dice::new([route, 0xca11]);
    let prefix = airline.icao;
    let even = u32::from(back);
    match airline.style {
        CallsignStyle::Mixed if dice.chance(0.62) => {
            let mut dice = Dice::new([route, u64::from(even), 0xca12]);
            let digits = if dice.chance(0.55) { 10 + dice.below(89) } else { 1 + dice.below(9) };
            let mut text = format!("{prefix}{digits}");
            for _ in 0..if digits > 9 && dice.chance(0.6) { 1 } else { 2 } {
                text.push(LETTERS[dice.below(24)] as char);
            }
            text
        }
        _ => {
            let top = match airline.fleet {
                0..=30 => 400,
                31..=150 => 1400,
                _ => 3000,
            };
            // Small numbers are commoner than great ones.
            let n = (dice.unit() * dice.unit().max(0.25) * f64::from(top)) as u32;
            let regional =
                airline.country == "US" && airline.types.iter().any(|(t, _)| t.starts_with("CRJ") || *t == "E75L");
            format!("{prefix}{}", 1 + even + 2 * (n / 2) + if regional { 3000 } else { 0 })
        }
    }
}

/// Eight characters, padded with blanks, as Mode S transmits a callsign.
pub fn padded(text: &str) -> [u8; 8] {
    let mut out = [b' '; 8];
    for (to, from) in out.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n_numbers_follow_the_scheme() {
        for (address, text) in [
            (0xa0_0001, "N1"),
            (0xa0_0002, "N1A"),
            (0xa0_0003, "N1AA"),
            (0xad_f7c7, "N99999"),
            (0xa0_0724, "N1000Z"),
            (0xa0_0725, "N10000"),
        ] {
            assert_eq!(n_number(address).as_deref(), Some(text), "{address:x}");
        }
    }

    #[test]
    fn no_address_is_given_twice_and_small_blocks_end() {
        let mut registry = Registry::default();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1024 {
            assert!(seen.insert(registry.address("LV", false).unwrap()));
        }
        assert_eq!(registry.address("LV", false), None);
    }
}
