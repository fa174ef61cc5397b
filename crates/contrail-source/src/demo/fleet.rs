//! Who flies: every aircraft of the demo sky with its address, type, operator and base, made once from the seed.

use std::collections::HashMap;

use contrail_types::Icao24;
use contrail_types::geo::Position;

use super::identity::Registry;
use super::market::{Market, Markets};
use super::random::{Dice, key};
use super::site::Place;
use super::types::{Class, TYPES, Type, index};
use crate::reference::{Airline, airlines, airport_index, airports, country_of};

/// What an aircraft's day looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Out and back from its base all day.
    Line,
    /// Out and back over great distances.
    LongHaul,
    /// Freight: leaves in the small hours, comes back in the evening.
    Freight,
    Business,
    Military,
    Private,
    Helicopter,
    Glider,
    Vehicle,
}

#[derive(Clone, Debug)]
pub struct Aircraft {
    pub key: u64,
    pub icao24: Icao24,
    pub role: Role,
    pub kind: &'static Type,
    pub airline: Option<&'static Airline>,
    pub base: Place,
    /// ISO2 of the country of registry.
    pub country: &'static str,
    /// As the API spells that country.
    pub origin: Option<&'static str>,
    pub market: Market,
}

/// Operators that fly freight at night.
const FREIGHT: &[&str] = &[
    "ABR", "ABX", "AMF", "ATN", "BCS", "BDA", "BOX", "CJT", "CSS", "CYZ", "DHK", "DHX", "FDX", "MNB", "MTN", "NPT",
    "SRR", "SWN", "SWT", "TAY", "UPS", "WIG",
];
const MILITARY: &[&str] = &["BAF", "CFC", "CNV", "FAF", "GAF", "IAM", "NAF", "PAT", "PLF", "RCH", "RRR"];

/// Countries of private flying, with aircraft of a sky of 12,000.
const PRIVATE: &[(&str, u32)] = &[
    ("US", 12_500),
    ("DE", 600),
    ("GB", 700),
    ("FR", 480),
    ("CA", 700),
    ("AU", 450),
    ("CH", 200),
    ("AT", 80),
    ("NL", 90),
    ("BE", 70),
    ("IT", 90),
    ("ES", 90),
    ("SE", 80),
    ("NO", 60),
    ("DK", 50),
    ("PL", 70),
    ("CZ", 70),
    ("NZ", 90),
    ("ZA", 110),
    ("BR", 110),
    ("PT", 30),
    ("FI", 30),
    ("IE", 20),
    ("MX", 40),
    ("AR", 30),
    ("IL", 30),
    ("JP", 40),
];
const JETS: &[(&str, u32)] = &[
    ("US", 3_000),
    ("MT", 40),
    ("SM", 30),
    ("DE", 90),
    ("GB", 50),
    ("FR", 50),
    ("CH", 30),
    ("LU", 20),
    ("AT", 40),
    ("CA", 90),
    ("MX", 60),
    ("BR", 60),
    ("IT", 20),
    ("TR", 30),
    ("AE", 20),
    ("SA", 20),
    ("IN", 20),
    ("CN", 15),
];
const HELICOPTERS: &[(&str, u32)] = &[
    ("US", 420),
    ("GB", 60),
    ("DE", 70),
    ("FR", 50),
    ("NO", 50),
    ("AU", 40),
    ("CA", 40),
    ("IT", 20),
    ("CH", 25),
    ("BR", 40),
    ("JP", 30),
    ("NL", 15),
];
const GLIDERS: &[(&str, u32)] =
    &[("DE", 110), ("US", 60), ("AU", 110), ("ZA", 70), ("FR", 70), ("GB", 50), ("NZ", 40), ("AR", 40), ("CH", 30)];
const VEHICLES: &[&str] = &[
    "FRA", "MUC", "ZRH", "VIE", "AMS", "BRU", "CDG", "LHR", "LGW", "CPH", "ARN", "OSL", "HEL", "MAD", "BCN", "FCO",
    "MXP", "IST", "PRG", "WAW", "DUB", "LIS", "JFK", "BOS", "ORD", "ATL", "DFW", "DEN", "SFO", "LAX", "SEA", "MSP",
    "DTW", "IAD", "MIA", "YYZ", "YVR", "SYD", "MEL", "HND", "ICN", "SIN", "HKG", "DXB", "DOH",
];

/// Makes the fleet.
pub struct Builder {
    seed: u64,
    scale: f64,
    registry: Registry,
    pub markets: Markets,
    aircraft: Vec<Aircraft>,
    /// Airports of a country, by weight.
    at_home: HashMap<&'static str, Vec<(u16, u32)>>,
}

impl Builder {
    /// A fleet that puts about `aircraft` into a busy answer.
    pub fn new(seed: u64, aircraft: usize) -> Self {
        let mut at_home: HashMap<_, Vec<_>> = HashMap::new();
        for (i, a) in airports().iter().enumerate() {
            at_home.entry(a.country).or_default().push((i as u16, a.weight as u32));
        }
        // Of the fleet of a whole world about a third is heard at a time.
        let scale = aircraft as f64 / 10_600.0;
        let (registry, markets) = (Registry::default(), Markets::default());
        Self { seed, scale, registry, markets, aircraft: Vec::new(), at_home }
    }

