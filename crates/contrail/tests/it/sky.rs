//! A small made-up recording with the real feed's habits, and what must come of it, computed on its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// What a recording holds.
#[derive(Debug, Default)]
pub struct Expected {
    /// Rows that can be read.
    pub raw: i64,
    /// Rows without an address: dead letters.
    pub dead: i64,
    /// Distinct observations with a position.
    pub states: i64,
    /// Aircraft and observations by hour of the last contact.
    pub hours: BTreeMap<i64, (BTreeSet<u32>, i64)>,
}

/// A small generator, the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// 2026-03-14T15:50:00Z: the recording crosses an hour.
const START: i64 = 1_773_503_400;

/// Writes `answers` answers of `aircraft` aircraft, 30 s apart, with repeats, stale rows, rows without a position and
/// rows that are no states.
pub fn record(path: &Path, answers: i64, aircraft: u32) -> Expected {
    let mut dice = Dice(7);
    let mut file = File::create(path).expect("a file");
    let mut expected = Expected::default();
    let mut last: BTreeMap<u32, String> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for answer in 0..answers {
        let time = START + 30 * answer - dice.roll(3) as i64;
        let mut rows = Vec::new();
        for address in 1..=aircraft {
            let repeated = last.get(&address).filter(|_| dice.roll(10) == 0);
            if let Some(row) = repeated {
                expected.raw += 1;
                rows.push(row.clone());
                continue;
            }
            let contact = time - dice.roll(90) as i64;
            let position = dice.roll(50) != 0;
            let (lat, lon) = (f64::from(address % 170) - 85.0, f64::from(address % 350) - 175.0);
            let place = if position {
                format!("{contact},{contact},{lon:.4},{lat:.4}")
            } else {
                format!("null,{contact},null,null")
            };
            let row = format!(
                r#"["{address:06x}","DLH{address}  ","Germany",{place},{}.5,false,{}.0,{},0,null,null,"1000",false,0,0]"#,
                dice.roll(12_000),
                dice.roll(260),
                dice.roll(360)
            );
            expected.raw += 1;
            // The first row of a key wins; that it has a position is part of being in the running.
            if position && seen.insert((address, contact)) {
                expected.states += 1;
                let hour = expected.hours.entry(contact / 3600).or_default();
                hour.0.insert(address);
                hour.1 += 1;
            }
            last.insert(address, row.clone());
            rows.push(row);
        }
        if dice.roll(4) == 0 {
            expected.dead += 1;
            rows.push(r#"[null,"NOBODY","Nowhere",1,1,1,1,1,false,1,1,1,null,1,null,false,0]"#.into());
        }
        writeln!(file, r#"{{"time":{time},"states":[{}]}}"#, rows.join(",")).expect("room on the disk");
    }
    expected
}
