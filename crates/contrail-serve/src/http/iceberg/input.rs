//! What clients send: namespaces and names in the path, pages in the query, JSON bodies under any content type.

use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use contrail_lake::face::{NamespaceIdent, TableIdent};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::ApiError;

/// Between the levels of a namespace.
const SEPARATOR: char = '\u{1f}';
/// Most entries of a page.
const LARGEST_PAGE: usize = 10_000;

/// The namespace that a path names.
pub struct Space(pub NamespaceIdent);

/// The table or view that a path names.
pub struct Named(pub TableIdent);

impl<S: Send + Sync> FromRequestParts<S> for Space {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        namespace(&decoded(segments(parts).nth(1))?).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let namespace = namespace(&decoded(segments(parts).nth(1))?)?;
        let name = decoded(segments(parts).nth(3))?;
        Ok(Self(TableIdent::new(namespace, name)))
    }
}

/// What stands behind `v1` in a path.
fn segments(parts: &Parts) -> impl Iterator<Item = &str> {
    parts.uri.path().split('/').skip_while(|segment| *segment != "v1").skip(1)
}

/// A segment as it was before it was encoded, by whichever of the two ways.
fn decoded(segment: Option<&str>) -> Result<String, ApiError> {
    let unreadable = || ApiError::bad_request("this address cannot be read: names are UTF-8, percent-encoded");
    let segment = segment.ok_or_else(unreadable)?.replace('+', " ");
    percent_decode_str(&segment).decode_utf8().map(|text| text.into_owned()).map_err(|_| unreadable())
}

fn namespace(text: &str) -> Result<NamespaceIdent, ApiError> {
    let levels: Vec<String> = text.split(SEPARATOR).map(str::to_owned).collect();
    if levels.iter().any(String::is_empty) {
        return Err(ApiError::bad_request("a namespace has levels with %1F between them, none of them empty"));
    }
    NamespaceIdent::from_vec(levels).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// The query: unknown names are let through, clients send more than is asked for.
pub struct Asked(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        pairs
            .map(|Query(pairs)| Self(pairs))
            .map_err(|error| ApiError::bad_request(format!("the query string is unreadable: {error}")))
    }
}

/// Part of a list, and the token with which the rest is had.
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl Asked {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// In any letter case: Python says True.
    pub fn on(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The namespace whose children are asked for; the topmost ones if it is empty or not there.
    pub fn parent(&self) -> Result<Option<NamespaceIdent>, ApiError> {
        self.text("parent").filter(|parent| !parent.is_empty()).map(namespace).transpose()
    }

    /// The page that is asked for; without `pageToken` and `pageSize`, everything. `all` is sorted by `key`, and a token
    /// is the last key of the page before, so nothing is left out because something else has gone.
    pub fn page<T>(&self, all: Vec<T>, key: impl Fn(&T) -> String) -> Result<Page<T>, ApiError> {
        let token = self.text("pageToken").filter(|token| !token.is_empty());
        let size = match self.text("pageSize").map(str::parse::<usize>) {
            None => LARGEST_PAGE,
            Some(Ok(size)) if size > 0 => size.min(LARGEST_PAGE),
            Some(_) => return Err(ApiError::bad_request("pageSize is a whole number above 0")),
        };
        if self.text("pageToken").is_none() && self.text("pageSize").is_none() {
            return Ok(Page { items: all, next: None });
        }
        let after = match token {
            None => None,
            Some(token) => {
                let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                Some(text.ok_or_else(|| ApiError::bad_request("pageToken is not one that this catalog gave"))?)
            }
        };
        let mut items: Vec<T> =
            all.into_iter().filter(|item| after.as_ref().is_none_or(|after| key(item) > *after)).collect();
        let more = items.len() > size;
        items.truncate(size);
        let next = items.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
        Ok(Page { items, next })
    }
}

/// A JSON body.
pub struct Sent<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = bytes(request, state).await?;
        // A list would pass for an object whose fields may all be left out.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(ApiError::bad_request("the body: expected a JSON object"));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|e| ApiError::bad_request(format!("the body: {e}")))
    }
}

pub async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            let most = format!("a request may have {} MB at most", super::BODY_LIMIT / 1024 / 1024);
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "BadRequestException", most)
        }
        other => ApiError::bad_request(other.to_string()),
    })
}
