//! Versions of before: read as they were, kept under a name, come back to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use contrail_kit::{Backoff, Class, Classified};
use contrail_types::Micros;
use contrail_types::time::{Time, rfc3339};
use iceberg::spec::{MAIN_BRANCH, SnapshotReference, SnapshotRetention};
use serde::Deserialize;

use crate::catalog::{CommitError, Proposal};
use crate::change::Change;
use crate::commit::{CommitFailed, Committed, FenceFailure, skew};
use crate::error::{Doing, LakeError, TableError};
use crate::table::LakeTable;
use crate::version::{Version, View};
use crate::write::EncodedFile;

const ATTEMPTS: u32 = 20;
const BACKOFF: Backoff = Backoff::new(std::time::Duration::from_millis(4), std::time::Duration::from_millis(500));

/// A version of a table, as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    Snapshot(i64),
    /// The last snapshot that had been committed by then.
    Time(Micros),
    /// A tag.
    Tag(String),
}

impl At {
    /// A snapshot id (digits), an instant or a day, else the name of a tag.
    pub fn parse(text: &str) -> Self {
        match (text.parse::<i64>(), Time::parse(text)) {
            (Ok(id), _) => Self::Snapshot(id),
            (Err(_), Some(time)) => Self::Time(time.0),
            (Err(_), None) => Self::Tag(text.to_owned()),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(id) => write!(f, "snapshot {id}"),
            Self::Time(time) => write!(f, "{}", rfc3339(*time)),
            Self::Tag(name) => write!(f, "tag {name}"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TravelError {
    #[error("table {table} has nothing to show for {at}: {reason}")]
    NoVersion { table: String, at: At, reason: String },
    #[error("table {table} cannot go back to {at}: {reason}")]
    NotBack { table: String, at: At, reason: String },
    #[error("{0:?} cannot be the name of a tag: it must begin with a letter, and be no branch and no time")]
    Name(String),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Commit(#[from] CommitFailed),
}

impl Classified for TravelError {
    fn class(&self) -> Class {
        match self {
            Self::NoVersion { .. } | Self::NotBack { .. } | Self::Name(_) => Class::USER,
            Self::Lake(error) => error.class(),
            Self::Commit(error) => error.class(),
        }
    }
}

/// A named snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Reference {
    snapshot_id: i64,
    r#type: String,
}

impl Version {
    /// Tags by name. The format library keeps references to itself but writes them out.
    pub fn tags(&self) -> BTreeMap<String, i64> {
        let json = serde_json::to_value(self.metadata()).unwrap_or_default();
        let references = json.get("refs").cloned().unwrap_or_default();
        let all: BTreeMap<String, Reference> = serde_json::from_value(references).unwrap_or_default();
        all.into_iter()
            .filter(|(_, found)| found.r#type == "tag")
            .map(|(name, found)| (name, found.snapshot_id))
            .collect()
    }
}

impl LakeTable {
    /// The table as it was: live files of that version; properties and everything else are those of now. Its files stay
    /// as long as the snapshot is kept, or they are pinned.
    pub async fn load_at(&self, at: &At) -> Result<Version, TravelError> {
        let version = self.load().await?;
        let id = self.resolve(&version, at)?;
        Ok(self.of_snapshot(&version, id).await?)
    }

    async fn of_snapshot(&self, version: &Version, id: i64) -> Result<Version, LakeError> {
        let metadata = &version.loaded().metadata;
        let (manifests, deletes) = match metadata.snapshot_by_id(id) {
            Some(snapshot) => self.0.entries.of(&self.0, metadata, snapshot).await?,
            None => (Vec::new(), Vec::new()),
        };
        Ok(Version::new(View { loaded: version.loaded().clone(), manifests, deletes }))
    }

    fn resolve(&self, version: &Version, at: &At) -> Result<i64, TravelError> {
        let snapshots = version.snapshots();
        let none = |reason: String| TravelError::NoVersion { table: self.name().to_owned(), at: at.clone(), reason };
        match at {
            At::Snapshot(id) => match version.metadata().snapshot_by_id(*id) {
                Some(_) => Ok(*id),
                None => Err(none(format!(
                    "there is no such snapshot any more; `contrail tables history {}` lists them",
                    self.name()
                ))),
            },
            At::Time(time) => match snapshots.iter().rev().find(|snapshot| snapshot.at <= *time) {
                Some(snapshot) => Ok(snapshot.id),
                None => Err(none(match snapshots.first() {
                    Some(first) => format!("its first kept snapshot is of {}", rfc3339(first.at)),
                    None => "nothing has been written to it yet".into(),
                })),
            },
            At::Tag(name) => version.tags().get(name).copied().ok_or_else(|| {
                let tags: Vec<String> = version.tags().into_keys().collect();
                none(match tags.is_empty() {
                    true => "it has no tags; a time is written as 2026-01-31T12:00Z".into(),
                    false => format!("its tags are {}", tags.join(", ")),
                })
            }),
        }
    }

    /// Keeps a version under a name until the tag is removed: it is never thinned, its files never deleted. A tag of that
    /// name moves.
    pub async fn tag(&self, name: &str, at: Option<&At>) -> Result<i64, TravelError> {
        let odd = |c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c));
        let bad = name == MAIN_BRANCH || name.contains(odd) || !matches!(At::parse(name), At::Tag(_));
        if bad || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(TravelError::Name(name.to_owned()));
        }
        let mut tagged = 0;
        self.refer(name, &mut |version| {
            let nothing = || TravelError::NoVersion {
                table: self.name().to_owned(),
                at: At::Tag(name.to_owned()),
                reason: "nothing has been written to it yet".into(),
            };
            tagged = match at {
                Some(at) => self.resolve(version, at)?,
                None => version.snapshot_id().ok_or_else(nothing)?,
            };
            let retention = SnapshotRetention::Tag { max_ref_age_ms: None };
            Ok(Some(SnapshotReference::new(tagged, retention)))
        })
        .await?;
        Ok(tagged)
    }

    /// Removes a tag; its snapshot is then kept like any other.
    pub async fn untag(&self, name: &str) -> Result<(), TravelError> {
        self.refer(name, &mut |version| self.resolve(version, &At::Tag(name.to_owned())).map(|_| None)).await
    }

    /// Sets a reference, or removes it: the content of the table stays as it is.
    async fn refer(
        &self,
        name: &str,
        to: &mut (dyn FnMut(&Version) -> Result<Option<SnapshotReference>, TravelError> + Send),
    ) -> Result<(), TravelError> {
        let _turn = self.0.turn.lock().await;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(BACKOFF.wait_spread(attempt)).await;
            }
            let version = self.load().await?;
            let reference = to(&version)?;
            let built = skew::built(version.metadata(), |metadata| {
                let builder = metadata.into_builder(Some(version.metadata_location().to_owned()));
                match reference {
                    Some(reference) => builder.set_ref(name, reference)?.build(),
                    None => builder.remove_ref(name).build(),
                }
            });
            let built = built.doing(|| format!("change the references of {}", self.name()))?;
            if built.changes.is_empty() {
                return Ok(());
            }
            let proposal = Proposal::on(&version, built);
            match self.0.lake.catalog.commit(&self.0.ident, version.loaded(), proposal).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Failed(error)) => return Err(LakeError::from(error).into()),
                // Without an answer: the next attempt finds it done, or does it.
                Err(CommitError::Conflict | CommitError::Unknown(_)) => {}
            }
        }
        Err(CommitFailed::Conflicts { table: self.name().to_owned(), attempts: ATTEMPTS }.into())
    }

    /// Goes back to a version by a new snapshot with its files and its record of progress: what a summary says under
    /// keys that begin with one of `progress` becomes the property again. `more` is set on top.
    ///
    /// Only to a snapshot that says all of its progress itself: an older record would have rows come twice.
    pub async fn rollback(
        &self,
        at: &At,
        progress: &[&str],
        more: impl Fn(&Version) -> Vec<(String, String)> + Send + Sync + 'static,
    ) -> Result<Committed, TravelError> {
        let version = self.load().await?;
        let id = self.resolve(&version, at)?;
        let not_back = |reason: String| TravelError::NotBack { table: self.name().to_owned(), at: at.clone(), reason };
        let is_progress = |key: &str| progress.iter().any(|start| key.starts_with(start));
        let keys: BTreeSet<&String> = version.properties().keys().filter(|key| is_progress(key)).collect();
        let says_all =
            |summary: &std::collections::HashMap<String, String>| keys.iter().all(|key| summary.contains_key(*key));
        let snapshots = version.snapshots();
        let to = snapshots.iter().find(|snapshot| snapshot.id == id).ok_or_else(|| not_back("it is gone".into()))?;
        if !says_all(&to.summary) {
            let older = snapshots.iter().rev().filter(|s| s.sequence_number < to.sequence_number);
            let near = older.into_iter().find(|snapshot| says_all(&snapshot.summary));
            return Err(not_back(match near {
                Some(near) => format!(
                    "it does not say how far the table was then; snapshot {} of {} does",
                    near.id,
                    rfc3339(near.at)
                ),
                None => "neither it nor any snapshot before it says how far the table was then".into(),
            }));
        }
        let then = self.of_snapshot(&version, id).await?;
        if version.has_foreign_deletes() || then.has_foreign_deletes() {
            return Err(LakeError::from(TableError::ForeignDeletes { table: self.name().to_owned() }).into());
        }
        let now_live: BTreeSet<&str> = version.live_files().map(|file| file.path.as_str()).collect();
        let then_live: BTreeSet<&str> = then.live_files().map(|file| file.path.as_str()).collect();
        let gone: Vec<&str> = now_live.difference(&then_live).copied().collect();
        let written_at = self.0.lake.clock.now();
        let back = then.live_files().filter(|file| !now_live.contains(file.path.as_str())).map(|file| EncodedFile {
            path: file.path.clone(),
            partition: file.partition,
            records: file.records,
            bytes: file.bytes,
            // They are named by a snapshot that is kept, so no sweep can have taken them.
            written_at,
            spec_id: file.spec_id,
            data: file.data.clone(),
        });
        let restored: Vec<(String, String)> =
            to.summary.iter().filter(|(key, _)| is_progress(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
        let change = Change::replace(gone, back.collect())
            .of_others()
            .set(restored)
            .set_from(more)
            .summary("contrail.rolled_back_to", id.to_string());
        let seen = Arc::new(version.metadata_location().to_owned());
        let committed = self.commit(change, move |fresh| match fresh.metadata_location() == seen.as_str() {
            true => Ok(()),
            false => Err(FenceFailure::Stale("the table is being written to: stop its writers first".into())),
        });
        Ok(committed.await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_people_name_them() {
        let cases = [
            ("123", At::Snapshot(123)),
            ("1970-01-01T00:01:00Z", At::Time(60_000_000)),
            ("1970-01-02", At::Time(86_400_000_000)),
            ("before-the-move", At::Tag("before-the-move".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(At::parse(text), expected);
        }
    }
}
