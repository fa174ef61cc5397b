//! Namespaces over HTTP.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::http::StatusCode;
use contrail_lake::face::{NamespaceIdent, PropertiesSet};
use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{Asked, Sent, Space};
use super::{ApiError, Face};

#[derive(Deserialize)]
pub struct NewNamespace {
    namespace: NamespaceIdent,
    #[serde(default)]
    properties: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
pub struct PropertyChanges {
    #[serde(default)]
    removals: Option<Vec<String>>,
    #[serde(default)]
    updates: Option<BTreeMap<String, String>>,
}

pub async fn list(Face(catalog): Face, asked: Asked) -> Result<Json<Value>, ApiError> {
    let all = catalog.namespaces(asked.parent()?.as_ref()).await?;
    let page = asked.page(all, |levels| levels.join("\u{1f}"))?;
    Ok(Json(json!({ "namespaces": page.items, "next-page-token": page.next })))
}

pub async fn create(Face(catalog): Face, Sent(new): Sent<NewNamespace>) -> Result<Json<Value>, ApiError> {
    let properties = new.properties.unwrap_or_default();
    catalog.create_namespace(&new.namespace, properties.clone()).await?;
    Ok(Json(json!({ "namespace": new.namespace, "properties": properties })))
}

pub async fn load(Face(catalog): Face, Space(namespace): Space) -> Result<Json<Value>, ApiError> {
    let properties = catalog.namespace(&namespace).await?;
    Ok(Json(json!({ "namespace": namespace, "properties": properties })))
}

pub async fn exists(Face(catalog): Face, Space(namespace): Space) -> Result<StatusCode, ApiError> {
    catalog.namespace(&namespace).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn delete(Face(catalog): Face, Space(namespace): Space) -> Result<StatusCode, ApiError> {
    catalog.drop_namespace(&namespace).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn set(
    Face(catalog): Face,
    Space(namespace): Space,
    Sent(changes): Sent<PropertyChanges>,
) -> Result<Json<PropertiesSet>, ApiError> {
    let (updates, removals) = (changes.updates.unwrap_or_default(), changes.removals.unwrap_or_default());
    let removals: BTreeSet<String> = removals.into_iter().collect();
    if let Some(both) = removals.iter().find(|key| updates.contains_key(*key)) {
        return Err(ApiError::unprocessable(format!("the property {both:?} cannot be set and removed at once")));
    }
    Ok(Json(catalog.set_namespace(&namespace, updates, removals).await?))
}
