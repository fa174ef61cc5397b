"""Manifest lists, manifests and summaries: counts, bounds, statuses and sequence numbers, snapshot by snapshot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pyiceberg.avro.file import AvroFile
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import (
    MANIFEST_ENTRY_SCHEMAS,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    read_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from .report import Report

ADDED, EXISTING, DELETED = ManifestEntryStatus.ADDED, ManifestEntryStatus.EXISTING, ManifestEntryStatus.DELETED


@dataclass
class Entry:
    """An entry with what it inherits from its manifest."""

    status: ManifestEntryStatus
    snapshot_id: int | None
    number: int | None
    """Data sequence number."""
    file_number: int | None
    file: DataFile
    manifest: ManifestFile
    inherits: tuple[bool, bool, bool]
    """Whether snapshot id, data and file sequence number are left to the manifest."""

    @property
    def path(self) -> str:
        return str(self.file.file_path)

    @property
    def live(self) -> bool:
        return self.status != DELETED


class Manifests:
    """What the snapshots' manifests hold. PyIceberg's own way in remembers a manifest from the first list that names
    it, so that a later list could say anything; this one reads each list, and each manifest once."""

    def __init__(self, table: Table, report: Report) -> None:
        self.table = table
        self.report = report
        self.snapshots = {snapshot.snapshot_id: snapshot for snapshot in table.metadata.snapshots}
        self.lists: dict[int, list[ManifestFile]] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._first: dict[str, ManifestFile] = {}
        self._read: list[ManifestFile] = []
        for snapshot in table.metadata.snapshots:
            self.lists[snapshot.snapshot_id] = []
            with report.reading(snapshot.manifest_list):
                listed = read_manifest_list(table.io.new_input(snapshot.manifest_list))
                self.lists[snapshot.snapshot_id] = list(listed)

    def entries(self, snapshot_id: int) -> list[Entry]:
        return [entry for manifest in self.lists[snapshot_id] for entry in self.of(manifest)]

    def live(self, snapshot_id: int) -> dict[str, Entry]:
        return {entry.path: entry for entry in self.entries(snapshot_id) if entry.live}

    def of(self, manifest: ManifestFile) -> list[Entry]:
        path = manifest.manifest_path
        if path not in self._entries:
            self._first[path], self._entries[path] = manifest, []
            with self.report.reading(path):
                self._entries[path] = read_entries(self.table, manifest)
                self._read.append(manifest)
        return self._entries[path]

    def check(self) -> None:
        for snapshot in self.table.metadata.snapshots:
            self.check_list(snapshot)
            self.check_summary(snapshot)
            self.check_lineage(snapshot)
        for manifest in self._read:
            self.check_manifest(manifest)
        self.check_same_files()

    def check_list(self, snapshot: Snapshot) -> None:
        place, report = f"snapshot {snapshot.snapshot_id}", self.report
        paths = Counter(manifest.manifest_path for manifest in self.lists[snapshot.snapshot_id])
        for path, count in paths.items():
            report.same(count, 1, "manifest-list", place, f"times {path}")
        for manifest in self.lists[snapshot.snapshot_id]:
            self.of(manifest)
            path, number = manifest.manifest_path, manifest.sequence_number
            as_before = whole(manifest) == whole(self._first[path])
            report.expect(as_before, "manifest-list", place, f"says something else of {path}")
            report.expect(number <= snapshot.sequence_number, "sequence", place, f"{path} is of the later {number}")
            if adder := self.snapshots.get(manifest.added_snapshot_id):
                report.same(number, adder.sequence_number, "sequence", path, "sequence number")
        live = Counter(entry.path for entry in self.entries(snapshot.snapshot_id) if entry.live)
        for path, count in live.items():
            report.same(count, 1, "duplicate", place, f"live entries of {path}")

    def check_summary(self, snapshot: Snapshot) -> None:
        entries, place = self.entries(snapshot.snapshot_id), f"snapshot {snapshot.snapshot_id}"
        summary = snapshot.summary.additional_properties if snapshot.summary else {}
        totals = measures([entry.file for entry in entries if entry.live])
        for key in ("total-records", "total-data-files", "total-files-size"):
            self.report.expect(key in summary, "summary", place, f"no {key}")
        own = [entry for entry in entries if entry.snapshot_id == snapshot.snapshot_id]
        added = measures([entry.file for entry in own if entry.status == ADDED])
        gone = measures([entry.file for entry in own if entry.status == DELETED])
        wanted = {f"total-{key}": value for key, value in totals.items()}
        wanted |= {f"added-{key}": value for key, value in added.items()}
        wanted |= {f"deleted-{key}": gone[key] for key in ("data-files", "records")}
        wanted |= {"removed-files-size": gone["files-size"], "removed-delete-files": gone["delete-files"]}
        for key, value in wanted.items():
            if key in summary:
                self.report.same(summary[key], str(value), "summary", place, key)

    def check_lineage(self, snapshot: Snapshot) -> None:
        """What a snapshot has more and less than its parent is what its own entries say."""
        if snapshot.parent_snapshot_id not in self.snapshots:
            return
        place = f"snapshot {snapshot.snapshot_id}"
        before, now = self.live(snapshot.parent_snapshot_id), self.live(snapshot.snapshot_id)
        own = [entry for entry in self.entries(snapshot.snapshot_id) if entry.snapshot_id == snapshot.snapshot_id]
        added = {entry.path for entry in own if entry.status == ADDED}
        deleted = {entry.path for entry in own if entry.status == DELETED}
        self.report.same(now.keys() - before.keys(), added, "lineage", place, "files that are new")
        self.report.same(before.keys() - now.keys(), deleted, "lineage", place, "files that are gone")

    def check_manifest(self, manifest: ManifestFile) -> None:
        path, entries, report = manifest.manifest_path, self.of(manifest), self.report
        size = len(self.table.io.new_input(path))
        report.same(manifest.manifest_length, size, "manifest-list", path, "length")
        for status, files, rows in (
            (ADDED, manifest.added_files_count, manifest.added_rows_count),
            (EXISTING, manifest.existing_files_count, manifest.existing_rows_count),
            (DELETED, manifest.deleted_files_count, manifest.deleted_rows_count),
        ):
            of_it = [entry.file.record_count for entry in entries if entry.status == status]
            report.same((files, rows), (len(of_it), sum(of_it)), "counts", path, f"{status.name} files and rows")
        live = [entry.number for entry in entries if entry.live and entry.number is not None]
        if live:
            report.same(manifest.min_sequence_number, min(live), "sequence", path, "smallest sequence number")
        for entry in entries:
            self.check_entry(entry)
        self.check_partitions(manifest, entries)

    def check_entry(self, entry: Entry) -> None:
        place, manifest, report = f"{entry.status.name} {entry.path}", entry.manifest, self.report
        content = ManifestContent.DATA if entry.file.content == DataFileContent.DATA else ManifestContent.DELETES
        report.same(content, manifest.content, "entry", place, "kind")
        if entry.number is None or entry.file_number is None or entry.snapshot_id is None:
            report.expect(False, "entry", place, "only an added file may leave its numbers to the manifest")
            return
        report.expect(0 <= entry.number <= entry.file_number, "sequence", place,
                      f"of data {entry.number}, of the file {entry.file_number}")
        if entry.status == EXISTING:
            report.expect(not any(entry.inherits), "entry", place, "an existing file must carry its numbers")
            report.expect(entry.file_number < manifest.sequence_number, "sequence", place,
                          f"{entry.file_number} in a manifest of {manifest.sequence_number}")
        else:
            # Added, or deleted, by the snapshot that wrote the manifest.
            report.same(entry.snapshot_id, manifest.added_snapshot_id, "entry", place, "snapshot")
        if entry.status == ADDED:
            report.same(entry.file_number, manifest.sequence_number, "sequence", place, "of the file")
        if entry.status == EXISTING and (adder := self.snapshots.get(entry.snapshot_id)):
            report.same(entry.file_number, adder.sequence_number, "sequence", place, "of the file")

    def check_partitions(self, manifest: ManifestFile, entries: list[Entry]) -> None:
        path, report = manifest.manifest_path, self.report
        spec = self.table.specs().get(manifest.partition_spec_id)
        if spec is None:
            report.expect(False, "partitions", path, f"no partition spec {manifest.partition_spec_id}")
            return
        if manifest.partitions is None:
            return
        fields = spec.partition_type(self.table.schema()).fields
        report.same(len(manifest.partitions), len(fields), "partitions", path, "summaries")
        for at, (field, summary) in enumerate(zip(fields, manifest.partitions)):
            values = [entry.file.partition[at] for entry in entries]
            nulls = any(value is None for value in values)
            report.expect(summary.contains_null or not nulls, "partitions", path, f"{field.name} has null")
            known = [value for value in values if value is not None and value == value]
            if not known:
                continue
            if summary.lower_bound is None or summary.upper_bound is None:
                report.expect(False, "partitions", path, f"{field.name} has no bounds")
                continue
            low, high = (from_bytes(field.field_type, bound) for bound in (summary.lower_bound, summary.upper_bound))
            report.expect(low <= min(known) and max(known) <= high, "partitions", path,
                          f"{field.name}: {low} to {high} for {min(known)} to {max(known)}")

    def check_same_files(self) -> None:
        """A file is the same in whatever manifest it is listed, and its numbers are carried along."""
        first: dict[str, tuple[object, ...]] = {}
        for path in self._entries:
            for entry in self._entries[path]:
                file = entry.file
                seen = (file.record_count, file.file_size_in_bytes, tuple(file.partition), entry.number,
                        entry.file_number, entry.manifest.partition_spec_id)
                self.report.same(seen, first.setdefault(entry.path, seen), "carried", entry.path, f"in {path}")


def read_entries(table: Table, manifest: ManifestFile) -> list[Entry]:
    """As `ManifestFile.fetch_manifest_entry` reads them, but what is inherited remains visible."""
    with AvroFile[ManifestEntry](
        table.io.new_input(manifest.manifest_path),
        MANIFEST_ENTRY_SCHEMAS[2],
        read_types={-1: ManifestEntry, 2: DataFile},
        read_enums={0: ManifestEntryStatus, 101: FileFormat, 134: DataFileContent},
    ) as reader:
        return [inherited(entry, manifest) for entry in reader]


def whole(manifest: ManifestFile) -> list[str]:
    """All that a list says of a manifest: PyIceberg takes two of one path for equal."""
    return [repr(manifest[at]) for at in range(len(manifest))]


def inherited(entry: ManifestEntry, manifest: ManifestFile) -> Entry:
    left = (entry.snapshot_id is None, entry.sequence_number is None, entry.file_sequence_number is None)
    number = manifest.sequence_number if entry.status == ADDED else None
    return Entry(
        status=entry.status,
        snapshot_id=manifest.added_snapshot_id if left[0] else entry.snapshot_id,
        number=number if left[1] else entry.sequence_number,
        file_number=number if left[2] else entry.file_sequence_number,
        file=entry.data_file,
        manifest=manifest,
        inherits=left,
    )


def measures(files: list[DataFile]) -> dict[str, int]:
    """Under the names of a summary, without what goes before them."""

    def of(content: DataFileContent) -> list[DataFile]:
        return [file for file in files if file.content == content]

    data, by_position, by_value = map(of, DataFileContent)
    return {
        "records": sum(file.record_count for file in data),
        "data-files": len(data),
        "files-size": sum(file.file_size_in_bytes for file in files),
        "delete-files": len(by_position) + len(by_value),
        "position-deletes": sum(file.record_count for file in by_position),
        "equality-deletes": sum(file.record_count for file in by_value),
    }
