//! What the viewer has narrowed the page down to, and the SQL conditions that this makes.

use contrail_types::explore::Filters;
use contrail_types::time::{DAY, HOUR, hour_of};
use contrail_types::{Micros, Time};

use crate::engine::literal;

/// Whole hours and filters; an empty list filters nothing, different lists are combined with "and".
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    chosen: Filters,
    start: Micros,
    end: Micros,
}

/// Number of altitude bands that have a column: 0 is the ground, the last is open upwards.
pub(super) const BANDS: i32 = 15;
/// Longest time of which cells and hours are joined at once.
const JOINED: Micros = 3 * DAY;
/// Width of a band in metres.
pub(super) const BAND_WIDTH: i32 = 1000;

/// The column of `aircraft_hours` that counts a band.
pub(super) fn band_column(band: i32) -> String {
    if (0..BANDS).contains(&band) { format!("band_{band:02}") } else { "band_unknown".into() }
}

/// Every band, unknown last.
pub(super) fn bands() -> impl Iterator<Item = i32> {
    (0..BANDS).chain([-1])
}

impl Question {
    /// Every hour that the range of `chosen` touches; without an end up to `now`, without a start one day. `None` if the
    /// range is empty.
    pub fn new(chosen: Filters, now: Micros) -> Option<Self> {
        let to = chosen.to.map_or(now, |time| time.0);
        let from = chosen.from.map_or(to - DAY, |time| time.0);
        let (start, end) = (hour_of(from), hour_of(to - 1) + HOUR);
        let chosen = Filters { from: Some(Time(start)), to: Some(Time(end)), ..chosen };
        (from < to).then_some(Self { chosen, start, end })
    }

    /// What was asked for, its range in whole hours.
    pub fn chosen(&self) -> &Filters {
        &self.chosen
    }

    /// Start of the first hour and end of the last one.
    pub fn hours(&self) -> (Micros, Micros) {
        (self.start, self.end)
    }

    /// The period of equal length before.
    pub fn before(&self) -> (Micros, Micros) {
        (2 * self.start - self.end, self.start)
    }

    pub(super) fn countries(&self) -> String {
        any_of("country", &self.chosen.country)
    }

    pub(super) fn airlines(&self) -> String {
        any_of("airline", &self.chosen.airline)
    }

    /// Whether an hour's place in day and week is chosen.
    pub(super) fn in_week(&self, hour: Micros) -> bool {
        let (dow, of_day) = place_in_week(hour);
        (self.chosen.hour.is_empty() || self.chosen.hour.contains(&of_day))
            && (self.chosen.dow.is_empty() || self.chosen.dow.contains(&dow))
    }

    /// The same as a condition on the column `hour`.
    pub(super) fn week(&self) -> String {
        let list = |values: &[u8]| values.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        let mut all = Vec::new();
        if !self.chosen.hour.is_empty() {
            all.push(format!("epoch_us(hour) // {HOUR} % 24 IN ({})", list(&self.chosen.hour)));
        }
        if !self.chosen.dow.is_empty() {
            // The epoch was a Thursday.
            all.push(format!("(epoch_us(hour) // {DAY} + 3) % 7 + 1 IN ({})", list(&self.chosen.dow)));
        }
        if all.is_empty() { "true".into() } else { all.join(" AND ") }
    }

    /// Observations of a row of `aircraft_hours` in the chosen phases.
    pub(super) fn in_phase_columns(&self) -> String {
        let column = |phase: &String| match phase.as_str() {
            "ground" => Some("band_00".to_owned()),
            "climb" | "cruise" | "descent" | "unknown" => Some(format!("phase_{phase}")),
            _ => None,
        };
        let mut columns: Vec<String> = self.chosen.phase.iter().filter_map(column).collect();
        columns.sort();
        columns.dedup();
        if columns.is_empty() { "0".into() } else { format!("({})", columns.join(" + ")) }
    }

    /// The chosen bands as a condition on `aircraft_cells`.
    pub(super) fn band_rows(&self) -> String {
        if self.chosen.band.is_empty() {
            return "true".into();
        }
        let list: Vec<String> = self.chosen.band.iter().map(i32::to_string).collect();
        format!("altitude_band IN ({})", list.join(", "))
    }

    /// The range in pieces whose join of cells with hours fits into memory; one piece where nothing is joined.
    pub(super) fn pieces(&self, (start, end): (Micros, Micros)) -> Vec<(Micros, Micros)> {
        if self.chosen.country.is_empty() && self.chosen.airline.is_empty() {
            return vec![(start, end)];
        }
        (0..).map(|i| start + i * JOINED).take_while(|at| *at < end).map(|at| (at, end.min(at + JOINED))).collect()
    }

