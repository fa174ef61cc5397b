"""Checks every table of a catalog with PyIceberg, against its data files and its folder.

usage: check.py CATALOG QUEUED.json [--write] [--namespace NAME]

CATALOG is the file of an embedded catalog, or the address of a REST catalog over the store that S3_ENDPOINT, S3_REGION,
S3_ACCESS_KEY and S3_SECRET_KEY name.
"""

import datetime as dt
import json
import os
import sys

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import ManifestEntryStatus

UTC = dt.timezone.utc
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)


def micros(value):
    return (value - EPOCH) // dt.timedelta(microseconds=1)


def comparable(value):
    return micros(value) if isinstance(value, dt.datetime) else value


def check_file(table, entry):
    """One live data file against its entry."""
    file = entry.data_file
    schema, spec = table.schema(), table.spec()
    stored = table.io.new_input(file.file_path)
    assert len(stored) == file.file_size_in_bytes, file.file_path
    rows = pq.ParquetFile(stored.open()).read()
    assert rows.num_rows == file.record_count, file.file_path
    assert b"ARROW:schema" not in (pq.read_schema(stored.open()).metadata or {}), "Arrow's schema is in the file"
    for field, arrow in zip(schema.fields, rows.schema):
        assert arrow.metadata[b"PARQUET:field_id"] == str(field.field_id).encode(), field.name

    for field in spec.fields:
        source = schema.find_field(field.source_id).name
        width = {"hour": 3_600_000_000, "day": 86_400_000_000}[str(field.transform)]
        for value in rows[source].cast(pa.int64()).to_pylist():
            assert value // width == file.partition[0], f"{file.file_path}: {value} not in {file.partition}"

    for column in schema.fields:
        number = column.field_id
        if column.name not in rows.column_names:
            assert not column.required and number not in file.value_counts, column.name
            continue
        values = rows[column.name]
        if number in file.value_counts:
            assert file.value_counts[number] == rows.num_rows, column.name
            assert file.null_value_counts[number] == values.null_count, column.name
            nans = sum(v is not None and v != v for v in values.to_pylist())
            assert file.nan_value_counts.get(number, 0) == nans, column.name
        if number in file.lower_bounds and rows.num_rows:
            low = from_bytes(column.field_type, file.lower_bounds[number])
            high = from_bytes(column.field_type, file.upper_bounds[number])
            known = [comparable(v) for v in values.to_pylist() if v is not None and v == v]
            assert low <= min(known) and max(known) <= high, f"{column.name}: {low}..{high}"

    if file.sort_order_id:
        assert file.sort_order_id == table.sort_order().order_id
        keys = [schema.find_field(f.source_id).name for f in table.sort_order().fields]
        columns = [[(v is not None, comparable(v)) for v in rows[key].to_pylist()] for key in keys]
        order = list(zip(*columns))
        assert order == sorted(order), f"{file.file_path} is not sorted by {keys}"
    filled = {name: rows.num_rows - rows[name].null_count for name in rows.column_names}
    return file.record_count, file.file_size_in_bytes, filled


def check_table(table, queued):
    snapshot = table.current_snapshot()
    assert all(field.doc for field in table.schema().fields), "a column says nothing of itself"
    if snapshot is None:
        assert table.scan().to_arrow().num_rows == 0
        return 0
    entries = [
        entry
        for manifest in snapshot.manifests(table.io)
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
    ]
    for entry in entries:
        assert entry.status != ManifestEntryStatus.DELETED
        assert 0 < entry.sequence_number <= entry.file_sequence_number <= table.metadata.last_sequence_number
    sizes = [check_file(table, entry) for entry in entries]
    rows = table.scan().to_arrow()
    summary = snapshot.summary.additional_properties
    totals = [int(summary[key]) for key in ("total-data-files", "total-records", "total-files-size")]
    assert totals == [len(entries), sum(size[0] for size in sizes), sum(size[1] for size in sizes)], totals
    assert rows.num_rows == totals[1]
    # A column that a file lacks is null in its rows.
    for name in rows.column_names:
        filled = sum(size[2].get(name, 0) for size in sizes)
        assert rows.num_rows - rows[name].null_count == filled, f"{name}: {filled}"

    # Every kept snapshot can be read, and its totals are right.
    for other in table.snapshots():
        count = table.scan(snapshot_id=other.snapshot_id).count()
        assert count == int(other.summary.additional_properties["total-records"]), other

    check_pruning(table, rows)
    check_duckdb(entries, rows)
    check_folder(table, queued)
    return rows.num_rows


