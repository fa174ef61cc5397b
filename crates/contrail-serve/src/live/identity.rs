//! Who an aircraft is: looked up once, sent to the browser once, again only when it changes.

use std::collections::HashSet;
use std::sync::Arc;

use contrail_types::Icao24;

/// Looks up country and operator; called when an aircraft appears and when its callsign or country changes.
pub trait Identify: Send + Sync {
    fn identify(&self, icao24: Icao24, callsign: Option<&str>, origin_country: Option<&str>) -> Identity;
}

/// What a lookup gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// ISO 3166-1 alpha-2 code.
    pub country: Option<Arc<str>>,
    /// ICAO three-letter designator of the operator.
    pub airline: Option<Arc<str>>,
    pub airline_name: Option<Arc<str>>,
}

/// A lookup that knows nobody.
pub struct Unknown;

impl Identify for Unknown {
    fn identify(&self, _: Icao24, _: Option<&str>, _: Option<&str>) -> Identity {
        Identity::default()
    }
}

impl<F> Identify for F
where
    F: Fn(Icao24, Option<&str>, Option<&str>) -> Identity + Send + Sync,
{
    fn identify(&self, icao24: Icao24, callsign: Option<&str>, origin_country: Option<&str>) -> Identity {
        self(icao24, callsign, origin_country)
    }
}

/// One copy of each text, shared: countries, airlines and types repeat thousands of times.
#[derive(Default)]
pub struct Texts(HashSet<Arc<str>>);

impl Texts {
    pub fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        self.0.insert(new.clone());
        new
    }

    /// `current` when it already is `text`, else the shared copy.
    pub fn set(&mut self, current: Option<Arc<str>>, text: Option<&str>) -> Option<Arc<str>> {
        match (current, text) {
            (Some(current), Some(text)) if *current == *text => Some(current),
            (_, text) => text.map(|t| self.get(t)),
        }
    }

    /// Forgets texts that nobody uses any more.
    pub fn prune(&mut self) {
        self.0.retain(|text| Arc::strong_count(text) > 1);
    }
}
