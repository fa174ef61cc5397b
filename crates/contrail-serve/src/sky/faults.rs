//! Faults on demand: what may go wrong, how often, and how both are written.
//!
//! Written `KIND[:VALUE][@CHANCE|*TIMES]`, several separated by commas: `429:3600*1`, `503@0.2`, `hang`. Without a chance
//! or a number of times a fault meets every request. The first in the list that applies is the one that happens.

use std::fmt;
use std::str::FromStr;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// 401, and the token presented is no longer good.
    Unauthorized,
    /// 429 that asks to wait so many seconds.
    TooMany(u64),
    /// 503 with an HTML body.
    Unavailable,
    /// No answer until the client goes away.
    Hang,
    /// Half a body.
    Truncate,
    /// `states: null`.
    Null,
    /// Numbers that no aircraft has, fields of the wrong type, rows that are no rows.
    Nonsense,
    /// The answer's `time` so many seconds back.
    ClockBack(u64),
    /// So many seconds until the answer.
    Slow(u64),
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    Always,
    /// 0..1.
    Chance(f64),
    Times(u32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    pub kind: Kind,
    pub when: When,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no fault: write KIND[:VALUE][@CHANCE|*TIMES] with KIND one of 401, 429[:SECONDS], 503, hang, truncate, \
     null, nonsense, clock-back[:SECONDS], slow[:SECONDS], for example 429:3600*1 or 503@0.2"
)]
pub struct BadFault(pub String);

impl FromStr for Fault {
    type Err = BadFault;

    fn from_str(text: &str) -> Result<Self, BadFault> {
        let bad = || BadFault(text.to_owned());
        let text_ = text.trim();
        let (what, when) = if let Some((what, times)) = text_.split_once('*') {
            (what, When::Times(times.parse().map_err(|_| bad())?))
        } else if let Some((what, chance)) = text_.split_once('@') {
            let chance: f64 = chance.parse().map_err(|_| bad())?;
            (what, When::Chance(Some(chance).filter(|c| (0.0..=1.0).contains(c)).ok_or_else(bad)?))
        } else {
            (text_, When::Always)
        };
        let (name, value) = what.split_once(':').map_or((what, None), |(name, value)| (name, Some(value)));
        let seconds = |otherwise| value.map_or(Ok(otherwise), |v| v.parse::<u64>().map_err(|_| bad()));
        let kind = match name {
            "429" => Kind::TooMany(seconds(60)?),
            "clock-back" => Kind::ClockBack(seconds(3600)?),
            "slow" => Kind::Slow(seconds(5)?),
            _ if value.is_some() => return Err(bad()),
            "401" => Kind::Unauthorized,
            "503" => Kind::Unavailable,
            "hang" => Kind::Hang,
            "truncate" => Kind::Truncate,
            "null" => Kind::Null,
            "nonsense" => Kind::Nonsense,
            _ => return Err(bad()),
        };
        Ok(Self { kind, when })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Unauthorized => write!(f, "401"),
            Kind::TooMany(seconds) => write!(f, "429:{seconds}"),
            Kind::Unavailable => write!(f, "503"),
            Kind::Hang => write!(f, "hang"),
            Kind::Truncate => write!(f, "truncate"),
            Kind::Null => write!(f, "null"),
            Kind::Nonsense => write!(f, "nonsense"),
            Kind::ClockBack(seconds) => write!(f, "clock-back:{seconds}"),
            Kind::Slow(seconds) => write!(f, "slow:{seconds}"),
        }?;
        match self.when {
            When::Always => Ok(()),
            When::Chance(chance) => write!(f, "@{chance}"),
            When::Times(times) => write!(f, "*{times}"),
        }
    }
}

/// Several faults, separated by commas; empty is none.
pub fn parse(list: &str) -> Result<Vec<Fault>, BadFault> {
    list.split(',').map(str::trim).filter(|f| !f.is_empty()).map(str::parse).collect()
}

/// The faults in force.
#[derive(Clone, Debug)]
pub struct Faults {
    pub list: Vec<Fault>,
    random: u64,
}

impl Faults {
    pub fn new(list: Vec<Fault>, seed: u64) -> Self {
        Self { list, random: seed }
    }

    /// The fault that the next request meets.
    pub fn draw(&mut self) -> Option<Kind> {
        for at in 0..self.list.len() {
            let kind = self.list[at].kind;
            match self.list[at].when {
                When::Always => return Some(kind),
                When::Chance(chance) => {
                    if self.chance() < chance {
                        return Some(kind);
                    }
                }
                When::Times(0) => {}
                When::Times(left) => {
                    self.list[at].when = When::Times(left - 1);
                    self.list.retain(|f| f.when != When::Times(0));
                    return Some(kind);
                }
            }
        }
        None
    }

    /// 0..1, the same sequence for the same seed (splitmix64).
    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_written_again() {
        for (text, kind, when, again) in [
            ("401", Kind::Unauthorized, When::Always, "401"),
            ("429", Kind::TooMany(60), When::Always, "429:60"),
            (" 429:3600*1 ", Kind::TooMany(3600), When::Times(1), "429:3600*1"),
            ("503@0.25", Kind::Unavailable, When::Chance(0.25), "503@0.25"),
            ("hang*2", Kind::Hang, When::Times(2), "hang*2"),
            ("truncate", Kind::Truncate, When::Always, "truncate"),
            ("null@1", Kind::Null, When::Chance(1.0), "null@1"),
            ("nonsense", Kind::Nonsense, When::Always, "nonsense"),
            ("clock-back:4", Kind::ClockBack(4), When::Always, "clock-back:4"),
            ("slow", Kind::Slow(5), When::Always, "slow:5"),
        ] {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault, Fault { kind, when }, "{text}");
            assert_eq!(fault.to_string(), again);
        }
        for bad in ["", "404", "503:5", "429:soon", "hang*-1", "503@2", "503@x", "429:1*1@1"] {
            let error = bad.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains("for example"), "{bad}: {error}");
        }
        assert_eq!(parse("").unwrap(), []);
        assert_eq!(parse("401, hang*2").unwrap().len(), 2);
    }

    #[test]
    fn the_first_that_applies_happens_and_times_run_out() {
        let mut faults = Faults::new(parse("503*2,401*1").unwrap(), 1);
        let drawn: Vec<_> = (0..4).map(|_| faults.draw()).collect();
        assert_eq!(drawn, [Some(Kind::Unavailable), Some(Kind::Unavailable), Some(Kind::Unauthorized), None]);
        assert!(faults.list.is_empty());
    }

    #[test]
    fn chance_comes_about_as_often_as_asked() {
        let mut faults = Faults::new(parse("hang@0.2").unwrap(), 7);
        let hits = (0..10_000).filter(|_| faults.draw().is_some()).count();
        assert!((1800..2200).contains(&hits), "{hits}");
    }
}
