//! The one commit of a repair: new snapshots of what is left, without the versions that cannot be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use contrail_kit::crash;
use iceberg::TableUpdate;
use iceberg::spec::{MAIN_BRANCH, SnapshotReference, SnapshotRetention, TableMetadata};

use super::metadata::edit;
use super::plan::Part;
use super::{Repair, RepairError};
use crate::catalog::{CommitError, Loaded, Proposal};
use crate::change::Change;
use crate::commit::{CommitFailed, skew};
use crate::error::{Doing, LakeError};
use crate::version::{Version, View};

/// The properties that are the program's own.
const OWN: &str = "contrail.";

impl Repair {
    /// Makes the table readable. `set` are properties to change with it; all others that are the program's stand in the
    /// new snapshot's summary as they are, for older snapshots may say something else.
    ///
    /// # Errors
    /// [`RepairError::Moved`] if the table has been changed since it was looked at.
    pub async fn carry_out(&self, set: BTreeMap<String, String>) -> Result<i64, RepairError> {
        let mut written = Vec::new();
        let outcome = self.commit(set, &mut written).await;
        let catalog = &self.table.0.lake.catalog;
        match &outcome {
            Err(RepairError::Crashed(_) | RepairError::Lake(LakeError::Crashed(_))) => {}
            Err(RepairError::Moved(_)) if catalog.is_final() => self.table.0.store.tidy(written).await,
            _ => {}
        }
        outcome
    }

    async fn commit(&self, set: BTreeMap<String, String>, written: &mut Vec<String>) -> Result<i64, RepairError> {
        let (table, plan) = (&self.table, &self.plan);
        let doing = || format!("repair {}", table.name());
        let (mut metadata, mut updates) = ((*plan.base.metadata).clone(), Vec::new());
        for (name, id, part) in &plan.tags {
            let (with, changes) = self.tag(metadata, name, *id, part, written).await?;
            metadata = with;
            updates.extend(changes);
        }
        let mut properties: BTreeMap<String, String> = plan.properties.clone().into_iter().collect();
        let stands = plan.base.metadata.properties();
        properties.retain(|key, value| key.starts_with(OWN) || stands.get(key) != Some(value));
        properties.extend(set);
        let change =
            plan.unset.iter().fold(change(&plan.main).set(properties), |change, key| change.unset(key.clone()));
        let base = self.version(metadata, &plan.main);
        let (proposal, snapshot_id) = table.stage_on(&base, &self.noted(change), written).await?;
        let Proposal { requirements, updates: main, metadata, mut dropped } = proposal;
        updates.extend(main);
        let let_go = |metadata: TableMetadata| metadata.into_builder(None).remove_snapshots(&plan.let_go).build();
        let built = skew::built(&metadata, let_go).doing(doing)?;
        updates.extend(built.changes);
        let metadata = self.with_log(&built.metadata)?;
        dropped.retain(|path| Some(path) != plan.instead.as_ref());
        crash::point("lake.repair.before_send")?;
        let proposal = Proposal { requirements, updates, metadata, dropped };
        match table.0.lake.catalog.commit(&table.0.ident, &plan.base, proposal).await {
            Ok(_) => {}
            Err(CommitError::Conflict) => return Err(RepairError::Moved(table.name().to_owned())),
            Err(CommitError::Failed(error)) => return Err(LakeError::from(error).into()),
            Err(CommitError::Unknown(reason)) => {
                let (table, reason) = (table.name().to_owned(), reason.to_string());
                return Err(CommitFailed::Unknown { table, reason }.into());
            }
        }
        crash::point("lake.repair.after_send")?;
        Ok(snapshot_id)
    }

    /// The tag's version as far as it can be read, as a snapshot of its own.
    async fn tag(
        &self,
        metadata: TableMetadata,
        name: &str,
        id: i64,
        part: &Part,
        written: &mut Vec<String>,
    ) -> Result<(TableMetadata, Vec<TableUpdate>), RepairError> {
        let doing = || format!("repair tag {name} of {}", self.table.name());
        // Staged as if the table stood there: totals and parent are that version's.
        let then = edit(self.table.name(), &metadata, |json| {
            json["current-snapshot-id"] = id.into();
            json["refs"][MAIN_BRANCH]["snapshot-id"] = id.into();
        })?;
        let change = change(part).summary("contrail.repaired", format!("tag {name}"));
        let (proposal, new) = self.table.stage_on(&self.version(then, part), &change, written).await?;
        let snapshot = proposal.metadata.snapshot_by_id(new).map(|snapshot| (**snapshot).clone());
        let snapshot = snapshot.unwrap_or_else(|| unreachable!("it was just added"));
        let reference = SnapshotReference::new(new, SnapshotRetention::Tag { max_ref_age_ms: None });
        let built = metadata
            .into_builder(None)
            .add_snapshot(snapshot)
            .and_then(|builder| builder.set_ref(name, reference))
            .and_then(|builder| builder.build())
            .doing(doing)?;
        Ok((built.metadata, built.changes))
    }

    fn version(&self, metadata: TableMetadata, part: &Part) -> Version {
        let Loaded { location, store, .. } = self.plan.base.clone();
        let loaded = Loaded { metadata: Arc::new(metadata), location, store };
        Version::new(View { loaded, manifests: part.manifests.clone(), deletes: Vec::new() })
    }

    /// The log of metadata files without those that are gone; the one that was lost is named no more, the one that stood
    /// in for it is.
    fn with_log(&self, metadata: &TableMetadata) -> Result<TableMetadata, LakeError> {
        let plan = &self.plan;
        if plan.log.is_empty() && plan.instead.is_none() {
            return Ok(metadata.clone());
        }
        edit(self.table.name(), metadata, |json| {
            for entry in json["metadata-log"].as_array_mut().into_iter().flatten() {
                if let Some(instead) = plan.instead.as_ref().filter(|_| entry["metadata-file"] == *plan.base.location) {
                    entry["metadata-file"] = instead.clone().into();
                }
            }
            if let Some(log) = json["metadata-log"].as_array_mut() {
                log.retain(|entry| !plan.log.iter().any(|gone| entry["metadata-file"] == **gone));
            }
        })
    }

    /// What the snapshot says of itself.
    fn noted(&self, change: Change) -> Change {
        let damage = &self.damage;
        let mut notes: Vec<String> = Vec::new();
        let mut note = |wanted: bool, text: String| wanted.then(|| notes.push(text));
        note(damage.metadata.is_some(), "from the metadata before".into());
        note(!damage.files.is_empty(), format!("{} files lost", damage.files.len()));
        note(damage.unknown.is_some(), "files of lost manifests not found".into());
        note(damage.found_files > 0, format!("{} files found again", damage.found_files));
        note(!damage.versions.is_empty(), format!("{} versions let go of", damage.versions.len()));
        if let Some(back) = &damage.back_to {
            notes.push(format!("back to snapshot {}", back.snapshot_id));
        }
        let rows = serde_json::to_string(&damage.rows).unwrap_or_default();
        change
            .summary("contrail.repaired", notes.join(", "))
            .summary("contrail.repaired.rows-lost", damage.rows_lost().to_string())
            .summary("contrail.repaired.rows-lost-by-partition", rows)
    }
}

/// Files that are gone left out, files that were found entered again; they are the table's own already.
fn change(part: &Part) -> Change {
    match (part.drop.is_empty(), part.add.is_empty()) {
        (true, true) => Change::properties(),
        (false, true) => Change::delete(part.drop.iter().cloned()),
        _ => Change::replace(part.drop.iter().cloned(), part.add.clone()).of_others(),
    }
}
