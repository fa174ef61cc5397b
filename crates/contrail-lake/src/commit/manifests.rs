//! Writing manifests, and their decoded form for the cache in the same breath.

use std::collections::BTreeSet;
use std::sync::Arc;

use iceberg::spec::{ManifestFile, ManifestWriter, ManifestWriterBuilder, PartitionSpec, UNASSIGNED_SEQUENCE_NUMBER};

use super::CommitFailed;
use super::stage::Attempt;
use crate::error::{Doing, LakeError};
use crate::version::{LiveFile, Manifest};

/// Encoding an entry takes some 40 µs; more than this is done off the async threads.
const INLINE: usize = 64;

/// The manifest of the files that the attempt adds under one partition spec.
pub(super) async fn added(
    attempt: &mut Attempt<'_>,
    spec_id: i32,
    numbers: &[Option<i64>],
    sequence_number: i64,
) -> Result<Arc<Manifest>, CommitFailed> {
    let table = attempt.table.0.clone();
    let (mut writer, path) = writer(attempt, "added", spec_id)?;
    let doing = || format!("write manifest {path}");
    let columns = table.shape().columns.clone();
    let mut live = Vec::with_capacity(attempt.add.len());
    for (file, number) in attempt.add.iter().zip(numbers).filter(|(file, _)| file.spec_id == spec_id) {
        let assigned = number.unwrap_or(UNASSIGNED_SEQUENCE_NUMBER);
        writer.add_file(file.data.clone(), assigned).doing(doing)?;
        live.push(Arc::new(LiveFile {
            path: file.path.clone(),
            partition: file.partition,
            units: file.partition.map(|unit| (unit, unit)),
            spec_id,
            data_sequence_number: number.unwrap_or(sequence_number),
            records: file.records,
            bytes: file.bytes,
            file_sequence_number: Some(sequence_number),
            snapshot_id: attempt.snapshot_id,
            data: file.data.clone(),
            columns: columns.clone(),
        }));
    }
    finish(attempt, writer, path, live, sequence_number).await
}

/// `manifest` again, with some of its files marked as deleted by this snapshot.
pub(super) async fn without(
    attempt: &mut Attempt<'_>,
    manifest: &Manifest,
    gone: &BTreeSet<String>,
    sequence_number: i64,
) -> Result<Arc<Manifest>, CommitFailed> {
    let (mut writer, path) = writer(attempt, "rewritten", manifest.file.partition_spec_id)?;
    let doing = || format!("write manifest {path}");
    let mut live = Vec::with_capacity(manifest.live.len());
    for file in &manifest.live {
        if gone.contains(&file.path) {
            let (data, number) = (file.data.clone(), file.data_sequence_number);
            writer.add_delete_file(data, number, file.file_sequence_number).doing(doing)?;
        } else {
            keep(&mut writer, file).doing(doing)?;
            live.push(file.clone());
        }
    }
    finish(attempt, writer, path, live, sequence_number).await
}

/// One manifest of the live files of several, by partition.
pub(super) async fn merged(
    attempt: &mut Attempt<'_>,
    spec_id: i32,
    mut live: Vec<Arc<LiveFile>>,
    sequence_number: i64,
) -> Result<Arc<Manifest>, CommitFailed> {
    let (mut writer, path) = writer(attempt, "merged", spec_id)?;
    live.sort_by_key(|file| (file.partition, file.data_sequence_number));
    for file in &live {
        keep(&mut writer, file).doing(|| format!("write manifest {path}"))?;
    }
    finish(attempt, writer, path, live, sequence_number).await
}

fn keep(writer: &mut ManifestWriter, file: &LiveFile) -> iceberg::Result<()> {
    let number = file.data_sequence_number;
    writer.add_existing_file(file.data.clone(), file.snapshot_id, number, file.file_sequence_number)
}

fn writer(attempt: &mut Attempt<'_>, kind: &str, spec_id: i32) -> Result<(ManifestWriter, String), LakeError> {
    let written = attempt.written.len();
    let name = format!("{kind}-{}-m{written}-{}.avro", attempt.number, attempt.id);
    let path = attempt.path(&name);
    let metadata = attempt.base.metadata();
    let spec: PartitionSpec = match metadata.partition_spec_by_id(spec_id) {
        Some(spec) => spec.as_ref().clone(),
        None => metadata.default_partition_spec().as_ref().clone(),
    };
    let files = attempt.table.0.store.files();
    let output = files.new_output(&path).doing(|| format!("write manifest {path}"))?;
    let schema = metadata.current_schema().clone();
    Ok((ManifestWriterBuilder::new(output, Some(attempt.snapshot_id), schema, spec).build_v2_data(), path))
}

async fn finish(
    attempt: &Attempt<'_>,
    writer: ManifestWriter,
    path: String,
    live: Vec<Arc<LiveFile>>,
    sequence_number: i64,
) -> Result<Arc<Manifest>, CommitFailed> {
    let written = if live.len() > INLINE {
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(writer.write_manifest_file()))
            .await
            .unwrap_or_else(|panic| Err(iceberg::Error::new(iceberg::ErrorKind::Unexpected, panic.to_string())))
    } else {
        writer.write_manifest_file().await
    };
    let file = written.doing(|| format!("write manifest {path}"))?;
    let manifest = Manifest { file: numbered(file, &live, sequence_number), live };
    let manifest = Arc::new(manifest);
    attempt.table.0.entries.put(manifest.clone());
    Ok(manifest)
}

/// The list's writer numbers its own copies only; the one in the cache is numbered here.
fn numbered(mut file: ManifestFile, live: &[Arc<LiveFile>], sequence_number: i64) -> ManifestFile {
    file.sequence_number = sequence_number;
    let least = live.iter().map(|file| file.data_sequence_number).min();
    file.min_sequence_number = least.unwrap_or(sequence_number).min(sequence_number);
    file
}
