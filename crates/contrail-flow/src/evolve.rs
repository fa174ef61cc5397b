//! Columns that the stream has and the raw table lacks: found in the subject's versions, added on command or by the
//! lander.
//!
//! Nothing of what has landed changes: rows that are there read as null in a new column, and rows that land from then on
//! have its values. Which messages can be read may change, see [`not_in_table`].

use contrail_kit::crash::{self, Crashed};
use contrail_kit::{Class, Classified};
use contrail_lake::{Change, CommitFailed, LakeError, LakeTable};
use contrail_log::{NotInTable, Registry, RegistryError, Version, not_in_table};

/// Who adds columns to the raw table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvolvePolicy {
    /// A command. Until then new fields land without their values, and the lander says so.
    #[default]
    Manual,
    /// The lander, before it lands the first rows that have them.
    Auto,
}

/// The summary entry that names the columns a snapshot brought.
pub const ADDED: &str = "contrail.added_columns";

#[derive(Debug, thiserror::Error)]
pub enum EvolveError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Commit(#[from] CommitFailed),
    #[error(transparent)]
    Crashed(#[from] Crashed),
}

impl Classified for EvolveError {
    fn class(&self) -> Class {
        match self {
            Self::Registry(e) => e.class(),
            Self::Lake(e) => e.class(),
            Self::Commit(e) => e.class(),
            Self::Crashed(_) => Class::INTERNAL,
        }
    }
}

/// The fields of `subject` that `raw` has no column for.
pub async fn missing(registry: &dyn Registry, subject: &str, raw: &LakeTable) -> Result<NotInTable, EvolveError> {
    raw.load().await?;
    Ok(not_in_table(&registry.versions(subject).await?, raw.shape().def()))
}

/// Adds a column for every field of `subject` that can have one; says which, and which cannot.
pub async fn evolve(registry: &dyn Registry, subject: &str, raw: &LakeTable) -> Result<NotInTable, EvolveError> {
    let found = missing(registry, subject, raw).await?;
    add(raw, &found).await?;
    Ok(found)
}

/// The same for the lander, which has met `schema`: under whatever subject that stands.
pub(crate) async fn grow(
    registry: &dyn Registry,
    subject: &str,
    raw: &LakeTable,
    schema: Version,
) -> Result<NotInTable, EvolveError> {
    let mut versions = registry.versions(subject).await?;
    if !versions.iter().any(|version| version.id == schema.id) {
        versions.push(schema);
    }
    let found = not_in_table(&versions, raw.shape().def());
    add(raw, &found).await?;
    Ok(found)
}

async fn add(raw: &LakeTable, found: &NotInTable) -> Result<(), EvolveError> {
    if found.fields.is_empty() {
        return Ok(());
    }
    crash::point("evolve.found")?;
    let columns = found.fields.iter().map(|field| field.column.clone()).collect();
    let names: Vec<&str> = found.fields.iter().map(|field| field.column.name.as_str()).collect();
    let change = Change::add_columns(columns).summary(ADDED, names.join(","));
    // Whoever else adds them too leaves nothing to add.
    raw.commit(change, |_| Ok(())).await?;
    crash::point("evolve.committed")?;
    tracing::info!(table = raw.name(), columns = names.join(", "), "the table has gained columns");
    Ok(())
}