def check_pruning(table, rows):
    for column in ("row_id", "icao24", "altitude", "longitude", "log_offset"):
        if column not in rows.column_names:
            continue
        values = sorted(v for v in rows[column].to_pylist() if v is not None and v == v)
        if not values:
            continue
        middle = values[len(values) // 2]
        literal = f"'{middle}'" if isinstance(middle, str) else middle
        found = table.scan(row_filter=f"{column} >= {literal}").to_arrow().num_rows
        assert found == sum(v >= middle for v in values), f"{column} >= {literal}"
        one = table.scan(row_filter=f"{column} == {literal}").to_arrow().num_rows
        assert one == sum(v == middle for v in values), f"{column} == {literal}"


def check_duckdb(entries, rows):
    try:
        import duckdb
    except ImportError:
        return
    paths = [entry.data_file.file_path for entry in entries]
    if paths and not paths[0].startswith("s3://"):
        count = duckdb.execute("SELECT count(*) FROM read_parquet(?, union_by_name = true)", [paths]).fetchone()[0]
        assert count == rows.num_rows


def check_folder(table, queued):
    """Every file under the table is named by its metadata, or waits to be deleted; and every named file is there."""
    named = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    for snapshot in table.snapshots():
        named.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            named.add(manifest.manifest_path)
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                named.add(entry.data_file.file_path)
    found = listed(table.location())
    if "://" in table.location():
        # A server's own metadata files are its business, those of commits that failed too.
        found = {path for path in found if path in named or not path.endswith(".metadata.json")}
    assert found - named - queued == set(), f"orphans: {sorted(found - named - queued)}"
    assert named - found == set(), f"missing: {sorted(named - found)}"


def listed(location):
    if not location.startswith("s3://"):
        return {os.path.join(folder, name) for folder, _, names in os.walk(location) for name in names}
    scheme, endpoint = os.environ["S3_ENDPOINT"].split("://")
    store = pyarrow.fs.S3FileSystem(
        access_key=os.environ["S3_ACCESS_KEY"],
        secret_key=os.environ["S3_SECRET_KEY"],
        region=os.environ["S3_REGION"],
        scheme=scheme,
        endpoint_override=endpoint,
    )
    below = pyarrow.fs.FileSelector(location.removeprefix("s3://"), recursive=True, allow_not_found=True)
    files = store.get_file_info(below)
    return {f"s3://{file.path}" for file in files if file.type == pyarrow.fs.FileType.File}


def opened(catalog):
    if not catalog.startswith("http"):
        return SqlCatalog("contrail", uri=f"sqlite:///{catalog}")
    store = {
        "s3.endpoint": os.environ["S3_ENDPOINT"],
        "s3.region": os.environ["S3_REGION"],
        "s3.access-key-id": os.environ["S3_ACCESS_KEY"],
        "s3.secret-access-key": os.environ["S3_SECRET_KEY"],
    }
    return load_catalog("contrail", type="rest", uri=catalog, **store)


def write(table):
    """What another engine would do to the table: append, and delete a row by rewriting its file."""
    hour = dt.datetime(2025, 11, 22, 16, tzinfo=UTC)
    rows = pa.table(
        {
            "icao24": [f"{n:06x}" for n in range(777)],
            "last_contact": [hour + dt.timedelta(seconds=n) for n in range(777)],
            "altitude": [float(n) if n % 3 else None for n in range(777)],
            "sensors": [[n] for n in range(777)],
            "row_id": range(700_000, 700_777),
        },
        schema=table.schema().as_arrow(),
    )
    table.append(rows)
    table.delete("row_id == 20000")


def main():
    path, queued = sys.argv[1], set(json.load(open(sys.argv[2])))
    catalog = opened(path)
    namespace = sys.argv[sys.argv.index("--namespace") + 1] if "--namespace" in sys.argv else "aviation"
    for identifier in catalog.list_tables(namespace):
        table = catalog.load_table(identifier)
        if "--write" in sys.argv and identifier[-1] == "observations":
            write(table)
        else:
            print(identifier[-1], check_table(table, queued))


main()
