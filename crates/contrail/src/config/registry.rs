//! The section `registry`: where schemas are kept, if not in the data folder.

use std::path::PathBuf;
use std::time::Duration;

use contrail_kit::Secret;
use contrail_log::registry::http::{Login, Options};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    pub url: Option<String>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub token: Option<Secret>,
    pub ca: Option<PathBuf>,
    pub register: bool,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub patience: Duration,
    #[serde(with = "humantime_serde")]
    pub forget: Duration,
}

impl Registry {
    /// How the server is reached; none if there is no server.
    pub fn elsewhere(&self) -> Option<Options> {
        let url = self.url.clone()?;
        let login = match (&self.username, &self.token) {
            (Some(username), _) => {
                Login::Basic { username: username.clone(), password: self.password.clone().unwrap_or_default() }
            }
            (None, Some(token)) => Login::Bearer(token.clone()),
            (None, None) => Login::None,
        };
        let Self { register, timeout, patience, forget, .. } = *self;
        Some(Options { url, login, ca: self.ca.clone(), register, timeout, patience, forget })
    }

    /// Keys and what is wrong with them.
    pub fn faults(&self) -> Vec<(String, Option<String>)> {
        let key = |last: &str| format!("registry.{last}");
        let web = |url: &String| !super::is_web(url);
        let needs_url =
            |set: bool| (set && self.url.is_none()).then(|| "says nothing without registry.url".to_string());
        let half = self.username.is_some() != self.password.is_some();
        let both = self.username.is_some() && self.token.is_some();
        vec![
            (
                key("url"),
                self.url.as_ref().filter(|url| web(url)).map(|_| "must begin with http:// or https://".into()),
            ),
            (key("username"), needs_url(self.username.is_some())),
            (key("token"), needs_url(self.token.is_some())),
            (key("ca"), needs_url(self.ca.is_some())),
            (key("register"), needs_url(!self.register)),
            (key("username"), half.then(|| "username and password belong together: set both".into())),
            (key("token"), both.then(|| "is one way in, username and password the other: set one of them".into())),
            (key("timeout"), self.timeout.is_zero().then(|| "must be longer than nothing".into())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> Registry {
        let defaults = "register = true\ntimeout = \"10s\"\npatience = \"10s\"\nforget = \"60s\"\n";
        toml::from_str(&format!("{text}\n{defaults}")).unwrap()
    }

    #[test]
    fn the_way_in_follows_from_the_keys() {
        assert!(section("").elsewhere().is_none());
        let url = "url = \"http://r:8081\"\n";
        let login = |text: &str| section(&format!("{url}{text}")).elsewhere().unwrap().login;
        assert!(matches!(login(""), Login::None));
        let basic = login("username = \"me\"\npassword = \"pass\"");
        assert!(
            matches!(basic, Login::Basic { username, password } if username == "me" && password.reveal() == "pass")
        );
        assert!(matches!(login("token = \"t\""), Login::Bearer(token) if token.reveal() == "t"));
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        let url = "url = \"http://r:8081\"\n";
        for (text, key) in [
            ("url = \"r:8081\"".to_owned(), Some("registry.url")),
            (url.to_owned(), None),
            ("token = \"t\"".to_owned(), Some("registry.token")),
            ("ca = \"ca.pem\"".to_owned(), Some("registry.ca")),
            (format!("{url}username = \"me\""), Some("registry.username")),
            (format!("{url}password = \"p\""), Some("registry.username")),
            (format!("{url}username = \"me\"\npassword = \"p\"\ntoken = \"t\""), Some("registry.token")),
        ] {
            let faults = section(&text).faults().into_iter().find(|(_, fault)| fault.is_some());
            assert_eq!(faults.map(|(key, _)| key).as_deref(), key, "{text}");
        }
    }
}
