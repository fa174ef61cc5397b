"""What another engine would do to the table of the tests: append, and delete a row by rewriting its file."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
from pyiceberg.table import Table


def write(table: Table) -> None:
    hour = dt.datetime(2025, 11, 22, 16, tzinfo=dt.timezone.utc)
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
