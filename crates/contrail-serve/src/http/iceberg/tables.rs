//! Tables over HTTP.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contrail_lake::face::{LoadedTable, NewTable, Snapshots, TableChange, TableIdent};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::input::{Asked, Named, Sent, Space};
use super::{ApiError, Face};
use crate::http::answer::unchanged;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Registration {
    pub name: String,
    pub metadata_location: String,
    #[serde(default)]
    overwrite: bool,
}

#[derive(Deserialize)]
pub struct Renaming {
    pub source: TableIdent,
    pub destination: TableIdent,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Transaction {
    table_changes: Vec<TableChange>,
}

/// What changes with a table's version, and with how much of it was asked for.
fn etag(location: &str, snapshots: Snapshots) -> String {
    let digest = Sha256::digest(format!("{location} {snapshots:?}").as_bytes());
    let text: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{text}\"")
}

/// A table with its version in the head.
fn answered(table: LoadedTable, snapshots: Snapshots) -> Response {
    let tag = table.metadata_location.as_deref().map(|location| etag(location, snapshots));
    let mut response = Json(table).into_response();
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

pub async fn list(Face(catalog): Face, Space(namespace): Space, asked: Asked) -> Result<Json<Value>, ApiError> {
    let page = asked.page(catalog.tables(&namespace).await?, String::clone)?;
    let named: Vec<Value> =
        page.items.into_iter().map(|name| json!({ "namespace": namespace, "name": name })).collect();
    Ok(Json(json!({ "identifiers": named, "next-page-token": page.next })))
}

pub async fn create(
    Face(catalog): Face,
    Space(namespace): Space,
    Sent(new): Sent<NewTable>,
) -> Result<Response, ApiError> {
    Ok(answered(catalog.create_table(&namespace, new).await?, Snapshots::All))
}

pub async fn load(
    Face(catalog): Face,
    Named(table): Named,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let snapshots = match asked.text("snapshots") {
        None | Some("" | "all") => Snapshots::All,
        Some("refs") => Snapshots::Refs,
        Some(other) => return Err(ApiError::bad_request(format!("snapshots is all or refs, not {other:?}"))),
    };
    if headers.contains_key(header::IF_NONE_MATCH) {
        let location = catalog.table_location(&table).await?;
        if unchanged(&headers, &etag(&location, snapshots)) {
            return Ok(StatusCode::NOT_MODIFIED.into_response());
        }
    }
    Ok(answered(catalog.table(&table, snapshots).await?, snapshots))
}

pub async fn exists(Face(catalog): Face, Named(table): Named) -> Result<StatusCode, ApiError> {
    catalog.table_is_there(&table).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn commit(
    Face(catalog): Face,
    Named(table): Named,
    Sent(change): Sent<TableChange>,
) -> Result<Response, ApiError> {
    // To its end, also if the client does not wait for it.
    let work = tokio::spawn(async move { catalog.commit(&table, change).await });
    Ok(answered(finished(work.await)??, Snapshots::All))
}

pub async fn transaction(Face(catalog): Face, Sent(all): Sent<Transaction>) -> Result<StatusCode, ApiError> {
    let work = tokio::spawn(async move { catalog.commit_all(all.table_changes).await });
    finished(work.await)??;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn delete(Face(catalog): Face, Named(table): Named, asked: Asked) -> Result<StatusCode, ApiError> {
    let purge = asked.on("purgeRequested");
    let work = tokio::spawn(async move { catalog.drop_table(&table, purge).await });
    finished(work.await)??;
    Ok(StatusCode::NO_CONTENT)
}

fn finished<T>(work: Result<T, tokio::task::JoinError>) -> Result<T, ApiError> {
    work.map_err(|error| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", format!("this failed: {error}"))
    })
}

pub async fn rename(Face(catalog): Face, Sent(names): Sent<Renaming>) -> Result<StatusCode, ApiError> {
    catalog.rename_table(&names.source, &names.destination).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn register(
    Face(catalog): Face,
    Space(namespace): Space,
    Sent(table): Sent<Registration>,
) -> Result<Response, ApiError> {
    let ident = TableIdent::new(namespace, table.name);
    let registered = catalog.register(&ident, &table.metadata_location, table.overwrite).await?;
    Ok(answered(registered, Snapshots::All))
}

/// Figures of a client's scan or commit: taken, and told to nobody but the log.
pub async fn metrics(
    Face(catalog): Face,
    Named(table): Named,
    Sent(report): Sent<Value>,
) -> Result<StatusCode, ApiError> {
    if !report.get("report-type").is_some_and(Value::is_string) {
        return Err(ApiError::bad_request("a report of metrics has a report-type"));
    }
    catalog.table_is_there(&table).await?;
    tracing::debug!(%table, %report, "metrics of an Iceberg client");
    Ok(StatusCode::NO_CONTENT)
}
