"""The metadata file: snapshots, references and logs agree with one another and with the files that came before."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from typing import Any

from pyiceberg.io import FileIO

from .report import Report

Json = dict[str, Any]

# Clocks of different writers may differ by so much.
TOLERANCE_MS = 60_000


def read_metadata(io: FileIO, location: str) -> Json:
    """As it is written, without what PyIceberg mends when it reads it."""
    with io.new_input(location).open() as stream:
        data = stream.read()
    return dict(json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data))


def check_history(io: FileIO, location: str, report: Report) -> None:
    with report.reading(location):
        metadata = read_metadata(io, location)
        check_snapshots(metadata, location, report)
        check_references(metadata, location, report)
        check_ids(metadata, location, report)
        check_metadata_log(io, metadata, location, report)


def in_order(times: list[int]) -> bool:
    return all(one <= next_one + TOLERANCE_MS for one, next_one in pairwise(times))


def by_id(metadata: Json) -> dict[int, Json]:
    return {snapshot["snapshot-id"]: snapshot for snapshot in metadata.get("snapshots") or []}


def check_snapshots(metadata: Json, location: str, report: Report) -> None:
    snapshots, found = metadata.get("snapshots") or [], by_id(metadata)
    report.same(len(found), len(snapshots), "snapshot", location, "different snapshot ids")
    numbers = [snapshot["sequence-number"] for snapshot in snapshots]
    report.same(len(set(numbers)), len(numbers), "snapshot", location, "different sequence numbers")
    last = metadata["last-sequence-number"]
    schemas = {schema["schema-id"] for schema in metadata["schemas"]}
    for snapshot in snapshots:
        place = f"snapshot {snapshot['snapshot-id']}"
        number, time = snapshot["sequence-number"], snapshot["timestamp-ms"]
        report.expect(0 < number <= last, "snapshot", place, f"sequence number {number} of {last}")
        updated = metadata["last-updated-ms"]
        report.expect(in_order([time, updated]), "snapshot", place, f"made at {time}, the last update was at {updated}")
        report.expect(snapshot.get("schema-id") in schemas, "snapshot", place, f"schema {snapshot.get('schema-id')}")
        if parent := found.get(snapshot.get("parent-snapshot-id")):
            before = (parent["sequence-number"], parent["timestamp-ms"])
            report.expect(before[0] < number, "snapshot", place, f"sequence number {number}, its parent's {before[0]}")
            report.expect(in_order([before[1], time]), "snapshot", place, f"made at {time}, its parent at {before[1]}")


def check_references(metadata: Json, location: str, report: Report) -> None:
    found, current = by_id(metadata), metadata.get("current-snapshot-id")
    current = None if current == -1 else current
    for name, reference in (metadata.get("refs") or {}).items():
        target = reference["snapshot-id"]
        report.expect(target in found, "refs", location, f"{name} is snapshot {target}, which is not kept")
    main = (metadata.get("refs") or {}).get("main", {}).get("snapshot-id")
    report.same(main, current, "refs", location, "main")
    log = metadata.get("snapshot-log") or []
    times = [entry["timestamp-ms"] for entry in log]
    report.expect(in_order(times), "snapshot-log", location, "not in the order of time")
    for entry in log:
        number = entry["snapshot-id"]
        report.expect(number in found, "snapshot-log", location, f"names snapshot {number}, which is not kept")
        made = found.get(number, entry)["timestamp-ms"]
        then = entry["timestamp-ms"]
        report.expect(in_order([made, then]), "snapshot-log", location, f"{number} at {then}, made at {made}")
    if current is not None:
        newest = log[-1]["snapshot-id"] if log else None
        report.same(newest, current, "snapshot-log", location, "the last one")


def check_ids(metadata: Json, location: str, report: Report) -> None:
    for schema in metadata["schemas"]:
        numbers = [number for field in schema["fields"] for number in field_ids(field)]
        report.same(len(set(numbers)), len(numbers), "ids", location, f"different ids in schema {schema['schema-id']}")
        highest, known = max(numbers, default=0), metadata["last-column-id"]
        report.expect(highest <= known, "ids", location, f"column id {highest}, the last one is {known}")
    for spec in metadata["partition-specs"]:
        highest = max((field["field-id"] for field in spec["fields"]), default=0)
        known = metadata["last-partition-id"]
        report.expect(highest <= known, "ids", location, f"partition field id {highest}, the last one is {known}")
    for current, listed, key in (
        ("current-schema-id", "schemas", "schema-id"),
        ("default-spec-id", "partition-specs", "spec-id"),
        ("default-sort-order-id", "sort-orders", "order-id"),
    ):
        there = {item[key] for item in metadata[listed]}
        report.expect(metadata[current] in there, "ids", location, f"{current} {metadata[current]} of {sorted(there)}")


def field_ids(field: Json) -> list[int]:
    """Of a field and all below it."""
    numbers = [field["id"]] if "id" in field else []
    kind = field["type"]
    if isinstance(kind, dict):
        numbers += [kind[key] for key in ("element-id", "key-id", "value-id") if key in kind]
        numbers += [number for child in kind.get("fields", []) for number in field_ids(child)]
        for key in ("element", "key", "value"):
            if key in kind:
                numbers += field_ids({"type": kind[key]})
    return numbers


def check_metadata_log(io: FileIO, metadata: Json, location: str, report: Report) -> None:
    log = metadata.get("metadata-log") or []
    times = [*(entry["timestamp-ms"] for entry in log), metadata["last-updated-ms"]]
    report.expect(in_order(times), "metadata-log", location, "not in the order of time")
    files = [*(entry["metadata-file"] for entry in log), location]
    report.same(len(set(files)), len(files), "metadata-log", location, "different files")
    kept, numbers = by_id(metadata), []
    for entry in log:
        place = entry["metadata-file"]
        with report.reading(place):
            earlier = read_metadata(io, place)
            numbers.append(earlier["last-sequence-number"])
            report.same(earlier["table-uuid"], metadata["table-uuid"], "metadata-log", place, "table")
            report.same(earlier["last-updated-ms"], entry["timestamp-ms"], "metadata-log", place, "time")
            for number, snapshot in by_id(earlier).items():
                report.expect(kept.get(number, snapshot) == snapshot, "metadata-log", place,
                              f"snapshot {number} has changed since")
    numbers.append(metadata["last-sequence-number"])
    report.expect(numbers == sorted(numbers), "metadata-log", location, f"sequence numbers {numbers}")
