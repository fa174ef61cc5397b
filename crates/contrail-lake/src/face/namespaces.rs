//! Namespaces and their properties.

use std::collections::{BTreeMap, BTreeSet};

use iceberg::NamespaceIdent;
use serde::Serialize;

use super::{CatalogFace, FaceError, What, checked_name, checked_namespace};
use crate::catalog::sqlite::Dropped;

/// What became of properties.
#[derive(Debug, PartialEq, Serialize)]
pub struct PropertiesSet {
    pub updated: Vec<String>,
    pub removed: Vec<String>,
    /// Asked to be removed and not there.
    pub missing: Vec<String>,
}

impl CatalogFace {
    /// The namespaces right below `parent`, or the topmost ones; sorted.
    pub async fn namespaces(&self, parent: Option<&NamespaceIdent>) -> Result<Vec<Vec<String>>, FaceError> {
        let above: &[String] = parent.map_or(&[], |parent| parent);
        let all = self.catalog.namespaces().await?;
        if !above.is_empty() && !all.contains(above) {
            return Err(FaceError::NoSuch(What::Namespace, above.join(".")));
        }
        Ok(all.into_iter().filter(|levels| levels.len() == above.len() + 1 && levels.starts_with(above)).collect())
    }

    pub async fn namespace(&self, namespace: &NamespaceIdent) -> Result<BTreeMap<String, String>, FaceError> {
        let found = self.catalog.namespace(namespace).await?;
        found.ok_or_else(|| FaceError::NoSuch(What::Namespace, namespace.to_string()))
    }

    pub async fn create_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: BTreeMap<String, String>,
    ) -> Result<(), FaceError> {
        checked_namespace(namespace)?;
        properties.keys().try_for_each(|key| checked_property(key))?;
        match self.catalog.create_namespace(namespace, properties).await? {
            true => Ok(()),
            false => Err(FaceError::Exists(format!("Namespace already exists: {namespace}"))),
        }
    }

    pub async fn drop_namespace(&self, namespace: &NamespaceIdent) -> Result<(), FaceError> {
        if self.is_ours(namespace) {
            return Err(FaceError::NotEmpty(namespace.to_string()));
        }
        match self.catalog.drop_namespace(namespace).await? {
            Dropped::Gone => Ok(()),
            Dropped::Missing => Err(FaceError::NoSuch(What::Namespace, namespace.to_string())),
            Dropped::NotEmpty => Err(FaceError::NotEmpty(namespace.to_string())),
        }
    }

    pub async fn set_namespace(
        &self,
        namespace: &NamespaceIdent,
        updates: BTreeMap<String, String>,
        removals: BTreeSet<String>,
    ) -> Result<PropertiesSet, FaceError> {
        updates.keys().chain(&removals).try_for_each(|key| checked_property(key))?;
        let updated = updates.keys().cloned().collect();
        let before = self.catalog.set_namespace(namespace, updates, removals.iter().cloned().collect()).await?;
        let before = before.ok_or_else(|| FaceError::NoSuch(What::Namespace, namespace.to_string()))?;
        let (removed, missing) = removals.into_iter().partition(|key| before.contains_key(key));
        Ok(PropertiesSet { updated, removed, missing })
    }
}

fn checked_property(key: &str) -> Result<(), FaceError> {
    if key == "exists" {
        return Err(FaceError::Invalid("the property \"exists\" of a namespace is the catalog's own".into()));
    }
    checked_name("property", key)
}
