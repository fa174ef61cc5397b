"""Data files against their entries and the table: footers, field ids, metrics, partition values, order of rows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.conversions import from_bytes
from pyiceberg.io.pyarrow import pyarrow_to_schema
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema, index_by_id, promote
from pyiceberg.table import Table
from pyiceberg.table.sorting import NullOrder, SortDirection
from pyiceberg.types import NestedField, PrimitiveType

from .columns import comparable, is_number, leaves
from .manifests import Manifests
from .report import Report


def check_files(table: Table, manifests: Manifests, ours: bool, report: Report) -> int:
    """Every file that a kept snapshot reaches, once; how many there are."""
    files = {
        entry.path: entry.file
        for snapshot in table.metadata.snapshots
        for entry in manifests.live(snapshot.snapshot_id).values()
    }
    specs = {
        entry.path: entry.manifest.partition_spec_id
        for snapshot in table.metadata.snapshots
        for entry in manifests.live(snapshot.snapshot_id).values()
    }
    for path, file in files.items():
        with report.reading(path):
            FileCheck(table, file, ours, report).check(specs[path])
    return len(files)


class FileCheck:
    def __init__(self, table: Table, file: DataFile, ours: bool, report: Report) -> None:
        self.table, self.file, self.ours, self.report = table, file, ours, report
        self.place = str(file.file_path)

    def check(self, spec_id: int) -> None:
        source = self.table.io.new_input(self.place)
        self.report.same(len(source), self.file.file_size_in_bytes, "size", self.place)
        self.report.same(self.file.file_format, FileFormat.PARQUET, "format", self.place)
        with source.open() as stream:
            parquet = pq.ParquetFile(stream)
            self.check_footer(parquet.metadata)
            if self.file.content != DataFileContent.DATA:
                return
            arrow = parquet.schema_arrow
            rows = parquet.read()
        schema = pyarrow_to_schema(arrow)
        self.check_fields(schema)
        self.check_required(schema, rows)
        self.check_metrics(schema, rows)
        self.check_partition(spec_id, schema, rows)
        self.check_order(schema, rows)

    def check_footer(self, footer: pq.FileMetaData) -> None:
        self.report.same(footer.num_rows, self.file.record_count, "rows", self.place)
        # It would tell other readers types that the field ids do not: the footer says what Iceberg says, and no more.
        holds = not self.ours or b"ARROW:schema" not in (footer.metadata or {})
        self.report.expect(holds, "arrow-schema", self.place, "is in the footer")
        if self.file.split_offsets is not None:
            starts = []
            for at in range(footer.num_row_groups):
                column = footer.row_group(at).column(0)
                pages = [column.data_page_offset, column.dictionary_page_offset]
                starts.append(min(page for page in pages if page))
            self.report.same(list(self.file.split_offsets), starts, "split-offsets", self.place)

    def check_fields(self, schema: Schema) -> None:
        """Every field's id, name and type are those of a schema of the table."""
        known = [(one, index_by_id(one)) for one in self.table.schemas().values()]
        for number, field in index_by_id(schema).items():
            name = schema.find_column_name(number)
            of_table = [(one.find_column_name(number), ids[number]) for one, ids in known if number in ids]
            fits = any(name == other and can_be_read(field, there) for other, there in of_table)
            self.report.expect(fits, "field-id", self.place, f"{number} is {name}: {field.field_type}; the table's: "
                               + ", ".join(f"{other}: {there.field_type}" for other, there in of_table))

    def check_required(self, schema: Schema, rows: pa.Table) -> None:
        for field in self.table.schema().fields:
            if field.required:
                name = schema.find_column_name(field.field_id)
                nulls = rows[name].null_count if name else None
                self.report.same(nulls, 0, "required", self.place, f"nulls of {field.name}")

    def check_metrics(self, schema: Schema, rows: pa.Table) -> None:
        columns = [rows[field.name].combine_chunks() for field in schema.fields]
        for leaf in leaves(schema.fields, columns):
            number, values = leaf.field.field_id, comparable(leaf.values)
            what = schema.find_column_name(number)
            if not leaf.repeated:
                counts = {
                    "values": (self.file.value_counts, rows.num_rows),
                    "nulls": (self.file.null_value_counts, leaf.values.null_count),
                    "NaN values": (self.file.nan_value_counts, sum(v is not None and v != v for v in values)),
                }
                for name, (given, wanted) in counts.items():
                    if number in (given or {}):
                        self.report.same(given[number], wanted, "metrics", self.place, f"{name} of {what}")
            known = [value for value in values if is_number(value)]
            for bounds, name in ((self.file.lower_bounds, "lower"), (self.file.upper_bounds, "upper")):
                if known and number in (bounds or {}):
                    bound = from_bytes(leaf.field.field_type, bounds[number])
                    holds = bound <= min(known) if name == "lower" else bound >= max(known)
                    self.report.expect(holds, "metrics", self.place,
                                       f"{name} bound of {what}: {bound} for {min(known)} to {max(known)}")
        for given in (self.file.value_counts, self.file.lower_bounds, self.file.upper_bounds):
            strangers = set(given or {}) - set(index_by_id(schema))
            self.report.expect(not strangers, "metrics", self.place, f"of fields that it lacks: {sorted(strangers)}")

    def check_partition(self, spec_id: int, schema: Schema, rows: pa.Table) -> None:
        for at, field in enumerate(self.table.specs()[spec_id].fields):
            source = self.table.schema().find_field(field.source_id)
            transform = field.transform.transform(source.field_type)
            found = {transform(value) for value in set(self.column(schema, rows, field.source_id))}
            wrong = found - {self.file.partition[at]}
            self.report.expect(not wrong, "partition", self.place,
                               f"{field.name}: rows of {sorted(map(str, wrong))[:3]}, not {self.file.partition[at]}")

    def check_order(self, schema: Schema, rows: pa.Table) -> None:
        if not self.file.sort_order_id:
            return
        order = self.table.sort_orders().get(self.file.sort_order_id)
        if order is None:
            self.report.expect(False, "sort-order", self.place, f"no sort order {self.file.sort_order_id}")
            return
        keys = []
        for field in order.fields:
            transform = field.transform.transform(self.table.schema().find_field(field.source_id).field_type)
            falls = field.direction == SortDirection.DESC
            keys.append([
                Key(transform(value), falls, field.null_order == NullOrder.NULLS_FIRST)
                for value in self.column(schema, rows, field.source_id)
            ])
        for at, (one, next_one) in enumerate(pairwise(zip(*keys))):
            if next_one < one:
                self.report.expect(False, "sort-order", self.place, f"row {at + 1} belongs before row {at}")
                return

    def column(self, schema: Schema, rows: pa.Table, number: int) -> list[Any]:
        """The values of a top column; null where the file is older than it."""
        field = next((field for field in schema.fields if field.field_id == number), None)
        return comparable(rows[field.name].combine_chunks()) if field else [None] * rows.num_rows


class Key:
    """A value in the order of a sort field: NaN above all numbers, null at the end that the field says."""

    def __init__(self, value: Any, falls: bool, nulls_first: bool) -> None:
        self.null, self.falls, self.nulls_first = value is None, falls, nulls_first
        self.value = (False, 0) if self.null else (value != value, 0 if value != value else value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and (self.null, self.value) == (other.null, other.value)

    def __lt__(self, other: Key) -> bool:
        if self.null != other.null:
            return self.null == self.nulls_first
        return other.value < self.value if self.falls else self.value < other.value


def can_be_read(field: NestedField, wanted: NestedField) -> bool:
    if not isinstance(field.field_type, PrimitiveType):
        return type(field.field_type) is type(wanted.field_type)
    if field.field_type == wanted.field_type:
        return True
    try:
        return bool(promote(field.field_type, wanted.field_type) == wanted.field_type)
    except Exception:  # noqa: BLE001: says by an error that it cannot
        return False
