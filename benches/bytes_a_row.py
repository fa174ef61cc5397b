#!/usr/bin/env python3
"""Bytes a row: the table `states` as Contrail builds it and as its upkeep leaves it, and the same rows as PyIceberg, DuckDB
and Spark write them.

    .contrail/venv/bin/python benches/bytes_a_row.py BINARY [--recording FILE] [--spark]

FILE is a recording of the real sky (docs/configuration.md, feeds of kind replay); without it an hour of a made-up one is
written, whose numbers are kinder. Compared is the largest hour: before and after `contrail tables compact`, and its rows in
the same order by each peer, zstd at its own level, one file.
"""

import argparse
import os
import subprocess
import tempfile
import time

import duckdb
import engines
import pyarrow
import pyarrow.parquet
from beside_pyiceberg import catalog
from land import record, start, stop


def built(args, folder):
    """Has the node land and build the recording, until nothing has changed for five seconds."""
    roles = ["source", "land", "build"]
    replay = ["feed.rec.kind=replay", f"feed.rec.path={args.recording}", "feed.rec.speed=0"]
    node = start(args, folder, roles, *replay)
    last, since = None, time.monotonic()
    while time.monotonic() - since < 5:
        time.sleep(0.2)
        table = load(folder) if os.path.exists(f"{folder}/data/catalog.db") else None
        now = table and table.metadata_location
        if now is None or now != last:
            last, since = now, time.monotonic()
    stop(node)
    return load(folder)


def load(folder):
    own = catalog(f"{folder}/data")
    return own.load_table("aviation.states") if own.table_exists("aviation.states") else None


def largest(table):
    """Files, rows and bytes a row of the hour with the most rows, and its files' paths."""
    hours = {}
    for task in table.scan().plan_files():
        hours.setdefault(str(task.file.partition), []).append(task.file)
    files = max(hours.values(), key=lambda files: sum(file.record_count for file in files))
    rows = sum(file.record_count for file in files)
    size = sum(file.file_size_in_bytes for file in files) / rows
    return (len(files), rows, size), [file.file_path.removeprefix("file://") for file in files]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("--recording", type=os.path.abspath)
    parser.add_argument("--spark", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="contrail-bytes-") as folder:
        if not args.recording:
            args.recording = f"{folder}/sky.ndjson"
            record(args.recording, 360, 3_000)
        ours = built(args, folder)
        print("as built    %d files, %d rows: %.1f bytes a row" % largest(ours)[0], flush=True)
        command = [args.binary, "tables", "compact", "--data-dir", "data", "states"]
        subprocess.run(command, check=True, cwd=folder, env={**os.environ, "XDG_CONFIG_HOME": folder}, capture_output=True)
        said, paths = largest(ours.refresh())
        print("compacted   %d file, %d rows: %.1f bytes a row" % said, flush=True)

        rows = pyarrow.concat_tables(pyarrow.parquet.ParquetFile(path).read() for path in paths)
        os.makedirs(f"{folder}/peer/warehouse")
        own = catalog(f"{folder}/peer")
        own.create_namespace("bench")
        table = own.create_table("bench.states", ours.schema(), properties={"write.parquet.compression-codec": "zstd"})
        table.append(rows)
        print(f"PyIceberg   {largest(table)[0][2]:.1f}")
        duckdb.sql("SELECT * FROM rows").write_parquet(f"{folder}/copy.parquet", compression="zstd")
        print(f"DuckDB      {os.path.getsize(f'{folder}/copy.parquet') / rows.num_rows:.1f}")
        if args.spark:
            step = f"copied:aviation.states:{rows.num_rows}"
            print(f"Spark       {engines.ask('spark', f'{folder}/data/catalog.db', step):.1f}")


if __name__ == "__main__":
    main()
