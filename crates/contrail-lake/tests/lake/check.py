"""Checks every table of a namespace with PyIceberg: metadata, manifests, data files, and what lies about.

    check.py CATALOG [QUEUED] [--namespace NAME] [--table NAME]... [--property KEY=VALUE]... [--ours] [--quick]
             [--write]

CATALOG is the SQLite file of an embedded catalog, or the URI of an Iceberg REST catalog; a property is one of
PyIceberg's (`s3.endpoint`, `token`). The store is the one that S3_ENDPOINT, S3_REGION, S3_ACCESS_KEY and S3_SECRET_KEY
name, if any. QUEUED is a file with a JSON list of files that wait to be deleted. --write first lets PyIceberg append to
the table `observations` of the tests, and delete from it. Prints one JSON object:
`tables` (rows, snapshots and files of each) and `violations` (rule, place, what was seen); an empty list is what is
wanted. --ours wants what holds of tables that Contrail alone has written: a comment on every column, no Arrow schema in
the files. --quick leaves out what other engines read. Exit code: 0 nothing is wrong, 1 something is, 2 it could not
look.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table

from checks.engines import check_engines
from checks.files import check_files
from checks.folder import check_folder
from checks.history import check_history
from checks.manifests import Manifests
from checks.report import Report
from foreign import write


def check_table(table: Table, queued: set[str], args: argparse.Namespace, report: Report) -> dict[str, int]:
    for field in table.schema().fields if args.ours else ():
        report.expect(field.doc, "comment", table.metadata_location, f"{field.name} says nothing of itself")
    check_history(table.io, table.metadata_location, report)
    manifests = Manifests(table, report)
    manifests.check()
    files = check_files(table, manifests, args.ours, report)
    check_folder(table, manifests, queued, is_uri(args.catalog), report)
    found = {"snapshots": len(table.metadata.snapshots), "files": files}
    return found if args.quick else {"rows": check_engines(table, manifests, report), **found}


def is_uri(where: str) -> bool:
    return "://" in where


def open_catalog(where: str, properties: dict[str, str]) -> Catalog:
    # Its other way to the files cannot list them.
    variables = {"s3.endpoint": "S3_ENDPOINT", "s3.region": "S3_REGION", "s3.access-key-id": "S3_ACCESS_KEY",
                 "s3.secret-access-key": "S3_SECRET_KEY"}
    store = {key: os.environ[name] for key, name in variables.items() if name in os.environ}
    common = {"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO", **store, **properties}
    if is_uri(where):
        return load_catalog("contrail", type="rest", uri=where, **common)
    if not Path(where).is_file():
        raise NoSuchTableError(f"no catalog at {where}")
    return load_catalog("contrail", type="sql", uri=f"sqlite:///{where}", **common)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalog", metavar="CATALOG")
    parser.add_argument("queued", metavar="QUEUED", nargs="?", type=Path)
    parser.add_argument("--namespace", default="aviation")
    parser.add_argument("--table", action="append", default=[])
    parser.add_argument("--property", action="append", default=[], type=lambda text: tuple(text.split("=", 1)))
    parser.add_argument("--ours", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    queued = set(json.loads(args.queued.read_text())) if args.queued else set()
    catalog = open_catalog(args.catalog, dict(args.property))
    if args.write:
        write(catalog.load_table((args.namespace, "observations")))
    report, tables = Report(), {}
    names = args.table or sorted(identifier[-1] for identifier in catalog.list_tables(args.namespace))
    for name in names:
        with report.reading(f"{args.namespace}.{name}"):
            table = catalog.load_table((args.namespace, name))
            tables[name] = check_table(table, queued, args, report)
    print(json.dumps({"tables": tables, "violations": report.violations}, indent=2))
    return int(bool(report.violations))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:  # noqa: BLE001: whatever it is, nothing has been checked
        print(f"check.py: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
