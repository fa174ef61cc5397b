//! Where an aircraft flies to from its base: destinations by traffic, distance, and who may fly there.

use std::collections::HashMap;

use super::fleet::{Role, text_key};
use super::random::{Dice, unit};
use super::site::Place;
use super::types::{Class, Type};
use crate::reference::{Airline, Airport, airports};

/// A list of destinations in [`Markets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market(u32);

/// Every list of destinations; the weights are running totals.
#[derive(Default)]
pub struct Markets {
    lists: Vec<Vec<(u16, f32)>>,
    known: HashMap<(u16, u64), Market>,
}

/// Destinations that are kept for one market.
const KEPT: usize = 48;

impl Markets {
    /// The market of a base for one kind of aircraft of an airline, made when it is asked for first.
    pub fn of(&mut self, base: Place, role: Role, kind: &Type, airline: Option<&Airline>) -> Market {
        let who = airline.map_or(0, |a| text_key(a.icao));
        let reach = (kind.range / 1000.0) as u64;
        let known = (base.airport, who << 16 | reach << 8 | (kind.class as u64) << 4 | role as u64);
        if let Some(market) = self.known.get(&known) {
            return *market;
        }
        let from = &airports()[base.airport as usize];
        let mut scored: Vec<(u16, f32)> = airports()
            .iter()
            .enumerate()
            .map(|(i, to)| (i as u16, score(from, to, role, kind, airline) as f32))
            .filter(|(_, s)| *s > 0.0)
            .collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        scored.truncate(KEPT);
        let mut total = 0.0;
        for (_, s) in &mut scored {
            total += *s;
            *s = total;
        }
        let market = Market(self.lists.len() as u32);
        self.lists.push(scored);
        self.known.insert(known, market);
        market
    }

    /// One destination; `None` where there is nowhere to go.
    pub fn pick(&self, market: Market, dice: &mut Dice) -> Option<u16> {
        let list = &self.lists[market.0 as usize];
        let at = dice.unit() as f32 * list.last()?.1;
        let i = list.partition_point(|(_, total)| *total <= at).min(list.len() - 1);
        Some(list[i].0)
    }
}

fn score(from: &Airport, to: &Airport, role: Role, kind: &Type, airline: Option<&Airline>) -> f64 {
    use libm::{exp, pow};
    let home = airline.map_or(from.country, |a| a.country);
    if from.iata == to.iata || closed(home, to.country) || closed(from.country, to.country) {
        return 0.0;
    }
    // Degrees first: most pairs are too far apart and need no trigonometry.
    if (from.position.latitude - to.position.latitude).abs() * 111.0 > kind.range {
        return 0.0;
    }
    let d = from.position.distance(to.position) / 1000.0;
    let (least, most) = match role {
        Role::Private | Role::Helicopter | Role::Glider | Role::Vehicle => (25.0, kind.range * 0.4),
        _ if kind.class == Class::Wide => (700.0, kind.range * 0.92),
        _ if kind.class == Class::Narrow => (240.0, (kind.range * 0.88).min(5_200.0)),
        _ => (110.0, kind.range * 0.85),
    };
    if !(least..most).contains(&d) {
        return 0.0;
    }
    let domestic = to.country == home;
    let (traffic, distance) = match kind.class {
        Class::Wide => {
            (pow(to.weight, 1.5), pow((d / 3_500.0).min(1.0), 1.3) * exp(-((d - 8_000.0) / 5_000.0).max(0.0)))
        }
        Class::Narrow => (to.weight, (d / 700.0).min(1.0) * exp(-d / 1_700.0)),
        Class::Regional => (pow(to.weight, 0.7), (d / 350.0).min(1.0) * exp(-d / 650.0)),
        Class::Turboprop => (pow(to.weight, 0.6), exp(-d / 330.0)),
        Class::Business => (pow(to.weight, 0.35), exp(-d / 1_100.0)),
        _ => (1.0, exp(-d / 120.0)),
    };
    let affinity = match (domestic, from.country == home) {
        (true, _) if kind.class == Class::Wide && d < 3_000.0 => 0.6,
        (true, _) => 2.5,
        (false, true) => 1.0,
        // Flights between two foreign countries: only what is one market.
        (false, false) if europe(from.country) && europe(to.country) && europe(home) => 1.0,
        (false, false) if role == Role::Freight || airline.is_none() => 1.0,
        (false, false) => 0.05,
    };
    // Each airline has its own taste.
    let taste = 0.3 + 1.4 * unit([text_key(to.iata), airline.map_or(1, |a| text_key(a.icao)), 0x7a57e]);
    traffic * distance * affinity * taste
}

fn europe(iso2: &str) -> bool {
    const MARKET: &[&str] = &[
        "AL", "AT", "BA", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU",
        "IE", "IS", "IT", "KS", "LT", "LU", "LV", "MA", "MD", "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS",
        "SE", "SI", "SK",
    ];
    MARKET.contains(&iso2)
}

/// Whether nobody of `a` flies to `b` or back.
fn closed(a: &str, b: &str) -> bool {
    let one_way = |a: &str, b: &str| match a {
        "RU" | "BY" => !matches!(
            b,
            "RU" | "BY"
                | "TR"
                | "AE"
                | "KZ"
                | "UZ"
                | "KG"
                | "TJ"
                | "TM"
                | "AM"
                | "AZ"
                | "GE"
                | "CN"
                | "IN"
                | "EG"
                | "TH"
                | "RS"
                | "IL"
                | "QA"
                | "MV"
                | "VN"
                | "LK"
                | "MN"
                | "CU"
                | "VE"
                | "IR"
                | "SA"
        ),
        "IL" => matches!(
            b,
            "IR" | "IQ"
                | "SY"
                | "LB"
                | "SA"
                | "KW"
                | "QA"
                | "OM"
                | "YE"
                | "LY"
                | "DZ"
                | "TN"
                | "PK"
                | "BD"
                | "MY"
                | "ID"
                | "AF"
                | "SD"
        ),
        "UA" => true,
        "KP" => !matches!(b, "KP" | "CN" | "RU"),
        "IR" | "SY" | "AF" => matches!(b, "US" | "CA" | "GB" | "AU" | "JP" | "KR" | "FR" | "DE" | "SE" | "IT" | "NL"),
        "CU" => matches!(b, "IL"),
        _ => false,
    };
    one_way(a, b) || one_way(b, a)
}
