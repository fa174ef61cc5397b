//! The section `lake`: where tables are, and who keeps their catalog.

use std::path::{Path, PathBuf};
use std::time::Duration;

use contrail_flow::evolve::EvolvePolicy;
use contrail_kit::Secret;
use contrail_lake::catalog::rest::Login;
use contrail_lake::{RestOptions, S3Options};
use serde::{Deserialize, Serialize};

use super::Bytes;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lake {
    /// A folder, or with a REST catalog a location.
    pub warehouse: Option<String>,
    pub evolve: EvolvePolicy,
    pub ca: Option<PathBuf>,
    pub catalog: Catalog,
    #[serde(default)]
    pub s3: S3,
    pub cache: Cache,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatalogKind {
    /// Its older name says what file it is.
    #[serde(alias = "sqlite")]
    Embedded,
    Rest,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    pub kind: CatalogKind,
    /// A file, or with kind `rest` an address.
    pub uri: Option<String>,
    pub warehouse: Option<String>,
    pub prefix: Option<String>,
    pub token: Option<Secret>,
    pub credential: Option<Secret>,
    pub oauth2_uri: Option<String>,
    pub scope: String,
    pub vended: bool,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub path_style: Option<bool>,
    pub access_key: Option<String>,
    pub secret_key: Option<Secret>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    pub limit_bytes: Bytes,
}

impl Lake {
    pub fn is_remote(&self) -> bool {
        self.catalog.kind == CatalogKind::Rest
    }

    /// The embedded catalog's file.
    pub fn catalog_file(&self, data: &Path) -> PathBuf {
        self.catalog.uri.as_ref().map_or_else(|| data.join("catalog.db"), PathBuf::from)
    }

    /// The folder of all table files, where the lake is on this machine.
    pub fn warehouse_folder(&self, data: &Path) -> PathBuf {
        let warehouse = self.warehouse.as_ref();
        warehouse.map_or_else(|| data.join("warehouse"), |text| PathBuf::from(text.trim_start_matches("file://")))
    }

    /// How the REST catalog is reached.
    pub fn rest(&self) -> RestOptions {
        let Catalog { uri, warehouse, prefix, token, credential, oauth2_uri, scope, vended, timeout, .. } =
            self.catalog.clone();
        let login = match (token, credential) {
            (_, Some(credential)) => Login::Client { credential, uri: oauth2_uri, scope },
            (Some(token), None) => Login::Token(token),
            (None, None) => Login::None,
        };
        let uri = uri.unwrap_or_default();
        RestOptions { uri, warehouse, prefix, login, vended, ca: self.ca.clone(), timeout }
    }

    /// How the store is reached.
    pub fn store(&self) -> S3Options {
        let S3 { endpoint, region, path_style, access_key, secret_key } = self.s3.clone();
        S3Options { endpoint, region, path_style, keys: access_key.zip(secret_key), ca: self.ca.clone() }
    }

    /// Keys and what is wrong with them.
    pub fn faults(&self) -> Vec<(String, Option<String>)> {
        let (key, remote) = (|last: &str| format!("lake.{last}"), self.is_remote());
        let only_rest =
            |set: bool| (set && !remote).then(|| "says nothing without lake.catalog.kind = rest".to_owned());
        let web = |url: &Option<String>| {
            let odd = url.as_ref().filter(|url| !super::is_web(url));
            odd.map(|_| "must begin with http:// or https://".to_owned())
        };
        let scheme = self.warehouse.as_ref().and_then(|text| text.split_once("://")).map(|(scheme, _)| scheme);
        let odd = match (scheme, remote) {
            (Some("s3" | "s3a" | "s3n"), false) => Some("is possible only with lake.catalog.kind = rest".to_owned()),
            (None | Some("s3" | "s3a" | "s3n" | "file"), _) => None,
            (Some(scheme), _) => {
                Some(format!("{scheme}: is no kind of store that Contrail knows; use s3: or a folder"))
            }
        };
        let (catalog, s3) = (&self.catalog, &self.s3);
        let missing = (remote && catalog.uri.is_none()).then(|| "set the catalog's address".to_owned());
        let both = catalog.token.is_some() && catalog.credential.is_some();
        let half = s3.access_key.is_some() != s3.secret_key.is_some();
        vec![
            (key("warehouse"), odd),
            (key("catalog.uri"), missing.or_else(|| if remote { web(&catalog.uri) } else { None })),
            (key("catalog.warehouse"), only_rest(catalog.warehouse.is_some())),
            (key("catalog.prefix"), only_rest(catalog.prefix.is_some())),
            (key("catalog.token"), only_rest(catalog.token.is_some())),
            (key("catalog.credential"), only_rest(catalog.credential.is_some())),
            (key("catalog.vended"), only_rest(catalog.vended)),
            (key("catalog.token"), both.then(|| "is one way in, credential the other: set one of them".into())),
            (key("catalog.oauth2_uri"), web(&catalog.oauth2_uri)),
            (key("catalog.timeout"), catalog.timeout.is_zero().then(|| "must be longer than nothing".into())),
            (key("s3.endpoint"), only_rest(s3.endpoint.is_some()).or_else(|| web(&s3.endpoint))),
            (key("s3.access_key"), half.then(|| "access_key and secret_key belong together: set both".into())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> Lake {
        let rest = "evolve = \"manual\"\n[cache]\nlimit_bytes = \"1 GiB\"\n";
        let catalog = "scope = \"catalog\"\nvended = false\ntimeout = \"30s\"\n";
        let (own, of_catalog) = text.split_once("---").unwrap_or(("", text));
        toml::from_str(&format!("{own}\n{rest}[catalog]\n{catalog}{of_catalog}")).unwrap()
    }

    #[test]
    fn the_older_name_of_the_embedded_catalog_still_stands() {
        for kind in ["embedded", "sqlite"] {
            let lake = section(&format!("kind = \"{kind}\""));
            assert!(!lake.is_remote());
            assert_eq!(lake.catalog_file(Path::new("/d")), Path::new("/d/catalog.db"));
            assert_eq!(lake.warehouse_folder(Path::new("/d")), Path::new("/d/warehouse"));
        }
    }

    #[test]
    fn the_way_in_follows_from_the_keys() {
        let login = |text: &str| section(&format!("kind = \"rest\"\nuri = \"http://c\"\n{text}")).rest().login;
        assert!(matches!(login(""), Login::None));
        assert!(matches!(login("token = \"t\""), Login::Token(token) if token.reveal() == "t"));
        let Login::Client { credential, uri, scope } = login("credential = \"me:s\"\noauth2_uri = \"http://o\"") else {
            panic!("no client")
        };
        assert_eq!((credential.reveal(), uri.as_deref(), scope.as_str()), ("me:s", Some("http://o"), "catalog"));
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        let rest = "kind = \"rest\"\nuri = \"http://c\"\n";
        for (text, key) in [
            (rest.to_owned(), None),
            ("kind = \"rest\"".into(), Some("lake.catalog.uri")),
            ("kind = \"rest\"\nuri = \"c:8181\"".into(), Some("lake.catalog.uri")),
            (format!("{rest}token = \"t\"\ncredential = \"a:b\""), Some("lake.catalog.token")),
            (format!("{rest}oauth2_uri = \"o\""), Some("lake.catalog.oauth2_uri")),
            ("kind = \"embedded\"\ntoken = \"t\"".into(), Some("lake.catalog.token")),
            (format!("warehouse = \"s3://b/w\"---{rest}"), None),
            ("warehouse = \"s3://b/w\"---kind = \"embedded\"".into(), Some("lake.warehouse")),
            (format!("warehouse = \"gs://b/w\"---{rest}"), Some("lake.warehouse")),
            (format!("{rest}[s3]\naccess_key = \"a\""), Some("lake.s3.access_key")),
            (format!("{rest}[s3]\nendpoint = \"localhost:9000\""), Some("lake.s3.endpoint")),
        ] {
            let faults = section(&text).faults().into_iter().find(|(_, fault)| fault.is_some());
            assert_eq!(faults.map(|(key, _)| key).as_deref(), key, "{text}");
        }
    }
}
