"""Spark with Iceberg's runtime, and DuckDB's Iceberg extension: engines of others for the tests of our tables."""

from __future__ import annotations

import sys
from pathlib import Path

from . import fetch
from .fetch import Unavailable

SPARK, SCALA, ICEBERG = "4.1.4", "2.13", "1.12.0"
# As in scripts/requirements.txt: an extension fits one version of DuckDB.
DUCKDB = "1.5.5"
PACKAGES = [
    f"pyspark=={SPARK}",
    "py4j==0.10.9.9",
    # In the order in which they must be loaded.
    *(f"duckdb-extension-{name}=={DUCKDB}" for name in ("avro", "httpfs", "iceberg")),
]
RUNTIME = f"org.apache.iceberg:iceberg-spark-runtime-{SPARK.rpartition('.')[0]}_{SCALA}:{ICEBERG}:jar"
# With it Spark opens the catalog's file.
SQLITE = "org.xerial:sqlite-jdbc:3.53.2.1:jar"
JAVA = 17


def folder() -> Path:
    """Python packages in `python`, Iceberg's runtime for Spark in `jars`; 660 MB."""
    if not fetch.java(JAVA):
        raise Unavailable(f"no Java {JAVA} or newer for Spark: run scripts/setup test, or install one")
    return fetch.cached("engines", f"spark-{SPARK}-iceberg-{ICEBERG}-duckdb-{DUCKDB}", fill)


def fill(fresh: Path) -> None:
    for name in ("python", "jars"):
        (fresh / name).mkdir()
    for package in PACKAGES:
        fetch.pip_package(package, fresh / "python")
    for jar in (RUNTIME, SQLITE):
        fetch.maven_file(jar, fresh / "jars")


def main() -> int:
    try:
        print(folder())
    except Unavailable as error:
        print(f"engines: {error}", file=sys.stderr)
        return 1
    return 0
