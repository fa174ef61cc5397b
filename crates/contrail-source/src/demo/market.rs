//! Where an aircraft flies to from its base: destinations by traffic, distance, and who may fly there.

use std::collections::HashMap;
use std::sync::LazyLock;

use libm::{exp, pow};

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

const RAD: f64 = std::f64::consts::PI / 180.0;

impl Markets {
    /// The market of a base for one kind of aircraft of an airline, made when it is asked for first.
    pub fn of(&mut self, base: Place, role: Role, kind: &Type, airline: Option<&Airline>) -> Market {
        let who = airline.map_or(0, |a| text_key(a.icao));
        let reach = (kind.range / 1000.0) as u64;
        let known = (base.airport, who << 16 | reach << 8 | (kind.class as u64) << 4 | role as u64);
        if let Some(market) = self.known.get(&known) {
            return *market;
        }
        let seeker = Seeker::new(base.airport as usize, role, kind, airline);
        let mut scored: Vec<(u16, f32)> =
            (0..airports().len()).map(|i| (i as u16, seeker.score(i) as f32)).filter(|(_, s)| *s > 0.0).collect();
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

/// What is asked of an airport for every pair, worked out once.
struct Known {
    /// On the unit sphere.
    at: [f64; 3],
    europe: bool,
    /// Weight to the powers that the classes need: wide, narrow, regional, turboprop, business.
    pull: [f64; 5],
    name: u64,
}

fn known() -> &'static [Known] {
    static TABLE: LazyLock<Vec<Known>> = LazyLock::new(|| {
        let one = |a: &Airport| {
            let (lat, lon) = (libm::sincos(a.position.latitude * RAD), libm::sincos(a.position.longitude * RAD));
            Known {
                at: [lat.1 * lon.1, lat.1 * lon.0, lat.0],
                europe: europe(a.country),
                pull: [1.5, 1.0, 0.7, 0.6, 0.35].map(|power| pow(a.weight, power)),
                name: text_key(a.iata),
            }
        };
        airports().iter().map(one).collect()
    });
    &TABLE
}

/// What an operator looks for.
struct Seeker<'a> {
    from: usize,
    home: &'a str,
    role: Role,
    class: Class,
    /// Kilometres.
    reach: (f64, f64),
    taste: u64,
    airline: bool,
}

impl<'a> Seeker<'a> {
    fn new(from: usize, role: Role, kind: &Type, airline: Option<&'a Airline>) -> Self {
        let reach = match role {
            Role::Private | Role::Helicopter | Role::Glider | Role::Vehicle => (25.0, kind.range * 0.4),
            _ if kind.class == Class::Wide => (700.0, kind.range * 0.92),
            _ if kind.class == Class::Narrow => (260.0, (kind.range * 0.9).min(5_400.0)),
            _ => (110.0, kind.range * 0.85),
        };
        let home = airline.map_or(airports()[from].country, |a| a.country);
        let taste = airline.map_or(1, |a| text_key(a.icao));
        Self { from, home, role, class: kind.class, reach, taste, airline: airline.is_some() }
    }

    /// How much an airport attracts; 0 where it is out of reach or closed.
    fn score(&self, to: usize) -> f64 {
        let (a, b) = (&known()[self.from], &known()[to]);
        let chord = (0..3).map(|i| (a.at[i] - b.at[i]) * (a.at[i] - b.at[i])).sum::<f64>();
        // Twice the radius of the Earth in kilometres times the half angle.
        let most = 2.0 * libm::sin((self.reach.1 / 12_742.0).min(1.57));
        if self.from == to || chord > most * most {
            return 0.0;
        }
        let d = 12_742.0 * libm::asin(((chord).sqrt() / 2.0).min(1.0));
        let (here, there) = (airports()[self.from].country, airports()[to].country);
        if d < self.reach.0 || closed(self.home, there) || closed(here, there) {
            return 0.0;
        }
        let [wide, narrow, regional, turboprop, business] = b.pull;
        let (traffic, distance) = match self.class {
            Class::Wide => (wide, pow((d / 3_500.0).min(1.0), 1.3) * exp(-((d - 8_000.0) / 5_000.0).max(0.0))),
            Class::Narrow => (narrow, (d / 1_000.0).min(1.0) * exp(-d / 2_100.0)),
            Class::Regional => (regional, (d / 450.0).min(1.0) * exp(-d / 750.0)),
            Class::Turboprop => (turboprop, exp(-d / 330.0)),
            Class::Business => (business, (d / 500.0).min(1.0) * exp(-d / 1_200.0)),
            _ => (1.0, exp(-d / 120.0)),
        };
        let affinity = match (there == self.home, here == self.home) {
            (true, _) if self.class == Class::Wide && d < 3_000.0 => 0.6,
            (true, _) => 2.5,
            (false, true) => 1.0,
            // Flights between two foreign countries: only what is one market.
            (false, false) if a.europe && b.europe => 1.0,
            (false, false) if self.role == Role::Freight || !self.airline => 1.0,
            (false, false) => 0.05,
        };
        // Each airline has its own taste.
        traffic * distance * affinity * (0.3 + 1.4 * unit([b.name, self.taste, 0x7a57e]))
    }
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
