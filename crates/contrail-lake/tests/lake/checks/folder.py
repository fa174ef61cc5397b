"""What lies under a table's location against what its metadata names."""

from __future__ import annotations

from pyarrow.fs import FileSelector, FileType
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import Table

from .manifests import Manifests
from .report import Report, plain


def check_folder(table: Table, manifests: Manifests, queued: set[str], served: bool, report: Report) -> None:
    """Every file there is named, or waits to be deleted; every named file is there; none that waits is needed."""
    named, found = names(table, manifests), listed(table)
    if served:
        # A server's own metadata files are its business, those of commits that failed too.
        found = {path for path in found if path in named or not path.endswith(".metadata.json")}
    queued = {plain(path) for path in queued}
    for path in sorted(found - named - queued):
        report.expect(False, "orphan", path, "nothing names it")
    below = {path for path in named if path.startswith(plain(table.location()))}
    for path in sorted(below - found):
        report.expect(False, "missing", path, "is named, and not there")
    for path in sorted(named & queued):
        report.expect(False, "queued", path, "waits to be deleted, and is named")


def names(table: Table, manifests: Manifests) -> set[str]:
    metadata = table.metadata
    named = {table.metadata_location, *(entry.metadata_file for entry in metadata.metadata_log)}
    named |= {file.statistics_path for file in [*metadata.statistics, *metadata.partition_statistics]}
    for snapshot in metadata.snapshots:
        named.add(snapshot.manifest_list)
        named |= {manifest.manifest_path for manifest in manifests.lists[snapshot.snapshot_id]}
        named |= set(manifests.live(snapshot.snapshot_id))
    return {plain(path) for path in named}


def listed(table: Table) -> set[str]:
    scheme, host, path = PyArrowFileIO.parse_location(plain(table.location()))
    files = PyArrowFileIO(table.io.properties).fs_by_scheme(scheme, host)
    below = files.get_file_info(FileSelector(path, recursive=True, allow_not_found=True))
    root = "" if scheme == "file" else f"{scheme}://"
    return {root + info.path for info in below if info.type == FileType.File}
