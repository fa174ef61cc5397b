//! Who may ask: host names and origins (a page of another site must not reach a node on this machine), the token, and
//! the headers that keep browsers careful.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

use super::Options;
use super::answer::has;
use super::iceberg;
use crate::problem::Problem;

/// Only what comes from the node itself; the map draws images from blobs.
const CONTENT_POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; worker-src 'self'; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const LOGIN: &str = include_str!("login.html");

/// The rules of one socket.
pub struct Guard {
    token: Option<[u8; 32]>,
    open_data: bool,
    loopback: bool,
    hosts: Vec<String>,
    cookie: String,
}

impl Guard {
    pub fn new(options: &Options, address: SocketAddr) -> Self {
        Self {
            token: options.token.as_ref().map(|t| digest(t.reveal())),
            open_data: options.open_data,
            loopback: address.ip().is_loopback(),
            hosts: options.hosts.iter().map(|h| h.to_ascii_lowercase()).collect(),
            // Cookies do not tell ports apart, so the name does.
            cookie: format!("contrail_token_{}", address.port()),
        }
    }

    /// The reason to refuse a request whatever its token.
    fn refused(&self, uri: &Uri, headers: &HeaderMap) -> Option<Problem> {
        let host = match uri.authority() {
            Some(authority) => authority.as_str(),
            None => headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default(),
        };
        if self.loopback && !self.known(name_of(host)) {
            let detail = format!(
                "this node listens on this machine only and does not answer for the host {host:?}: use localhost, or \
                 list the name in serve.http.hosts"
            );
            return Some(Problem::new(StatusCode::FORBIDDEN, "Unknown host", detail));
        }
        let origin = headers.get(header::ORIGIN)?;
        let own = origin.to_str().ok().and_then(|o| o.split_once("://")).is_some_and(|(scheme, authority)| {
            matches!(scheme, "http" | "https") && authority.eq_ignore_ascii_case(host)
        });
        let detail = format!("pages of {origin:?} may not use this node");
        (!own).then(|| Problem::new(StatusCode::FORBIDDEN, "Foreign origin", detail))
    }

    fn known(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name == "localhost"
            || name.ends_with(".localhost")
            || address.is_ok_and(|a| a.is_loopback())
            || self.hosts.contains(&name)
    }

    /// Whether a path needs no token.
    fn open(&self, path: &str) -> bool {
        matches!(path, "/healthz" | "/readyz")
            || iceberg::gives_tokens(path)
            || self.open_data && path.starts_with("/data/")
    }

    fn matches(&self, given: &str) -> bool {
        // Digests are compared, so the time it takes says nothing about the token.
        self.token.is_none_or(|token| digest(given) == token)
    }

    /// Many clients know only user and password: the token may stand as either.
    fn matches_basic(&self, given: &str) -> bool {
        let text = BASE64.decode(given).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.as_deref()
            .and_then(|text| text.split_once(':'))
            .is_some_and(|(user, password)| self.matches(password) | self.matches(user))
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let authorized = text(header::AUTHORIZATION).split_once(' ').is_some_and(|(scheme, given)| {
            let given = given.trim();
            scheme.eq_ignore_ascii_case("bearer") && self.matches(given)
                || scheme.eq_ignore_ascii_case("basic") && self.matches_basic(given)
        });
        let mut cookies = text(header::COOKIE).split(';').filter_map(|c| c.trim().split_once('='));
        self.token.is_none() || authorized || cookies.any(|(name, value)| name == self.cookie && self.matches(value))
    }

    /// For a link with the right `token=`: a cookie, and the same address without the token.
    fn sign_in(&self, method: &Method, uri: &Uri) -> Option<Response> {
        let query = uri.query().filter(|_| matches!(*method, Method::GET | Method::HEAD))?;
        let token = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
        if !self.matches(token) || !token.bytes().all(|b| b.is_ascii_graphic() && b != b';') {
            return None;
        }
        let rest: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("token=")).collect();
        // A path that begins with two slashes would be another host's address.
        let path = format!("/{}", uri.path().trim_start_matches('/'));
        let target = if rest.is_empty() { path } else { format!("{path}?{}", rest.join("&")) };
        let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000", self.cookie);
        let (target, cookie) = (HeaderValue::from_str(&target).ok()?, HeaderValue::from_str(&cookie).ok()?);
        let headers = [(header::LOCATION, target), (header::SET_COOKIE, cookie)];
        Some((StatusCode::SEE_OTHER, headers).into_response())
    }
}

