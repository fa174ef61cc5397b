"""Engines of others beside ours: DuckDB with its Iceberg extension, and Spark, as `make test-engines` runs them."""

import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def ask(engine, catalog, step):
    """What one step says of the tables in that catalog file; the steps stand in the script itself."""
    folder = subprocess.run([f"{ROOT}/scripts/engines"], check=True, capture_output=True, text=True).stdout.strip()
    script = f"{ROOT}/crates/contrail/tests/it/engines.py"
    said = subprocess.run([sys.executable, script, engine, catalog, step], check=True, capture_output=True, text=True,
                          env={**os.environ, "CONTRAIL_ENGINES": folder}).stdout
    return json.loads(said.splitlines()[-1])[step.split(":")[0]]
