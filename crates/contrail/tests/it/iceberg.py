"""What PyIceberg does on the catalog of a running node: `iceberg.py URI own|refused|delete`, one line of JSON."""

import json
import os
import sys
import time

import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, ValidationException
from pyiceberg.types import DoubleType

URI, STEP = sys.argv[1], sys.argv[2]
catalog = load_catalog("contrail", type="rest", uri=URI)


def again(change):
    """A commit that the line has overtaken is made again on the table as it is then."""
    for _ in range(40):
        try:
            return change()
        except (CommitFailedException, ValidationException):
            time.sleep(0.05)
    raise SystemExit("overtaken 40 times")


def rows(ids, names):
    fields = [pa.field("id", pa.int64(), nullable=False), pa.field("name", pa.string())]
    return pa.table({"id": ids, "name": names}, schema=pa.schema(fields))


def own():
    catalog.create_namespace("mine", {"owner": "test"})
    catalog.create_namespace(("mine", "deeper.still"))
    assert ("mine", "deeper.still") in catalog.list_namespaces("mine")
    first = rows([1, 2], ["one", "two"])
    table = catalog.create_table("mine.flights", schema=first.schema)
    table.append(first)
    table.append(rows([3], ["three"]))
    assert catalog.load_table("mine.flights").scan().count() == 3
    table.delete("id == 1")
    table.overwrite(rows([3], ["three"]), overwrite_filter="id == 3")
    with table.update_schema() as update:
        update.add_column("speed", DoubleType())
    more = rows([4], ["four"]).append_column("speed", pa.array([1.5]))
    table.append(more)
    with table.transaction() as transaction:
        transaction.set_properties({"a": "1", "b": "2"})
        transaction.remove_properties("a")
    catalog.rename_table("mine.flights", "mine.renamed")
    found = catalog.load_table("mine.renamed").scan().to_arrow().sort_by("id")
    assert catalog.load_table("mine.renamed").properties.get("b") == "2"
    listed = [list(row.values()) for row in found.to_pylist()]
    with catalog.create_table_transaction("mine.staged", schema=first.schema) as staged:
        staged.append(first)
    assert catalog.load_table("mine.staged").scan().count() == 2
    location = catalog.load_table("mine.staged").metadata_location.removeprefix("file://")
    catalog.purge_table("mine.staged")
    try:
        catalog.load_table("mine.staged")
        raise SystemExit("it is still there")
    except NoSuchTableError:
        pass
    # A table beside the line's own, in their namespace.
    notes = catalog.create_table("aviation.notes", schema=first.schema)
    for n in range(3):
        notes.append(rows([n], [f"note {n}"]))
    return {"rows": listed, "gone": not os.path.exists(location), "beside": notes.scan().count()}


def refused():
    states = catalog.load_table("aviation.states")
    tries = {
        "drop": lambda: catalog.drop_table("aviation.states_raw"),
        "purge": lambda: catalog.purge_table("aviation.states_raw"),
        "rename": lambda: catalog.rename_table("aviation.states", "aviation.mine"),
        "progress": lambda: states.transaction().set_properties({"contrail.built.states_raw": "0"}).commit_transaction(),
        "shape": lambda: states.update_schema().delete_column("is_airborne").commit(),
    }
    said = {}
    for what, attempt in tries.items():
        try:
            attempt()
        except Exception as error:
            said[what] = f"{type(error).__name__}: {error}"
        else:
            raise SystemExit(f"{what} was let through")
    return said


def delete():
    def change():
        states = catalog.load_table("aviation.states")
        mine = states.scan(row_filter="icao24 == '000005'", selected_fields=("icao24",)).count()
        states.delete("icao24 == '000005'")
        return mine

    return {"deleted": again(change)}


print(json.dumps({"own": own, "refused": refused, "delete": delete}[STEP]()))