/// Refuses what the rules do not allow.
pub async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if let Some(problem) = guard.refused(request.uri(), request.headers()) {
        return match iceberg::owns(request.uri().path()) {
            true => iceberg::refused(problem.detail),
            false => problem.into_response(),
        };
    }
    if guard.open(request.uri().path()) || guard.token.is_none() {
        return next.run(request).await;
    }
    if let Some(signed_in) = guard.sign_in(request.method(), request.uri()) {
        return signed_in;
    }
    if guard.admits(request.headers()) {
        return next.run(request).await;
    }
    if super::registry::owns(request.uri().path()) {
        return super::registry::token_needed();
    }
    if iceberg::owns(request.uri().path()) {
        return iceberg::token_needed();
    }
    if has(request.headers(), header::ACCEPT, "text/html") {
        return (StatusCode::UNAUTHORIZED, Html(LOGIN)).into_response();
    }
    let detail = "this node asks for its token: send it as authorization: Bearer …, or open the address that the node \
                  printed when it started";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, "Token needed", detail).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Headers of every response.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            // An IPv6 address without brackets has no port.
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

/// Whether two secrets are one, in a time that says nothing about them.
pub fn same(one: &str, other: &str) -> bool {
    digest(one) == digest(other)
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contrail_kit::Secret;

    fn guard(address: &str, token: Option<&str>) -> Guard {
        let hosts = vec!["Sky.Example.org".to_owned()];
        Guard::new(&Options { token: token.map(Secret::new), open_data: true, hosts }, address.parse().unwrap())
    }

    #[test]
    fn hosts_and_origins_on_loopback() {
        let guard = guard("127.0.0.1:8090", None);
        for (host, origin, allowed) in [
            ("localhost:8090", None, true),
            ("LOCALHOST", None, true),
            ("127.0.0.1:8090", None, true),
            ("127.9.9.9", None, true),
            ("[::1]:8090", None, true),
            ("::1", None, true),
            ("sky.example.org", None, true),
            ("demo.localhost:1", None, true),
            ("evil.example:8090", None, false),
            ("localhost.evil.example", None, false),
            ("127.0.0.1.evil.example", None, false),
            ("192.168.1.2:8090", None, false),
            ("", None, false),
            ("localhost:8090", Some("http://localhost:8090"), true),
            ("sky.example.org", Some("https://sky.example.org"), true),
            ("localhost:8090", Some("http://localhost:3000"), false),
            ("localhost:8090", Some("http://evil.example"), false),
            ("localhost:8090", Some("null"), false),
            ("localhost:8090", Some("file://localhost:8090"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            let refused = guard.refused(&Uri::from_static("/api/v1/status"), &headers);
            assert_eq!(refused.is_none(), allowed, "host {host:?} origin {origin:?}: {refused:?}");
        }
    }

    #[test]
    fn beyond_loopback_any_host_but_only_its_own_origin() {
        let guard = guard("0.0.0.0:8090", Some("secret"));
        for (origin, allowed) in [("http://nas.lan:8090", true), ("http://other.lan:8090", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("nas.lan:8090"));
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            assert_eq!(guard.refused(&Uri::from_static("/"), &headers).is_none(), allowed, "{origin}");
        }
    }

    #[test]
    fn tokens_come_as_bearer_or_cookie() {
        let guard = guard("0.0.0.0:8090", Some("secret"));
        for (name, value, admitted) in [
            (header::AUTHORIZATION, "Bearer secret", true),
            (header::AUTHORIZATION, "bearer secret", true),
            (header::AUTHORIZATION, "Bearer secre", false),
            (header::AUTHORIZATION, "Basic secret", false),
            (header::AUTHORIZATION, "Basic bWU6c2VjcmV0", true),
            (header::AUTHORIZATION, "basic c2VjcmV0Og==", true),
            (header::AUTHORIZATION, "Basic bWU6c2VjcmU=", false),
            (header::AUTHORIZATION, "Basic c2VjcmV0", false),
            (header::AUTHORIZATION, "Basic /////w==", false),
            (header::AUTHORIZATION, "Bearer bWU6c2VjcmV0", false),
            (header::COOKIE, "a=b; contrail_token_8090=secret", true),
            (header::COOKIE, "contrail_token_8091=secret", false),
            (header::COOKIE, "contrail_token_8090=", false),
            (header::ACCEPT, "secret", false),
        ] {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            assert_eq!(guard.admits(&headers), admitted, "{value}");
        }
        assert!(guard.open("/healthz") && guard.open("/data/aircraft.json") && !guard.open("/api/v1/status"));
    }

    #[test]
    fn a_link_with_the_token_signs_in_and_loses_it() {
        let guard = guard("0.0.0.0:8090", Some("secret"));
        let target = |uri: &'static str| {
            let response = guard.sign_in(&Method::GET, &Uri::from_static(uri))?;
            Some(response.headers()[header::LOCATION].to_str().unwrap().to_owned())
        };
        assert_eq!(target("/?token=secret").as_deref(), Some("/"));
        assert_eq!(target("/live?zoom=4&token=secret&x=1").as_deref(), Some("/live?zoom=4&x=1"));
        assert_eq!(target("//evil.example/?token=secret").as_deref(), Some("/evil.example/"));
        assert_eq!(target("/?token=wrong"), None);
        assert!(guard.sign_in(&Method::POST, &Uri::from_static("/?token=secret")).is_none());
    }
}