    /// What keeps only cells of aircraft-hours of the chosen countries and airlines; nothing if none are chosen.
    pub(super) fn of_whom(&self, range: (Micros, Micros)) -> String {
        if self.chosen.country.is_empty() && self.chosen.airline.is_empty() {
            return String::new();
        }
        format!(
            "SEMI JOIN (SELECT hour, icao24 FROM aircraft_hours WHERE {} AND {} AND {}) USING (hour, icao24)",
            within(range),
            self.countries(),
            self.airlines()
        )
    }

    /// Observations of a row of `aircraft_hours` in the chosen bands.
    pub(super) fn in_bands(&self) -> String {
        if self.chosen.band.is_empty() {
            return "observations".into();
        }
        let mut columns: Vec<String> = self.chosen.band.iter().map(|b| band_column(*b)).collect();
        columns.sort();
        columns.dedup();
        format!("({})", columns.join(" + "))
    }

    /// Observations of a row of `aircraft_cells` in the chosen phases.
    pub(super) fn in_phases(&self) -> String {
        if self.chosen.phase.is_empty() {
            return "observations".into();
        }
        let mut parts: Vec<&str> = Vec::new();
        for (phase, sql) in [
            ("ground", "CASE WHEN altitude_band = 0 THEN observations ELSE 0 END"),
            ("climb", "climb"),
            ("cruise", "cruise"),
            ("descent", "descent"),
            ("unknown", "CASE WHEN altitude_band = 0 THEN 0 ELSE observations - climb - cruise - descent END"),
        ] {
            if self.chosen.phase.iter().any(|p| p == phase) {
                parts.push(sql);
            }
        }
        if parts.is_empty() { "0".into() } else { format!("({})", parts.join(" + ")) }
    }
}

/// ISO day of the week and hour of the day of an instant, UTC.
pub(super) fn place_in_week(us: Micros) -> (u8, u8) {
    let dow = (us.div_euclid(DAY) + 3).rem_euclid(7) + 1;
    (dow as u8, us.div_euclid(HOUR).rem_euclid(24) as u8)
}

/// `hour` inside a half-open range.
pub(super) fn within((start, end): (Micros, Micros)) -> String {
    format!("hour >= make_timestamptz({start}) AND hour < make_timestamptz({end})")
}

fn any_of(column: &str, values: &[String]) -> String {
    if values.is_empty() {
        return "true".into();
    }
    let list: Vec<String> = values.iter().map(|v| literal(v)).collect();
    format!("{column} IN ({})", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_week_are_iso() {
        // 1970-01-01 was a Thursday; 2024-04-28 a Sunday.
        assert_eq!(place_in_week(0), (4, 0));
        assert_eq!(place_in_week(19_841 * DAY + 13 * HOUR + 5), (7, 13));
        assert_eq!(place_in_week(19_842 * DAY), (1, 0));
        assert_eq!(place_in_week(-1), (3, 23));
    }

    fn ask(from: Micros, to: Micros, country: &[&str]) -> Question {
        let country = country.iter().map(|code| (*code).to_owned()).collect();
        let filters = Filters { from: Some(Time(from)), to: Some(Time(to)), country, ..Filters::default() };
        Question::new(filters, 0).unwrap()
    }

    #[test]
    fn a_range_covers_the_hours_it_touches() {
        let question = ask(HOUR + 5, 3 * HOUR + 1, &[]);
        assert_eq!(question.hours(), (HOUR, 4 * HOUR));
        assert_eq!(question.before(), (-2 * HOUR, HOUR));
        assert_eq!(ask(HOUR, 3 * HOUR, &[]).hours(), (HOUR, 3 * HOUR));
    }

    #[test]
    fn without_a_range_it_is_the_last_day() {
        let question = Question::new(Filters::default(), 30 * HOUR + 5).unwrap();
        assert_eq!(question.hours(), (6 * HOUR, 31 * HOUR));
        assert_eq!(question.chosen().to, Some(Time(31 * HOUR)));
        assert_eq!(Question::new(Filters { from: Some(Time(HOUR)), ..Filters::default() }, HOUR), None);
    }

    #[test]
    fn pieces_cover_the_range_once() {
        let question = ask(0, 7 * DAY, &["DE"]);
        assert_eq!(question.pieces((0, 7 * DAY)), [(0, 3 * DAY), (3 * DAY, 6 * DAY), (6 * DAY, 7 * DAY)]);
        assert_eq!(question.pieces((5, 5)), []);
        assert_eq!(ask(0, 7 * DAY, &[]).pieces((0, 7 * DAY)), [(0, 7 * DAY)]);
    }

    #[test]
    fn text_of_a_viewer_stays_text() {
        let question = ask(0, HOUR, &["DE", "x') OR true --"]);
        assert_eq!(question.countries(), "country IN ('DE', 'x'') OR true --')");
    }
}
