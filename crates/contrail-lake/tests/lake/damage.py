"""Damages a table in one way after another, and says which of them the checks see.

    damage.py CATALOG TABLE

CATALOG is the SQLite file of an embedded catalog, TABLE `namespace.name`: sound, with an hour partition, sorted, with
two snapshots or more, the last of which added files. Each damage is undone before the next. Prints a JSON object: for
each damage the rule that must see it, and the rules that were broken. Exit code: 0 all were seen, 1 one was not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.avro.file import AvroOutputFile
from pyiceberg.conversions import to_bytes
from pyiceberg.manifest import (
    MANIFEST_LIST_FILE_SCHEMAS,
    DataFile,
    FileFormat,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
    read_manifest_list,
)
from pyiceberg.types import IntegerType

from check import check_table, open_catalog
from checks import manifests as reading
from checks.report import Report, plain

Json = dict[str, Any]


class Victim:
    """The table, and what its files held before."""

    def __init__(self, catalog: str, name: str) -> None:
        self.catalog, self.name = open_catalog(catalog, {}), name
        self.before: dict[Path, bytes | None] = {}
        self.queued: set[str] = set()
        self.table = self.catalog.load_table(name)
        self.snapshot = self.table.current_snapshot()
        self.manifests = list(read_manifest_list(self.table.io.new_input(self.snapshot.manifest_list)))
        # The newest, with the files that the last snapshot added.
        self.manifest = next(one for one in self.manifests if one.added_snapshot_id == self.snapshot.snapshot_id)
        self.file = plain(self.raw_entries()[0].data_file.file_path)

    def write(self, path: str, data: bytes | None) -> None:
        file = Path(plain(path))
        self.before.setdefault(file, file.read_bytes() if file.exists() else None)
        file.unlink(missing_ok=True)
        if data is not None:
            file.write_bytes(data)

    def restore(self) -> None:
        for file, data in self.before.items():
            file.unlink(missing_ok=True)
            if data is not None:
                file.write_bytes(data)
        self.before.clear()
        self.queued.clear()

    def rules(self) -> set[str]:
        """Those that the table breaks as it is."""
        report = Report()
        options = type("Options", (), {"ours": True, "quick": True, "catalog": ""})
        with report.reading(self.name):
            check_table(self.catalog.load_table(self.name), self.queued, options, report)
        return {violation["rule"] for violation in report.violations}

    def raw_entries(self, manifest: ManifestFile | None = None) -> list[ManifestEntry]:
        """As they are written; of the newest manifest, if of no other."""
        entries: list[ManifestEntry] = []
        keep, reading.inherited = reading.inherited, lambda entry, _: entries.append(entry)
        try:
            reading.read_entries(self.table, manifest or self.manifest)
        finally:
            reading.inherited = keep
        return entries

    def metadata(self, change: Callable[[Json], None]) -> None:
        location = self.table.metadata_location
        metadata = json.loads(Path(plain(location)).read_text())
        change(metadata)
        self.write(location, json.dumps(metadata).encode())

    def manifest_list(self, change: Callable[[list[ManifestFile]], list[ManifestFile]]) -> None:
        path = self.snapshot.manifest_list
        listed = change(list(read_manifest_list(self.table.io.new_input(path))))
        self.write(path, None)
        with AvroOutputFile[ManifestFile](
            self.table.io.new_output(path), MANIFEST_LIST_FILE_SCHEMAS[2], "manifest_file",
            record_schema=MANIFEST_LIST_FILE_SCHEMAS[2], metadata={"format-version": "2"},
        ) as writer:
            writer.write_block(listed)

    def listed(self, field: str, value: Callable[[Any], Any], older: bool = False) -> None:
        """Changes a field of the newest manifest, or of those before it, in the newest list."""

        def change(listed: list[ManifestFile]) -> list[ManifestFile]:
            at = [field.name for field in MANIFEST_LIST_FILE_SCHEMAS[2].fields].index(field)
            for manifest in listed:
                if (manifest.manifest_path == self.manifest.manifest_path) != older:
                    manifest[at] = value(manifest[at])
            return listed

        self.manifest_list(change)

    def entries(self, change: Callable[[list[ManifestEntry]], object]) -> None:
        """Writes the newest manifest anew, with changed entries."""
        entries = self.raw_entries()
        change(entries)
        path = self.manifest.manifest_path
        self.write(path, None)
        output = self.table.io.new_output(path)
        spec = self.table.specs()[self.manifest.partition_spec_id]
        shape = ManifestWriterV2(spec, self.table.schema(), output, self.snapshot.snapshot_id, "null")
        with AvroOutputFile[ManifestEntry](
            output, shape._with_partition(2), "manifest_entry", record_schema=shape._with_partition(2),
            metadata=shape._meta,
        ) as writer:
            writer.write_block(entries)

    def rows(self, change: Callable[[pa.Table], pa.Table], store_schema: bool = False) -> None:
        """Writes a data file anew, with changed rows."""
        path = Path(self.file)
        rows = change(pq.ParquetFile(path).read())
        self.write(self.file, None)
        pq.write_table(rows, path, store_schema=store_schema)


def field_of(file: DataFile, name: str, value: Any) -> None:
    places = {"format": 2, "record_count": 4, "nulls": 8, "lower": 10, "upper": 11, "split_offsets": 13, "sort_order": 15}
    file[places[name]] = value


def narrower(victim: Victim, entries: list[ManifestEntry]) -> None:
    file = entries[0].data_file
    number = victim.table.schema().find_field("row_id").field_id
    field_of(file, "upper", {**file.upper_bounds, number: (0).to_bytes(8, "little", signed=True)})
    field_of(file, "lower", {**file.lower_bounds, number: (0).to_bytes(8, "little", signed=True)})


def carried(victim: Victim, entries: list[ManifestEntry]) -> None:
    """A file of an older manifest once more, with other numbers."""
    older = next(one for one in victim.manifests if one.manifest_path != victim.manifest.manifest_path)
    entry = victim.raw_entries(older)[0]
    entry.status, entry.snapshot_id = ManifestEntryStatus.EXISTING, older.added_snapshot_id
    entry.sequence_number = entry.file_sequence_number = older.sequence_number + 1
    entries.append(entry)


def with_value(name: str, value: Any) -> Callable[[list[ManifestEntry]], None]:
    return lambda entries: field_of(entries[0].data_file, name, value)


def other_hour(entries: list[ManifestEntry]) -> None:
    entries[0].data_file.partition[0] += 1


def one_less(entries: list[ManifestEntry]) -> None:
    field_of(entries[0].data_file, "record_count", entries[0].data_file.record_count - 1)


def one_null_more(entries: list[ManifestEntry]) -> None:
    file = entries[0].data_file
    field_of(file, "nulls", {number: count + 1 for number, count in file.null_value_counts.items()})


def existing(entries: list[ManifestEntry]) -> None:
    entries[0].status = ManifestEntryStatus.EXISTING


def from_the_future(entries: list[ManifestEntry]) -> None:
    entries[0].sequence_number = 1_000_000


def by_somebody_else(entries: list[ManifestEntry]) -> None:
    entries[0].snapshot_id = 4711


def renumbered(rows: pa.Table) -> pa.Table:
    """The ids of two columns of one type exchanged."""
    fields = {field.name: field for field in rows.schema}
    ids = {name: field.metadata[b"PARQUET:field_id"] for name, field in fields.items()}
    ids["altitude"] = b"4000"
    changed = [field.with_metadata({b"PARQUET:field_id": ids[field.name]}) for field in rows.schema]
    return rows.cast(pa.schema(changed))


def at_odds(rows: pa.Table) -> pa.Table:
    """One row an hour late."""
    at = rows.schema.get_field_index("last_contact")
    late = pc.add(rows["last_contact"].cast(pa.int64()), pa.array([3_600_000_000] + [0] * (rows.num_rows - 1)))
    return rows.set_column(at, rows.schema.field(at), late.cast(rows.schema.field(at).type))


def older(metadata: Json) -> None:
    metadata["snapshots"][-1]["sequence-number"] = metadata["snapshots"][0]["sequence-number"]


def damages(victim: Victim) -> dict[str, tuple[str, Callable[[], object]]]:
    """What is done, by name, with the rule that must see it."""
    summary = "total-records"
    hour = to_bytes(IntegerType(), 1)

    def bounds(summaries: list[Any]) -> list[Any]:
        summaries[0][2], summaries[0][3] = hour, hour
        return summaries

    return {
        "summary": ("summary", lambda: victim.metadata(
            lambda m: m["snapshots"][-1]["summary"].update({summary: "1"}))),
        "delta in the summary": ("summary", lambda: victim.metadata(
            lambda m: m["snapshots"][-1]["summary"].update({"added-records": "1"}))),
        "snapshots of one number": ("snapshot", lambda: victim.metadata(older)),
        "a tag of nothing": ("refs", lambda: victim.metadata(
            lambda m: m["refs"].update(gone={"snapshot-id": 4711, "type": "tag"}))),
        "snapshot log cut": ("snapshot-log", lambda: victim.metadata(lambda m: m["snapshot-log"].pop())),
        "snapshot log out of order": ("snapshot-log", lambda: victim.metadata(
            lambda m: m["snapshot-log"][0].update({"timestamp-ms": m["last-updated-ms"] + 86_400_000}))),
        "metadata log changed": ("metadata-log", lambda: victim.metadata(
            lambda m: m["metadata-log"][-1].update({"timestamp-ms": 1}))),
        "last column id": ("ids", lambda: victim.metadata(lambda m: m.update({"last-column-id": 1}))),
        "comment": ("comment", lambda: victim.metadata(
            lambda m: [field.pop("doc") for schema in m["schemas"] for field in schema["fields"]])),
        "manifest left out": ("lineage", lambda: victim.manifest_list(lambda all_of_them: all_of_them[:-1])),
        "manifest named twice": ("manifest-list", lambda: victim.manifest_list(lambda listed: [*listed, listed[0]])),
        "rows of a manifest": ("counts", lambda: victim.listed("added_rows_count", lambda n: n + 1)),
        "files of a manifest": ("counts", lambda: victim.listed("added_files_count", lambda n: n + 1)),
        "smallest number": ("sequence", lambda: victim.listed("min_sequence_number", lambda n: n - 1)),
        "length of a manifest": ("manifest-list", lambda: victim.listed("manifest_length", lambda n: n + 1)),
        "two lists at odds": ("manifest-list", lambda: victim.listed("added_rows_count", lambda n: n + 1, older=True)),
        "bounds of partitions": ("partitions", lambda: victim.listed("partitions", bounds)),
        "entry twice": ("duplicate", lambda: victim.entries(lambda entries: entries.append(entries[0]))),
        "entry left out": ("counts", lambda: victim.entries(lambda entries: entries.pop())),
        "entry without its numbers": ("entry", lambda: victim.entries(existing)),
        "entry from the future": ("sequence", lambda: victim.entries(from_the_future)),
        "entry of another snapshot": ("entry", lambda: victim.entries(by_somebody_else)),
        "partition of a file": ("partition", lambda: victim.entries(other_hour)),
        "rows of a file": ("rows", lambda: victim.entries(one_less)),
        "nulls of a file": ("metrics", lambda: victim.entries(one_null_more)),
        "bounds of a file": ("metrics", lambda: victim.entries(lambda entries: narrower(victim, entries))),
        "file of another format": ("format", lambda: victim.entries(with_value("format", FileFormat.ORC))),
        "offsets of row groups": ("split-offsets", lambda: victim.entries(with_value("split_offsets", [1]))),
        "order that there is not": ("sort-order", lambda: victim.entries(with_value("sort_order", 7))),
        "file that changed": ("carried", lambda: victim.entries(lambda entries: carried(victim, entries))),
        "rows out of order": ("sort-order", lambda: victim.rows(
            lambda rows: rows.take(pa.array(range(rows.num_rows - 1, -1, -1))))),
        "row of another hour": ("partition", lambda: victim.rows(at_odds)),
        "field ids": ("field-id", lambda: victim.rows(renumbered)),
        "Arrow's schema": ("arrow-schema", lambda: victim.rows(lambda rows: rows, store_schema=True)),
        "column missing": ("required", lambda: victim.rows(lambda rows: rows.drop_columns(["row_id"]))),
        "file longer": ("size", lambda: victim.write(victim.file, Path(victim.file).read_bytes() + b"\0")),
        "file cut": ("unreadable", lambda: victim.write(victim.file, Path(victim.file).read_bytes()[:100])),
        "file gone": ("missing", lambda: victim.write(victim.file, None)),
        "manifest gone": ("missing", lambda: victim.write(victim.manifest.manifest_path, None)),
        "older metadata gone": ("missing", lambda: victim.write(
            victim.table.metadata.metadata_log[0].metadata_file, None)),
        "stray file": ("orphan", lambda: victim.write(victim.file + ".old", b"x")),
        "needed file in the queue": ("queued", lambda: victim.queued.add(victim.file)),
    }


def main() -> int:
    victim = Victim(sys.argv[1], sys.argv[2])
    found, unseen = {"": sorted(victim.rules())}, 0
    for name, (rule, damage) in damages(victim).items():
        damage()
        rules = victim.rules()
        victim.restore()
        unseen += rule not in rules
        found[name] = [rule, *sorted(rules - {rule})] if rule in rules else [f"NOT {rule}", *sorted(rules)]
    found["restored"] = sorted(victim.rules())
    print(json.dumps(found, indent=2))
    return int(bool(unseen or found[""] or found["restored"]))


if __name__ == "__main__":
    sys.exit(main())
