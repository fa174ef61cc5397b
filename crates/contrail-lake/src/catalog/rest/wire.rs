//! The protocol's JSON, as far as it is spoken here.

use std::collections::{BTreeMap, HashMap};

use iceberg::spec::{Schema, SortOrder, UnboundPartitionSpec};
use iceberg::{TableCreation, TableRequirement, TableUpdate};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub defaults: BTreeMap<String, String>,
    #[serde(default)]
    pub overrides: BTreeMap<String, String>,
}

#[derive(Serialize)]
pub(super) struct CreateNamespace<'a> {
    pub namespace: &'a [String],
    pub properties: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct CreateTable<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    schema: &'a Schema,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_spec: Option<UnboundPartitionSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_order: Option<&'a SortOrder>,
    stage_create: bool,
    properties: &'a HashMap<String, String>,
}

impl<'a> CreateTable<'a> {
    pub fn new(creation: &'a TableCreation) -> Self {
        Self {
            name: &creation.name,
            location: creation.location.as_deref(),
            schema: &creation.schema,
            // Some servers insist on its number, which is the first one's.
            partition_spec: creation.partition_spec.clone().map(|spec| spec.with_spec_id(0)),
            write_order: creation.sort_order.as_ref(),
            stage_create: false,
            properties: &creation.properties,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Identifier<'a> {
    pub namespace: &'a [String],
    pub name: &'a str,
}

#[derive(Serialize)]
pub(super) struct CommitTable<'a> {
    pub identifier: Identifier<'a>,
    pub requirements: &'a [TableRequirement],
    pub updates: &'a [TableUpdate],
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct CommitResult {
    pub metadata_location: String,
    pub metadata: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct LoadTableResult {
    pub metadata_location: Option<String>,
    /// Read only if its location is not the one that is known.
    pub metadata: Box<RawValue>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub config: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_nothing")]
    pub storage_credentials: Vec<StorageCredential>,
}

#[derive(Deserialize)]
pub(super) struct StorageCredential {
    pub prefix: String,
    pub config: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct ListTables {
    pub identifiers: Vec<Listed>,
    pub next_page_token: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Listed {
    pub name: String,
}

#[derive(Deserialize)]
pub(super) struct Failure {
    pub error: FailureText,
}

#[derive(Deserialize)]
pub(super) struct FailureText {
    #[serde(default, deserialize_with = "or_nothing")]
    pub message: String,
    #[serde(default, rename = "type", deserialize_with = "or_nothing")]
    pub kind: String,
}

/// Some servers write `null` where the protocol has a field left out.
fn or_nothing<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}
