"""Lets PyIceberg change the shape of the tests' table `observations`, and write under it.

    evolve.py CATALOG columns|partitions|append|notes

`append` writes rows 900..903 in one file an address and day, in both of the first two hours, each with a note; `notes`
fails unless exactly those notes are there.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone

import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import Table
from pyiceberg.transforms import BucketTransform, DayTransform
from pyiceberg.types import StringType

START = datetime(2025, 11, 22, 16, tzinfo=timezone.utc)
IDS = range(900, 904)


def columns(table: Table) -> None:
    with table.update_schema() as update:
        update.rename_column("altitude", "height")
        update.add_column("note", StringType(), "What somebody noted")
        update.move_first("note")


def partitions(table: Table) -> None:
    with table.update_spec() as update:
        update.remove_field("last_contact_hour")
        update.add_field("last_contact", DayTransform(), "seen_day")
        update.add_field("icao24", BucketTransform(2), "address_bucket")


def append(table: Table) -> None:
    rows = {
        "note": [f"note {number}" for number in IDS],
        # One address, so that both hours come to stand in one file.
        "icao24": ["abcdef" for _ in IDS],
        "last_contact": [START + timedelta(minutes=50 + 10 * (number - 901)) for number in IDS],
        "height": [None for _ in IDS],
        "sensors": [None for _ in IDS],
        "row_id": list(IDS),
    }
    table.append(pa.table(rows, schema=schema_to_pyarrow(table.schema(), include_field_ids=False)))


def notes(table: Table) -> None:
    rows = table.scan(selected_fields=("row_id", "note")).to_arrow().to_pylist()
    found = {row["row_id"]: row["note"] for row in rows if row["note"] is not None}
    assert found == {number: f"note {number}" for number in IDS}, found


if __name__ == "__main__":
    where, step = sys.argv[1:]
    observations = load_catalog("contrail", type="sql", uri=f"sqlite:///{where}").load_table("aviation.observations")
    {"columns": columns, "partitions": partitions, "append": append, "notes": notes}[step](observations)
