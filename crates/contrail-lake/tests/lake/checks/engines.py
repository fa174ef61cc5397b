"""Whether others read what the metadata says: PyIceberg's scans of every snapshot, its pruning, and DuckDB."""

from __future__ import annotations

import pyarrow as pa
from pyiceberg.table import Table

from .columns import is_number
from .manifests import Manifests
from .report import Report


def check_engines(table: Table, manifests: Manifests, report: Report) -> int:
    """The rows of the table as it stands."""
    for snapshot in table.metadata.snapshots:
        place = f"snapshot {snapshot.snapshot_id}"
        with report.reading(place):
            entries = manifests.live(snapshot.snapshot_id).values()
            wanted = sum(entry.file.record_count for entry in entries)
            report.same(table.scan(snapshot_id=snapshot.snapshot_id).count(), wanted, "scan", place, "rows")
    rows = pa.table({})
    with report.reading(table.location()):
        rows = table.scan().to_arrow()
        check_pruning(table, rows, report)
        check_duckdb(table, manifests, rows, report)
    return int(rows.num_rows)


def check_pruning(table: Table, rows: pa.Table, report: Report) -> None:
    for field in table.schema().fields:
        if str(field.field_type) not in ("string", "int", "long", "double"):
            continue
        values = sorted(value for value in rows[field.name].to_pylist() if is_number(value))
        if not values:
            continue
        middle = values[len(values) // 2]
        literal = f"'{middle}'" if isinstance(middle, str) else middle
        for sign, wanted in ((">=", sum(v >= middle for v in values)), ("==", sum(v == middle for v in values))):
            if isinstance(middle, str) and "'" in middle:
                continue
            found = table.scan(row_filter=f"{field.name} {sign} {literal}").to_arrow()[field.name].to_pylist()
            # NaN is not comparable, and counts as larger in some engines.
            count = sum(is_number(value) for value in found)
            report.same(count, wanted, "pruning", table.location(), f"rows with {field.name} {sign} {literal}")


def check_duckdb(table: Table, manifests: Manifests, rows: pa.Table, report: Report) -> None:
    try:
        import duckdb
    except ImportError:
        return
    snapshot = table.current_snapshot()
    paths = sorted(manifests.live(snapshot.snapshot_id)) if snapshot else []
    if paths and all(path.startswith("/") for path in paths):
        count = duckdb.execute("SELECT count(*) FROM read_parquet(?, union_by_name = true)", [paths]).fetchone()[0]
        report.same(count, rows.num_rows, "duckdb", table.location(), "rows")
