//! Configuration of feeds: one table `[feed.<name>]` each, whose `kind` says which keys it may have.

use std::path::PathBuf;
use std::time::Duration;

use contrail_kit::Secret;
use serde::{Deserialize, Serialize};

use crate::area::Area;
use crate::feed::Kind;
use crate::pacer::Tier;

/// The table `[feed.<name>]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum FeedConfig {
    OpenSky(OpenSkyConfig),
    Readsb(ReadsbConfig),
    Replay(ReplayConfig),
    Demo(DemoConfig),
}

impl FeedConfig {
    pub const fn kind(&self) -> Kind {
        match self {
            Self::OpenSky(_) => Kind::OpenSky,
            Self::Readsb(_) => Kind::Readsb,
            Self::Replay(_) => Kind::Replay,
            Self::Demo(_) => Kind::Demo,
        }
    }

    pub const fn enabled(&self) -> bool {
        match self {
            Self::OpenSky(c) => c.enabled,
            Self::Readsb(c) => c.enabled,
            Self::Replay(c) => c.enabled,
            Self::Demo(c) => c.enabled,
        }
    }

    pub const fn set_enabled(&mut self, enabled: bool) {
        match self {
            Self::OpenSky(c) => c.enabled = enabled,
            Self::Readsb(c) => c.enabled = enabled,
            Self::Replay(c) => c.enabled = enabled,
            Self::Demo(c) => c.enabled = enabled,
        }
    }

    /// The interval that the user has set.
    pub const fn interval(&self) -> Option<Duration> {
        match self {
            Self::OpenSky(c) => c.interval,
            Self::Readsb(c) => c.interval,
            Self::Replay(c) => c.interval,
            Self::Demo(c) => c.interval,
        }
    }
}

/// OpenSky's REST API, or anything that speaks like it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenSkyConfig {
    pub enabled: bool,
    /// Time between fetches; left out, it follows from tier, boxes and remaining credits.
    #[serde(with = "humantime_serde")]
    pub interval: Option<Duration>,
    /// Root of the server (`http://127.0.0.1:8099`), of its API (`https://opensky-network.org/api`), or the whole
    /// address of `/states/all`.
    pub url: String,
    /// Where OAuth2 client credentials are traded for a token.
    pub token_url: String,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    /// OpenSky's `credentials.json` with `clientId` and `clientSecret`, instead of the two keys above.
    pub credentials: Option<PathBuf>,
    /// How many credits there are; left out: `standard` with credentials, else `anonymous`.
    pub tier: Option<Tier>,
    /// Boxes `[lamin, lomin, lamax, lomax]` in degrees; none is the whole world.
    pub boxes: Vec<Area>,
    /// Ask for the aircraft category.
    pub extended: bool,
    /// How long an answer may take, from the question to its last byte.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

impl Default for OpenSkyConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: None,
            url: "https://opensky-network.org/api".into(),
            token_url: "https://auth.opensky-network.org/auth/realms/opensky-network/protocol/openid-connect/token"
                .into(),
            client_id: None,
            client_secret: None,
            credentials: None,
            tier: None,
            boxes: Vec::new(),
            extended: true,
            timeout: Duration::from_secs(20),
        }
    }
}

/// A receiver's `aircraft.json`, over HTTP or from a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadsbConfig {
    pub enabled: bool,
    /// Time between fetches; left out, 1 s for a file and 2 s over HTTP.
    #[serde(with = "humantime_serde")]
    pub interval: Option<Duration>,
    /// Address of `aircraft.json` (`http://receiver/data/aircraft.json`), or the path of the file.
    pub url: String,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

impl Default for ReadsbConfig {
    fn default() -> Self {
        Self { enabled: true, interval: None, url: String::new(), timeout: Duration::from_secs(10) }
    }
}

/// Recorded OpenSky answers, one body a line, plain, gzip or zstd.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReplayConfig {
    pub enabled: bool,
    /// Time between answers; left out, the recording's own times at `speed`.
    #[serde(with = "humantime_serde")]
    pub interval: Option<Duration>,
    pub path: PathBuf,
    /// How many times faster than recorded; 0 is as fast as possible.
    pub speed: f64,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self { enabled: true, interval: None, path: PathBuf::new(), speed: 1.0 }
    }
}

/// The synthetic sky.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DemoConfig {
    pub enabled: bool,
    /// Time between answers; left out, 10 s.
    #[serde(with = "humantime_serde")]
    pub interval: Option<Duration>,
    /// The same seed shows the same sky on every machine.
    pub seed: u64,
}

impl Default for DemoConfig {
    fn default() -> Self {
        Self { enabled: true, interval: None, seed: 1 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn read(table: Value) -> Result<FeedConfig, String> {
        from_value(table).map_err(|error| error.to_string())
    }

    #[test]
    fn the_kind_decides_which_keys_there_are() {
        let good = [
            (json!({"kind": "opensky"}), Kind::OpenSky),
            (
                json!({"kind": "opensky", "interval": "90s", "boxes": [[45, 5.5, 47, 10]], "tier": "feeder"}),
                Kind::OpenSky,
            ),
            (json!({"kind": "readsb", "url": "/run/readsb/aircraft.json", "interval": "500ms"}), Kind::Readsb),
            (json!({"kind": "replay", "path": "x.ndjson.gz", "speed": 10, "enabled": false}), Kind::Replay),
            (json!({"kind": "demo", "seed": 7}), Kind::Demo),
        ];
        for (table, kind) in good {
            let config = read(table.clone()).unwrap_or_else(|error| panic!("{table}: {error}"));
            assert_eq!(config.kind(), kind);
            assert_eq!(config.enabled(), table["enabled"].as_bool().unwrap_or(true));
            assert_eq!(config.interval().is_some(), table["interval"].is_string());
        }
        let bad = [
            (json!({"url": "x"}), "missing field `kind`"),
            (json!({"kind": "radar"}), "unknown variant `radar`"),
            (json!({"kind": "opensky", "intervall": "5s"}), "unknown field `intervall`"),
            (json!({"kind": "demo", "url": "x"}), "unknown field `url`"),
            (json!({"kind": "opensky", "interval": "soon"}), "expected a duration"),
            (json!({"kind": "opensky", "tier": "gold"}), "unknown variant `gold`"),
            (json!({"kind": "opensky", "boxes": [[1, 2, 3]]}), "array of length 4"),
        ];
        for (table, part) in bad {
            let error = read(table.clone()).unwrap_err();
            assert!(error.contains(part), "{table}: {error}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = read(json!({"kind": "opensky", "client_id": "me", "client_secret": "hush"})).unwrap();
        let shown = format!("{config:?}{}", serde_json::to_string(&config).unwrap());
        assert!(shown.contains("me") && !shown.contains("hush"), "{shown}");
    }
}
