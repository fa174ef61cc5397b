//! Which keys exist: read from `default.toml`, where keys without a value stand behind a `#`.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::DEFAULT;

/// The section whose keys are another program's: librdkafka's, which have dots in them and no underscore.
const FOREIGN: [&str; 3] = ["log", "kafka", "client"];

/// A key as its parts: `serve.http.listen` is three.
pub type Key = Vec<String>;

/// Every key, with a value of its type.
pub struct Known {
    /// Keys outside `feed`.
    plain: BTreeMap<Key, Value>,
    /// By kind of feed, its keys.
    feeds: BTreeMap<String, BTreeMap<String, Value>>,
}

/// What a key is.
pub enum Place<'a> {
    /// A key with a value like this one.
    Value(&'a Value),
    /// A key that another program knows: any text.
    Foreign,
    /// A section: its keys can be set, not the section itself.
    Section,
    Unknown,
}

impl Known {
    pub fn embedded() -> Self {
        let table: Table = toml::from_str(&uncommented()).expect("default.toml is TOML, its tests say so");
        let mut known = Self { plain: BTreeMap::new(), feeds: BTreeMap::new() };
        for (key, value) in flat(&table) {
            match key.as_slice() {
                [feed, name, last] if feed == "feed" => {
                    let kind = table["feed"][name]["kind"].as_str().unwrap_or_default().to_string();
                    known.feeds.entry(kind).or_default().insert(last.clone(), value);
                }
                _ => {
                    known.plain.insert(key, value);
                }
            }
        }
        known
    }

    /// Whatever a feed's kind: [`Known::of_kind`] is asked once all kinds are known.
    pub fn place(&self, key: &Key) -> Place<'_> {
        if is_foreign(key) {
            return Place::Foreign;
        }
        let found = match key.as_slice() {
            [feed, _, last] if feed == "feed" => self.feeds.values().find_map(|keys| keys.get(last)),
            _ => self.plain.get(key),
        };
        let section = || self.plain.keys().any(|known| known.len() > key.len() && known.starts_with(key));
        match found {
            Some(value) => Place::Value(value),
            None if key.first().is_some_and(|part| part == "feed") && key.len() < 3 => Place::Section,
            None if section() => Place::Section,
            None => Place::Unknown,
        }
    }

    /// The keys that a feed of this kind has; none for an unknown kind.
    pub fn of_kind(&self, kind: &str) -> Option<BTreeSet<&str>> {
        Some(self.feeds.get(kind)?.keys().map(String::as_str).collect())
    }

    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.feeds.keys().map(String::as_str)
    }

    /// The keys outside `feed`, and those of the feeds that are there by default.
    pub fn all(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self.plain.keys().cloned().collect();
        for kind in ["opensky", "demo"] {
            let of_feed = self.feeds.get(kind).into_iter().flatten();
            keys.extend(of_feed.map(|(last, _)| vec!["feed".to_string(), kind.to_string(), last.clone()]));
        }
        keys
    }

    /// The known key that looks most like an unknown one, if any looks like it at all.
    pub fn nearest(&self, key: &Key) -> Option<String> {
        let mut candidates = self.all();
        if let [feed, name, _] = key.as_slice()
            && feed == "feed"
        {
            let lasts: BTreeSet<&String> = self.feeds.values().flat_map(BTreeMap::keys).collect();
            candidates.extend(lasts.into_iter().map(|last| vec![feed.clone(), name.clone(), last.clone()]));
        }
        let (text, last) = (key.join("."), key.last().map_or("", |last| last));
        let near = |a: &str, b: &str| Some(edits(a, b)).filter(|distance| *distance <= (a.len() / 3).min(4));
        let distance = |candidate: &Key| {
            let whole = near(&text, &candidate.join("."));
            let lasts = near(last, candidate.last().map_or("", |last| last)).map(|distance| distance + 1);
            // A key that is near as a whole is more likely meant than one of that name in another section.
            whole.map(|distance| (distance, 0)).into_iter().chain(lasts.map(|distance| (distance, 1))).min()
        };
        let measured = candidates.iter().filter_map(|candidate| Some((distance(candidate)?, candidate.join("."))));
        measured.min().map(|(_, key)| key)
    }
}

/// Whether the key is one that another program knows.
pub fn is_foreign(key: &Key) -> bool {
    key.len() > FOREIGN.len() && key.iter().zip(FOREIGN).all(|(part, foreign)| part == foreign)
}

/// Such a key as that program writes it: one part, with dots (an environment variable has underscores instead).
pub fn foreign(key: &Key) -> Key {
    let (section, rest) = key.split_at(FOREIGN.len());
    section.iter().cloned().chain([rest.join(".").replace('_', ".")]).collect()
}

/// `default.toml` with the keys and sections behind a `#` brought to light; sentences stay comments.
pub fn uncommented() -> String {
    DEFAULT.lines().map(|line| format!("{}\n", hidden_key(line).unwrap_or(line))).collect()
}

/// The key or section in a line such as `#interval = "90s"`.
pub fn hidden_key(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?;
    let key = rest.split(" = ").next()?;
    let is_key = rest.contains(" = ")
        && !key.is_empty()
        && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    (rest.starts_with('[') || is_key).then_some(rest)
}

/// A table's values by their whole keys. An empty table is kept, so that a misspelt section does not go unseen.
pub fn flat(table: &Table) -> Vec<(Key, Value)> {
    let mut values = Vec::new();
    let mut waiting: Vec<(Key, &Table)> = vec![(Vec::new(), table)];
    while let Some((prefix, table)) = waiting.pop() {
        for (name, value) in table {
            let key: Key = prefix.iter().cloned().chain([name.clone()]).collect();
            match value {
                Value::Table(inner) if !inner.is_empty() => waiting.push((key, inner)),
                _ => values.push((key, value.clone())),
            }
        }
    }
    values
}

/// How many letters must be put in, taken out, changed, or swapped with their neighbour.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            rows[i][j] = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                rows[i][j] = rows[i][j].min(rows[i - 2][j - 2] + 1);
            }
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "abd", 1),
            ("abc", "acb", 1),
            ("listen", "lisen", 1),
            ("a", "xyz", 3),
        ] {
            assert_eq!(edits(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn hidden_keys_are_told_from_sentences() {
        for (line, expected) in [
            ("#interval = \"90s\"", Some("interval = \"90s\"")),
            ("#[feed.receiver]", Some("[feed.receiver]")),
            ("#oauth2_uri = \"x\"", Some("oauth2_uri = \"x\"")),
            ("# What stands = an example", None),
            ("interval = \"90s\"", None),
            ("", None),
        ] {
            assert_eq!(hidden_key(line), expected, "{line}");
        }
    }
}