    /// The whole fleet, ordered by address.
    pub fn build(mut self) -> (Vec<Aircraft>, Markets) {
        for airline in airlines() {
            self.airline(airline);
        }
        self.owned(JETS, Class::Business, &["C525", "C56X", "C68A", "E55P", "CL35", "GLF5", "GLEX", "C560", "CL60"]);
        self.owned(
            PRIVATE,
            Class::Private,
            &["C172", "P28A", "SR22", "DA40", "C172", "C182", "PA44", "PC12", "B350", "TBM7"],
        );
        self.owned(HELICOPTERS, Class::Helicopter, &["EC35", "R44", "S92", "EC35"]);
        self.owned(GLIDERS, Class::Glider, &["LS8"]);
        for iata in VEHICLES {
            let Some(airport) = airport_index(iata) else { continue };
            for _ in 0..self.count(5) {
                let place = Place { airport: airport as u16, field: 0 };
                self.add(Role::Vehicle, "SERV", None, place, airports()[airport].country);
            }
        }
        self.aircraft.sort_unstable_by_key(|a| a.icao24);
        (self.aircraft, self.markets)
    }

    /// `full` scaled down to the size of this sky; parts are dice.
    fn count(&mut self, full: u32) -> u32 {
        let exact = f64::from(full) * self.scale;
        let part = Dice::new([self.seed, self.aircraft.len() as u64, full.into()]).chance(exact.fract());
        exact as u32 + u32::from(part)
    }

    fn airline(&mut self, airline: &'static Airline) {
        let mut dice = Dice::new([self.seed, key([airline.icao.len() as u64, text_key(airline.icao)])]);
        for _ in 0..self.count(airline.fleet) {
            let (Some(hub), Some(code), Some(registry)) =
                (dice.weighted(&airline.hubs), dice.weighted(&airline.types), dice.weighted(&airline.registries))
            else {
                continue;
            };
            let (Some(airport), Some(kind)) = (airport_index(hub), index(code)) else { continue };
            let role = match TYPES[kind].class {
                _ if MILITARY.contains(&airline.icao) => Role::Military,
                _ if FREIGHT.contains(&airline.icao) => Role::Freight,
                Class::Business => Role::Business,
                Class::Private => Role::Private,
                Class::Wide => Role::LongHaul,
                _ => Role::Line,
            };
            let place = Place { airport: airport as u16, field: 0 };
            self.add(role, code, Some(airline), place, iso2_of_block(registry));
        }
    }

    fn owned(&mut self, countries: &'static [(&'static str, u32)], class: Class, types: &[&'static str]) {
        for (country, full) in countries {
            let home = match self.at_home.get(country) {
                Some(home) => home.clone(),
                // San Marino and Malta register jets that live elsewhere.
                None => self.at_home["IT"].clone(),
            };
            let mut dice = Dice::new([self.seed, text_key(country), class as u64]);
            // Private flying is spread more evenly than airline traffic.
            let home: Vec<(u16, u32)> = home.iter().map(|(a, w)| (*a, (w * 2).min(40) + 10)).collect();
            for _ in 0..self.count(*full) {
                let Some(&airport) = dice.weighted(&home) else { continue };
                let code = types[dice.below(types.len())];
                let small = !matches!(class, Class::Business) && dice.chance(0.85);
                let field = if small || class == Class::Glider { 1 + dice.below(7) as u8 } else { 0 };
                let role = match class {
                    Class::Business => Role::Business,
                    Class::Helicopter => Role::Helicopter,
                    Class::Glider => Role::Glider,
                    _ if matches!(code, "PC12" | "B350" | "TBM7") => Role::Business,
                    _ => Role::Private,
                };
                let field = if role == Role::Business { 0 } else { field };
                self.add(role, code, None, Place { airport, field }, country);
            }
        }
    }

    fn add(&mut self, role: Role, code: &str, airline: Option<&'static Airline>, base: Place, country: &'static str) {
        let Some(kind) = index(code).map(|i| &TYPES[i]) else { return };
        let Some(icao24) = self.registry.address(country, role == Role::Military) else { return };
        let market = self.markets.of(base, role, kind, airline);
        let origin = country_of(icao24).map(|block| block.country);
        let key = key([self.seed, icao24.get().into(), 0xf1ee7]);
        self.aircraft.push(Aircraft { key, icao24, role, kind, airline, base, country, origin, market });
    }
}

/// Territories whose aircraft fly with addresses of another country's block.
fn iso2_of_block(iso2: &'static str) -> &'static str {
    match iso2 {
        "HK" | "MO" => "CN",
        "KY" | "GG" | "BM" => "GB",
        "FO" => "DK",
        other => other,
    }
}

/// A number from a short text.
pub fn text_key(text: &str) -> u64 {
    text.bytes().fold(7, |k, b| k << 8 | u64::from(b))
}

/// Whether the sun is high enough for gliders: a rough look at season and latitude.
pub fn soaring(at: Position, day_of_year: f64) -> bool {
    let season = libm::cos((day_of_year - 196.0) / 365.25 * std::f64::consts::TAU);
    at.latitude.abs() < 25.0 || season * at.latitude.signum() > -0.35
}
