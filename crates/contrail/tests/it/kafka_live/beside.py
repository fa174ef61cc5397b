"""Other programs beside a running line, on the catalog's file or by way of /iceberg.

    beside.py write|read|count|hasten CATALOG STOP

CATALOG is the SQLite file of the catalog, or the `node.json` that a node with the map leaves in its data folder: that
node's /iceberg, which may be away at any moment. All but `count` go on until the file STOP is there, then print one
line of JSON; whatever is not as it must be ends them at once with exit code 1.

write   appends to a table of its own and deletes from it, row by row as `Own` says; changes properties, makes empty
        snapshots and tags on tables of the line, and appends rows of its own to `states`, which it deletes again
read    counts by PyIceberg, through a node by SQL as well: no read may fail, no count may shrink
count   what is in the tables of the writers' own now
hasten  lets files be deleted GRACE seconds after they were let go of, instead of half an hour
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import requests
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    CommitStateUnknownException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationException,
)
from pyiceberg.table import Table
from sqlalchemy.exc import OperationalError

VERB, WHERE, STOP = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
SERVED = WHERE.suffix == ".json"
NAME = "served" if SERVED else "filed"
# Someone was faster; the file was locked: nothing has changed.
OVERTAKEN = (CommitFailedException, ValidationException, OperationalError)
# The node was killed, or is not there yet; whether a commit has landed nobody knows.
AWAY = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError, CommitStateUnknownException,
        http.client.HTTPException, ConnectionError)
# Rows a batch of a writer's own, and the one of each batch that it deletes again.
BATCH, GONE = 10, 3
# An hour that the recording has nothing of, and addresses that it does not have.
HOUR = dt.datetime(2026, 3, 10, 5, tzinfo=dt.timezone.utc)
ADDRESS = "f00001" if SERVED else "f00002"
LEAST = "f00000"
# So long a file stays when `hasten` runs; a read that took longer has no claim.
GRACE = 30
# Ten commits delete a table's metadata file: whoever is slower than that between the catalog and the file has to ask
# again, as every reader of such a catalog.
PROMPT = 1.0


class Away(Exception):
    """The node does not answer now."""


def open_catalog() -> Catalog:
    if not SERVED:
        return load_catalog("contrail", type="sql", uri=f"sqlite:///{WHERE}", warehouse=str(WHERE.parent / "warehouse"))
    return load_catalog("contrail", type="rest", uri=f"{address()}/iceberg")


def address() -> str:
    try:
        return str(json.loads(WHERE.read_text())["url"])
    except (FileNotFoundError, ValueError) as error:
        raise Away(str(error)) from None


class Own:
    """A table of the writer's own. Batch n has the ids from n * BATCH on; GONE of each is deleted when all are there."""

    SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("batch", pa.int64()),
                        pa.field("text", pa.string())])

    def __init__(self) -> None:
        self.ids: set[int] = set()

    def table(self, catalog: Catalog) -> Table:
        try:
            return catalog.load_table(f"mine.{NAME}")
        except NoSuchTableError:
            pass
        try:
            catalog.create_namespace("mine")
        except NamespaceAlreadyExistsError:
            pass
        try:
            return catalog.create_table(f"mine.{NAME}", schema=self.SCHEMA)
        except TableAlreadyExistsError:
            return catalog.load_table(f"mine.{NAME}")

    def step(self, catalog: Catalog, more: bool) -> bool:
        """Looks where it was, and does the next thing; whether there was one."""
        table = self.table(catalog)
        newest = max(self.ids, default=0) // BATCH * BATCH
        self.ids = set(table.scan(row_filter=f"id >= {newest}", selected_fields=("id",)).to_arrow()["id"].to_pylist())
        batch = max(self.ids, default=-1) // BATCH
        doomed = batch * BATCH + GONE
        if doomed in self.ids:
            table.delete(f"id == {doomed}")
        elif more:
            ids = [(batch + 1) * BATCH + n for n in range(BATCH)]
            rows = {"id": ids, "batch": [batch + 1] * BATCH, "text": [f"row {n}" for n in ids]}
            table.append(pa.table(rows, schema=self.SCHEMA))
        return more or doomed in self.ids


def on_ours(catalog: Catalog, turn: int) -> bool:
    """One change of a table of the line, of the kinds that it lives with."""
    match turn % 4:
        case 0:
            raw = catalog.load_table("aviation.states_raw")
            with raw.transaction() as transaction:
                transaction.set_properties({f"note.{NAME}": str(turn)})
        case 1:
            table = catalog.load_table("aviation.aircraft_hours")
            table.append(table.schema().as_arrow().empty_table())
        case 2:
            table = catalog.load_table("aviation.states")
            with table.manage_snapshots() as snapshots:
                if f"by-{NAME}" in table.metadata.refs:
                    snapshots.remove_tag(f"by-{NAME}")
                else:
                    snapshots.create_tag(table.metadata.current_snapshot_id, f"by-{NAME}")
        case _:
            if not delete_own_states(catalog):
                return append_own_states(catalog)
    return True


def own_states(table: Table) -> pa.Table:
    return table.scan(row_filter=f"icao24 == '{ADDRESS}'").to_arrow()


def delete_own_states(catalog: Catalog) -> bool:
    table = catalog.load_table("aviation.states")
    found = own_states(table).num_rows > 0
    if found:
        table.delete(f"icao24 == '{ADDRESS}'")
    return found


