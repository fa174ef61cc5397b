"""The columns of a Parquet file by field id, and their values as Iceberg compares them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.types import IcebergType, ListType, MapType, NestedField, PrimitiveType, StructType


@dataclass
class Leaf:
    """A column of plain values."""

    field: NestedField
    values: pa.Array
    repeated: bool
    """Below a list or a map: then there is not one value a row."""


def leaves(fields: tuple[NestedField, ...], columns: list[pa.Array], repeated: bool = False) -> Iterator[Leaf]:
    for field, column in zip(fields, columns):
        kind: IcebergType = field.field_type
        if isinstance(kind, PrimitiveType):
            yield Leaf(field, column, repeated)
        elif isinstance(kind, StructType):
            yield from leaves(kind.fields, [pc.struct_field(column, at) for at in range(len(kind.fields))], repeated)
        elif isinstance(kind, ListType):
            yield from leaves((kind.element_field,), [pc.list_flatten(column)], True)
        elif isinstance(kind, MapType):
            yield from leaves((kind.key_field, kind.value_field), [column.keys, column.items], True)


def comparable(values: pa.Array) -> list[Any]:
    """As `from_bytes` gives a bound: times as microseconds, days as numbers."""
    if pa.types.is_timestamp(values.type) or pa.types.is_time(values.type):
        return list(values.cast(pa.int64()).to_pylist())
    if pa.types.is_date32(values.type):
        return list(values.cast(pa.int32()).to_pylist())
    return list(values.to_pylist())


def is_number(value: Any) -> bool:
    """Neither null nor NaN."""
    return value is not None and value == value
