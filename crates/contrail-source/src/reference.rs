//! Small tables of the air: airlines, airports, and which country an ICAO address belongs to. Facts, parsed once.
//!
//! The CSV files in `data/` are also read by SQL models; the demo sky reads the columns that models do not need
//! (fleet, hubs, types, weights, runways).

use std::sync::LazyLock;

use contrail_types::Icao24;
use contrail_types::geo::Position;

/// The tables as text, for those who hand them on (the models' reference tables).
pub const AIRLINES_CSV: &str = include_str!("../data/airlines.csv");
pub const AIRPORTS_CSV: &str = include_str!("../data/airports.csv");
pub const ADDRESS_BLOCKS_CSV: &str = include_str!("../data/address_blocks.csv");

/// How an airline makes its callsigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallsignStyle {
    /// Prefix and flight number: `DAL1432`.
    Number,
    /// Prefix, digits and letters against similar-sounding calls: `RYR4TX`.
    Mixed,
    /// The registration itself.
    Registration,
}

/// An airline or other operator with a three-letter ICAO designator.
#[derive(Clone, Debug)]
pub struct Airline {
    pub icao: &'static str,
    /// Two-character IATA code, empty when there is none.
    pub iata: &'static str,
    pub name: &'static str,
    /// ISO 3166 alpha-2 of the country it is based in.
    pub country: &'static str,
    pub style: CallsignStyle,
    /// Aircraft in its fleet, roughly.
    pub fleet: u32,
    /// IATA codes of its bases, with weights.
    pub hubs: Vec<(&'static str, u32)>,
    /// ICAO type designators it flies, with weights.
    pub types: Vec<(&'static str, u32)>,
    /// ISO2 of the countries its aircraft are registered in, with weights; [`Airline::country`] when the table names none.
    pub registries: Vec<(&'static str, u32)>,
}

#[derive(Clone, Debug)]
pub struct Airport {
    pub iata: &'static str,
    pub icao: &'static str,
    pub name: &'static str,
    pub city: &'static str,
    pub country: &'static str,
    pub position: Position,
    /// Metres above mean sea level.
    pub elevation: f64,
    /// Traffic, relative: 100 is the busiest.
    pub weight: f64,
    /// Standard time minus UTC.
    pub utc_offset_h: f64,
    /// Direction of its main runway, degrees 0..180, where the table knows it.
    pub runway: Option<f64>,
}

/// A block of addresses that ICAO has given a country (Annex 10, volume III).
#[derive(Clone, Copy, Debug)]
pub struct AddressBlock {
    pub first: u32,
    pub last: u32,
    /// The country as OpenSky's `origin_country` spells it.
    pub country: &'static str,
    pub iso2: &'static str,
}

/// Every airline of the table, ordered by ICAO designator.
pub fn airlines() -> &'static [Airline] {
    static TABLE: LazyLock<Vec<Airline>> = LazyLock::new(|| rows(AIRLINES_CSV).filter_map(airline).collect());
    &TABLE
}

/// Every airport of the table, ordered by IATA code.
pub fn airports() -> &'static [Airport] {
    static TABLE: LazyLock<Vec<Airport>> = LazyLock::new(|| rows(AIRPORTS_CSV).filter_map(airport).collect());
    &TABLE
}

/// Every address block, ordered and without overlap.
pub fn address_blocks() -> &'static [AddressBlock] {
    static TABLE: LazyLock<Vec<AddressBlock>> =
        LazyLock::new(|| rows(ADDRESS_BLOCKS_CSV).filter_map(address_block).collect());
    &TABLE
}

/// The block that an address lies in; `None` for addresses that belong to no country.
pub fn country_of(address: Icao24) -> Option<&'static AddressBlock> {
    let blocks = address_blocks();
    let after = blocks.partition_point(|b| b.first <= address.get());
    after.checked_sub(1).map(|i| &blocks[i]).filter(|b| address.get() <= b.last)
}

/// The airport with an IATA code, as its place in [`airports`].
pub fn airport_index(iata: &str) -> Option<usize> {
    airports().binary_search_by_key(&iata, |a| a.iata).ok()
}

// The tables hold no quotes and no commas inside a field (a test sees to it).
fn rows(csv: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    csv.lines().skip(1).map(|line| line.split(',').collect())
}

fn weighted(field: &'static str) -> Vec<(&'static str, u32)> {
    field
        .split_whitespace()
        .map(|item| item.split_once(':').unwrap_or((item, "1")))
        .map(|(k, n)| (k, n.parse().unwrap_or(1)))
        .collect()
}

fn airline(row: Vec<&'static str>) -> Option<Airline> {
    let [icao, iata, name, country, style, fleet, hubs, types, registries] = row[..] else { return None };
    let mut registries = weighted(registries);
    if registries.is_empty() {
        registries.push((country, 1));
    }
    let style = match style {
        "mixed" => CallsignStyle::Mixed,
        "registration" => CallsignStyle::Registration,
        _ => CallsignStyle::Number,
    };
    let fleet = fleet.parse().ok()?;
    Some(Airline { icao, iata, name, country, style, fleet, hubs: weighted(hubs), types: weighted(types), registries })
}

fn airport(row: Vec<&'static str>) -> Option<Airport> {
    let [iata, icao, name, city, country, lat, lon, elevation, weight, utc, runway] = row[..] else { return None };
    Some(Airport {
        iata,
        icao,
        name,
        city,
        country,
        position: Position::new(lat.parse().ok()?, lon.parse().ok()?),
        elevation: elevation.parse().ok()?,
        weight: weight.parse().ok()?,
        utc_offset_h: utc.parse().ok()?,
        runway: runway.parse().ok(),
    })
}

fn address_block(row: Vec<&'static str>) -> Option<AddressBlock> {
    let [first, last, country, iso2] = row[..] else { return None };
    let hex = |text| u32::from_str_radix(text, 16).ok();
    Some(AddressBlock { first: hex(first)?, last: hex(last)?, country, iso2 })
}
