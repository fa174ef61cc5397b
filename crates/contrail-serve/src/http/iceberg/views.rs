//! Views over HTTP.

use axum::Json;
use axum::http::StatusCode;
use contrail_lake::face::{LoadedView, NewView, TableIdent, ViewChange};
use serde_json::{Value, json};

use super::input::{Asked, Named, Sent, Space};
use super::tables::{Registration, Renaming};
use super::{ApiError, Face};

pub async fn list(Face(catalog): Face, Space(namespace): Space, asked: Asked) -> Result<Json<Value>, ApiError> {
    let page = asked.page(catalog.views(&namespace).await?, String::clone)?;
    let named: Vec<Value> =
        page.items.into_iter().map(|name| json!({ "namespace": namespace, "name": name })).collect();
    Ok(Json(json!({ "identifiers": named, "next-page-token": page.next })))
}

pub async fn create(
    Face(catalog): Face,
    Space(namespace): Space,
    Sent(new): Sent<NewView>,
) -> Result<Json<LoadedView>, ApiError> {
    Ok(Json(catalog.create_view(&namespace, new).await?))
}

pub async fn load(Face(catalog): Face, Named(view): Named) -> Result<Json<LoadedView>, ApiError> {
    Ok(Json(catalog.view(&view).await?))
}

pub async fn exists(Face(catalog): Face, Named(view): Named) -> Result<StatusCode, ApiError> {
    catalog.view_is_there(&view).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn commit(
    Face(catalog): Face,
    Named(view): Named,
    Sent(change): Sent<ViewChange>,
) -> Result<Json<LoadedView>, ApiError> {
    Ok(Json(catalog.commit_view(&view, change).await?))
}

pub async fn delete(Face(catalog): Face, Named(view): Named) -> Result<StatusCode, ApiError> {
    catalog.drop_view(&view).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn register(
    Face(catalog): Face,
    Space(namespace): Space,
    Sent(view): Sent<Registration>,
) -> Result<Json<LoadedView>, ApiError> {
    let ident = TableIdent::new(namespace, view.name);
    Ok(Json(catalog.register_view(&ident, &view.metadata_location).await?))
}

pub async fn rename(Face(catalog): Face, Sent(names): Sent<Renaming>) -> Result<StatusCode, ApiError> {
    catalog.rename_view(&names.source, &names.destination).await?;
    Ok(StatusCode::NO_CONTENT)
}
