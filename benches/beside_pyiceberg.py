#!/usr/bin/env python3
"""Rows into an Iceberg table: Contrail's writer and PyIceberg's, one after the other on the same rows and machine.

    .contrail/venv/bin/python benches/beside_pyiceberg.py COMMIT_BENCH [--rows 100000] [--commits 20]

COMMIT_BENCH is the built example of crates/contrail-lake. Its table is read back for the rows; PyIceberg appends them to
a table of the same schema and partition in a SQLite catalog of its own, zstd too. Contrail sorts the rows and syncs each
file and folder to disk before a commit; PyIceberg does neither, so the ratio is in its favour.
"""

import argparse
import os
import re
import subprocess
import tempfile
import time

from pyiceberg.catalog.sql import SqlCatalog


def catalog(folder):
    return SqlCatalog("contrail", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")


def ours(args, folder):
    command = [args.commit_bench, str(args.rows), str(args.commits), "2", folder]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print("contrail   ", said.strip())
    return float(re.search(r"([\d.]+) M rows/s wall", said)[1]) * 1e6


def theirs(args, rows, like, folder):
    os.mkdir(os.path.join(folder, "warehouse"))
    own = catalog(folder)
    own.create_namespace("bench")
    table = own.create_table(
        "bench.rows", like.schema(), partition_spec=like.spec(), properties={"write.parquet.compression-codec": "zstd"}
    )
    took = []
    for _ in range(args.commits):
        begun = time.perf_counter()
        table.append(rows)
        took.append(time.perf_counter() - begun)
    rate = args.rows * args.commits / sum(took)
    print(f"pyiceberg   {args.commits} commits x {args.rows} rows: {rate / 1e6:.2f} M rows/s wall, "
          f"append p50 {sorted(took)[len(took) // 2] * 1e3:.1f} ms")
    return rate


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit_bench", type=os.path.abspath)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--commits", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as mine, tempfile.TemporaryDirectory() as peers:
        rate = ours(args, mine)
        like = catalog(mine).load_table("bench.states_raw")
        rows = like.scan(limit=args.rows).to_arrow()
        peer = theirs(args, rows, like, peers)
        print(f"ratio       {rate / peer:.1f} times PyIceberg's rows a second")


if __name__ == "__main__":
    main()