def append_own_states(catalog: Catalog) -> bool:
    table = catalog.load_table("aviation.states")
    rows = table.scan(limit=5).to_arrow()
    times = pa.array([HOUR + dt.timedelta(minutes=n) for n in range(rows.num_rows)], pa.timestamp("us", "UTC"))
    for name, values in (("icao24", pa.array([ADDRESS] * rows.num_rows)), ("last_contact", times)):
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), values.cast(rows.schema.field(at).type))
    if rows.num_rows:
        table.append(rows)
    return rows.num_rows > 0


def write() -> dict[str, int]:
    own, done = Own(), {"own": 0, "ours": 0, "overtaken": 0, "away": 0}
    turn = 0
    while True:
        stop = STOP.exists()
        try:
            catalog = open_catalog()
            left = own.step(catalog, not stop)
            done["own"] += left
            if stop:
                left = delete_own_states(catalog) or left
                if not left:
                    return done
            else:
                turn += 1
                done["ours"] += on_ours(catalog, turn)
        except OVERTAKEN:
            done["overtaken"] += 1
        except NoSuchTableError:
            # The line has not made it yet.
            time.sleep(0.5)
        except (Away, *AWAY):
            done["away"] += 1
            time.sleep(0.2)


class Counts:
    """What was seen of each thing; it may never become less."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self.reads = 0

    def saw(self, what: str, count: int) -> None:
        if count < self.last.get(what, 0):
            raise SystemExit(f"{what}: {count} after {self.last[what]}")
        self.last[what] = count
        self.reads += 1


def read() -> dict[str, object]:
    counts, away, slow = Counts(), 0, 0
    looks: list[Callable[[Counts], bool]] = [by_scan]
    if SERVED:
        looks.append(by_sql)
    while not STOP.exists():
        for look in looks:
            try:
                slow += not look(counts)
            except NoSuchTableError:
                time.sleep(0.5)
            except (Away, *AWAY):
                away += 1
                time.sleep(0.2)
    return {"reads": counts.reads, "away": away, "slow": slow, "last": counts.last}


def in_time(until: float, action: Callable[[], pa.Table | Table]) -> pa.Table | Table | None:
    """Its outcome; none if it failed after the instant by which it has to be done."""
    try:
        return action()
    except (FileNotFoundError, OSError) as error:
        if isinstance(error, AWAY) or time.monotonic() < until:
            raise
        return None


def by_scan(counts: Counts) -> bool:
    """Whether all of it was read in time."""
    catalog = open_catalog()
    for name, columns in (("states_raw", ("log_stream", "log_partition", "log_offset")), ("dead_letters", None),
                          ("states", ("icao24", "last_contact")), ("aircraft_hours", ("icao24", "hour"))):
        begun = time.monotonic()
        table = in_time(begun + PROMPT, lambda: catalog.load_table(f"aviation.{name}"))
        if table is None:
            return False
        scan = table.scan(selected_fields=columns) if columns else table.scan()
        rows = in_time(begun + GRACE, scan.to_arrow)
        if rows is None:
            return False
        if "icao24" in rows.column_names:
            rows = rows.filter(pc.less(rows["icao24"], LEAST))
        if columns and rows.group_by(list(columns)).aggregate([]).num_rows != rows.num_rows:
            raise SystemExit(f"{name}: something stands twice in snapshot {table.metadata.current_snapshot_id}")
        counts.saw(f"scan of {name}", rows.num_rows)
    return True


def by_sql(counts: Counts) -> bool:
    raw = ask("SELECT count(*) AS n, count(DISTINCT (log_stream, log_partition, log_offset)) AS each FROM states_raw")
    if raw["n"] != raw["each"]:
        raise SystemExit(f"offsets stand twice: {raw}")
    counts.saw("SQL on states_raw", raw["n"])
    for table in ("states", "aircraft_hours"):
        counts.saw(f"SQL on {table}", ask(f"SELECT count(*) AS n FROM {table} WHERE icao24 < '{LEAST}'")["n"])
    return True


def ask(sql: str) -> dict[str, int]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address()}/api/v1/sql", json.dumps({"sql": sql}).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            said = json.load(answer)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{sql}: {error.code} {error.read().decode(errors='replace')}") from None
    except urllib.error.URLError as error:
        raise Away(str(error)) from None
    columns = [column["name"] for column in said["columns"]]
    return dict(zip(columns, said["rows"][0]))


def count() -> dict[str, object]:
    catalog = open_catalog()
    tables = [identifier[-1] for identifier in catalog.list_tables("mine")]
    return {name: sorted(catalog.load_table(f"mine.{name}").scan().to_arrow()["id"].to_pylist()) for name in tables}


def hasten() -> dict[str, int]:
    changed = 0
    while not STOP.exists():
        soon = int((time.time() + GRACE) * 1e6)
        with sqlite3.connect(WHERE, timeout=60) as catalog:
            update = "UPDATE contrail_deletions SET due = ? WHERE due > ?"
            try:
                changed += catalog.execute(update, (soon, soon)).rowcount
            except sqlite3.OperationalError as error:
                if "no such table" not in str(error):
                    raise
        catalog.close()
        time.sleep(1)
    return {"changed": changed}


print(json.dumps({"write": write, "read": read, "count": count, "hasten": hasten}[VERB]()))
