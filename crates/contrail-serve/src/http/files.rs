//! The web UI's files, built into the binary (a debug build reads them from the checkout).

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::Shared;
use super::answer::{blocking, may_be_kept, method_not_allowed, takes_gzip, unchanged};
use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
#[allow_missing = true]
struct Dist;

const NO_UI: &str = include_str!("no_ui.html");

/// Files compressed so far, by content: each is compressed once, when it is first asked for.
#[derive(Default)]
pub struct Files(Mutex<HashMap<[u8; 32], Bytes>>);

impl Files {
    fn known(&self, hash: [u8; 32]) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).get(&hash).cloned()
    }

    async fn gzip(self: Arc<Self>, file: EmbeddedFile) -> Result<Bytes, Problem> {
        let hash = file.metadata.sha256_hash();
        if let Some(known) = self.known(hash) {
            return Ok(known);
        }
        blocking(move || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
            // Writing to memory cannot fail.
            let _ = encoder.write_all(&file.data);
            let gzip = Bytes::from(encoder.finish().unwrap_or_default());
            self.0.lock().unwrap_or_else(|e| e.into_inner()).insert(hash, gzip.clone());
            gzip
        })
        .await
    }
}

/// Everything that is no API: a file, or the UI's page for any path that looks like one.
pub async fn file(State(shared): State<Shared>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") || path.starts_with("/data/") {
        return Problem::not_found(format!("there is no {path}; see /api/openapi.json")).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return method_not_allowed().await.into_response();
    }
    let name = path.trim_start_matches('/');
    let is_file = name.rsplit('/').next().is_some_and(|last| last.contains('.'));
    match Dist::get(name).filter(|_| !name.is_empty()) {
        Some(file) => send(name, file, request.headers(), shared.files).await,
        None if is_file => Problem::not_found(format!("there is no file {path}")).into_response(),
        None => match Dist::get("index.html") {
            Some(page) => send("index.html", page, request.headers(), shared.files).await,
            None => (StatusCode::OK, Html(NO_UI)).into_response(),
        },
    }
}

async fn send(name: &str, file: EmbeddedFile, asked: &HeaderMap, files: Arc<Files>) -> Response {
    let hash = file.metadata.sha256_hash();
    let etag = hash[..12].iter().fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
    let kind = media_type(name);
    // What lies in `assets/` has its content's hash in its name.
    let cache = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut headers = may_be_kept(cache, &etag);
    if unchanged(asked, &etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind.0));
    if !(kind.1 && takes_gzip(asked)) {
        return (headers, file.data.into_owned()).into_response();
    }
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    match files.gzip(file).await {
        Ok(gzip) => (headers, gzip).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// Media type by extension, and whether compressing pays.
fn media_type(name: &str) -> (&'static str, bool) {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => ("text/html; charset=utf-8", true),
        "js" | "mjs" => ("text/javascript; charset=utf-8", true),
        "css" => ("text/css; charset=utf-8", true),
        "json" | "geojson" | "topojson" => ("application/json", true),
        "webmanifest" => ("application/manifest+json", true),
        "svg" => ("image/svg+xml", true),
        "wasm" => ("application/wasm", true),
        "txt" => ("text/plain; charset=utf-8", true),
        "png" => ("image/png", false),
        "jpg" | "jpeg" => ("image/jpeg", false),
        "webp" => ("image/webp", false),
        "ico" => ("image/x-icon", false),
        "woff2" => ("font/woff2", false),
        _ => ("application/octet-stream", false),
    }
}

#[cfg(test)]
pub(super) fn names() -> Vec<String> {
    Dist::iter().map(|name| name.into_owned()).collect()
}
