"""Another engine on our tables: `engines.py ENGINE CATALOG STEP...`, a line of JSON a step.

ENGINE is pyiceberg, duckdb, spark, or contrail itself for comparison. CATALOG is the address of a node with the map, or
the file of its catalog: DuckDB then opens the metadata files that it names, Spark takes it for a JDBC catalog. What
scripts/engines prints must be in CONTRAIL_ENGINES for DuckDB and Spark.

figures  of every column of the line's tables: how many values, the least, the largest, the sum (of text: how many
         differ, of booleans: how many are true)
own      makes a table of its own and changes it in every way that the engine knows
theirs   the rows of all such tables
ours     Spark: on the table `states`, what it may do and what it may not
deletes  Spark: row-level deletes in `states`, written past the node
wait:F   until the file F is there
mend     Spark: rewrites the files of `states`, so that no delete is left

For the measurements in benches/, of DuckDB and Spark:

timed:T:SQL   the statement nine times with the table T for {}: the median in milliseconds
copied:T:N    Spark: N rows of T in a table of its own, in hours as ours are: bytes a row
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENGINE, CATALOG, STEPS = sys.argv[1], sys.argv[2], sys.argv[3:]
SERVED = CATALOG.startswith("http")
TABLES = ("states_raw", "dead_letters", "states", "aircraft_hours", "hourly_activity")
OWN = {"pyiceberg": "py", "duckdb": "duck", "spark": "spark"}
# The columns of a table that an engine makes for itself, as all of them end.
COLUMNS = "id, label, n"
Row = list[Any]


def loaded() -> Any:
    from pyiceberg.catalog import load_catalog

    if SERVED:
        return load_catalog("contrail", type="rest", uri=f"{CATALOG}/iceberg")
    return load_catalog("contrail", type="sql", uri=f"sqlite:///{CATALOG}")


def kinds(table: str) -> list[tuple[str, str]]:
    """Name and kind of each column."""
    words = {"int": "whole", "long": "whole", "double": "real", "string": "text", "boolean": "truth",
             "timestamptz": "time", "date": "date"}
    fields = loaded().load_table(f"aviation.{table}").schema().fields
    return [(field.name, words.get(str(field.field_type), "other")) for field in fields]


def statement(table: str, place: str, text: str, micros: str, quote: str) -> str:
    """All figures of a table in one row; whole numbers as text, so that no JSON rounds them."""
    asked = ["count(*)"]
    for name, kind in kinds(table):
        c = f"{quote}{name}{quote}"
        asked.append(f"count({c})")
        match kind:
            case "whole":
                asked += [f"min({c})", f"max({c})", f"sum({c})"]
            case "real":
                asked += [f"CAST({of}({c}) AS DOUBLE)" for of in ("min", "max", "sum")]
            case "text":
                asked += [f"min({c})", f"max({c})", f"count(DISTINCT {c})"]
            case "truth":
                asked.append(f"sum(CASE WHEN {c} THEN 1 ELSE 0 END)")
            case "time":
                asked += [f"{micros}(min({c}))", f"{micros}(max({c}))"]
            case "date":
                asked += [f"min({c})", f"max({c})"]
    texts = [a if a.startswith("CAST") else f"CAST({a} AS {text})" for a in asked]
    return f"SELECT {', '.join(f'{a} AS f{n}' for n, a in enumerate(texts))} FROM {place}"


class Contrail:
    """The node's own SQL."""

    def rows(self, sql: str) -> list[Row]:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{CATALOG}/api/v1/sql", json.dumps({"sql": sql}).encode(), headers)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return list(json.load(answer)["rows"])

    def figures(self, table: str) -> Row:
        return self.rows(statement(table, table, "VARCHAR", "epoch_us", '"'))[0]


class PyIceberg:
    def __init__(self) -> None:
        self.catalog = loaded()

    def figures(self, table: str) -> Row:
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = self.catalog.load_table(f"aviation.{table}").scan().to_arrow()
        figures: Row = [str(rows.num_rows)]
        for name, kind in kinds(table):
            column = rows[name]
            figures.append(str(len(column) - column.null_count))
            least = pc.min_max(column.cast(pa.int64()) if kind == "time" else column) if kind != "other" else None
            ends = [least["min"].as_py(), least["max"].as_py()] if least is not None else []
            match kind:
                case "whole":
                    figures += [*map(whole, ends), whole(pc.sum(column).as_py())]
                case "real":
                    figures += [*ends, pc.sum(column).as_py()]
                case "text":
                    figures += [*ends, str(pc.count_distinct(column).as_py())]
                case "truth":
                    figures.append(whole(pc.sum(column).as_py() or 0))
                case "time" | "date":
                    figures += map(whole, ends)
        return figures

    def own(self) -> None:
        import pyarrow as pa

        schema = pa.schema([pa.field("id", pa.int64(), nullable=False), ("name", pa.string()), ("n", pa.int32())])

        def batch(*rows: tuple[int, str, int]) -> pa.Table:
            return pa.Table.from_pylist([dict(zip(schema.names, row)) for row in rows], schema=schema)

        self.catalog.create_namespace_if_not_exists("py")
        table = self.catalog.create_table("py.t", schema=schema)
        table.append(batch((1, "one", 1), (2, "two", 2)))
        table.append(batch((3, "three", 3)))
        table.delete("id == 1")
        table.overwrite(batch((3, "THREE", 3)), overwrite_filter="id == 3")
        with table.update_schema() as update:
            update.rename_column("name", "label")

    def theirs(self, table: str) -> list[Row]:
        rows = self.catalog.load_table(table).scan().to_arrow().sort_by("id").to_pylist()
        return [[row[name] for name in COLUMNS.split(", ")] for row in rows]


class DuckDb:
    def __init__(self) -> None:
        import duckdb

        self.duckdb = duckdb.connect()
        for name in ("avro", "httpfs", "iceberg"):
            package = f"{os.environ['CONTRAIL_ENGINES']}/python/duckdb_extension_{name}/extensions"
            self.duckdb.execute(f"LOAD '{next(Path(package).glob(f'*/{name}.duckdb_extension'))}'")
        if SERVED:
            at = f"ENDPOINT '{CATALOG}/iceberg'"
            self.duckdb.execute(f"ATTACH '' AS lake (TYPE iceberg, {at}, AUTHORIZATION_TYPE 'none')")

    def place(self, table: str) -> str:
        if SERVED:
            return f"lake.{table}"
        with sqlite3.connect(CATALOG) as catalog:
            sql = "SELECT metadata_location FROM iceberg_tables WHERE table_namespace = ? AND table_name = ?"
            return f"iceberg_scan('{catalog.execute(sql, table.split('.')).fetchone()[0]}')"

    def figures(self, table: str) -> Row:
        sql = statement(table, self.place(f"aviation.{table}"), "VARCHAR", "epoch_us", '"')
        return list(self.duckdb.execute(sql).fetchone() or [])

    def own(self) -> None:
        for sql in (
            "CREATE SCHEMA lake.duck",
            "CREATE TABLE lake.duck.t (id BIGINT, label VARCHAR, n INTEGER)",
            "INSERT INTO lake.duck.t VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', NULL)",
            "INSERT INTO lake.duck.t SELECT 4, 'four', 4",
            "DELETE FROM lake.duck.t WHERE id = 1",
            "UPDATE lake.duck.t SET label = 'TWO' WHERE id = 2",
        ):
            self.duckdb.execute(sql)

    def rows(self, sql: str) -> list[Row]:
        return [list(row) for row in self.duckdb.execute(sql).fetchall()]

    def theirs(self, table: str) -> list[Row]:
        return self.rows(f"SELECT {COLUMNS} FROM {self.place(table)} ORDER BY id")


class Spark:
    """One processor, one gigabyte."""

    def __init__(self) -> None:
        folder = os.environ["CONTRAIL_ENGINES"]
        sys.path.insert(0, f"{folder}/python")
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        from pyspark.sql import SparkSession

        catalog = "spark.sql.catalog.contrail"
        settings = {
            "spark.driver.memory": "1g",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.log.level": "FATAL",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": "1",
            "spark.jars": ",".join(map(str, Path(folder).glob("jars/*.jar"))),
            "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
            catalog: "org.apache.iceberg.spark.SparkCatalog",
            f"{catalog}.type": "rest" if SERVED else "jdbc",
            f"{catalog}.uri": f"{CATALOG}/iceberg" if SERVED else f"jdbc:sqlite:{CATALOG}",
        }
        if not SERVED:
            settings |= {f"{catalog}.jdbc.schema-version": "V1", f"{catalog}.warehouse": f"{CATALOG}.spark"}
        builder = SparkSession.builder.master("local[1]")
        for key, value in settings.items():
            builder = builder.config(key, value)
        self.spark = builder.getOrCreate()

    def place(self, table: str) -> str:
        return f"contrail.{table}"

    def rows(self, sql: str) -> list[Row]:
        return [list(row) for row in self.spark.sql(sql).collect()]

    def figures(self, table: str) -> Row:
        return self.rows(statement(table, self.place(f"aviation.{table}"), "STRING", "unix_micros", "`"))[0]

    def own(self) -> None:
        merged = "(SELECT 3 AS id, 'C' AS label UNION ALL SELECT 5, 'e')"
        for sql in (
            "CREATE NAMESPACE contrail.spark",
            "CREATE TABLE contrail.spark.t (id BIGINT, name STRING, n INT, at TIMESTAMP) USING iceberg "
            "PARTITIONED BY (days(at))",
            "INSERT INTO contrail.spark.t VALUES (1, 'a', 1, TIMESTAMP'2026-01-01 00:00:00'), "
            "(2, 'b', 2, TIMESTAMP'2026-01-02 00:00:00'), (3, 'c', 3, TIMESTAMP'2026-01-02 01:00:00')",
            "ALTER TABLE contrail.spark.t ADD COLUMN speed DOUBLE",
            "ALTER TABLE contrail.spark.t RENAME COLUMN name TO label",
            "ALTER TABLE contrail.spark.t ALTER COLUMN n TYPE BIGINT",
            "ALTER TABLE contrail.spark.t REPLACE PARTITION FIELD days(at) WITH hours(at)",
            "INSERT INTO contrail.spark.t VALUES (4, 'd', 4, TIMESTAMP'2026-01-03 00:00:00', 1.5)",
            "UPDATE contrail.spark.t SET label = 'B' WHERE id = 2",
            "DELETE FROM contrail.spark.t WHERE id = 1",
            f"MERGE INTO contrail.spark.t t USING {merged} s ON t.id = s.id WHEN MATCHED THEN UPDATE SET "
            "label = s.label WHEN NOT MATCHED THEN INSERT (id, label) VALUES (s.id, s.label)",
            "ALTER TABLE contrail.spark.t DROP COLUMN speed",
            "ALTER TABLE contrail.spark.t SET TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')",
            "INSERT INTO contrail.spark.t VALUES (6, 'f', 6, NULL), (7, 'g', 7, NULL)",
            "DELETE FROM contrail.spark.t WHERE id = 6",
        ):
            self.rows(sql)

    def theirs(self, table: str) -> list[Row]:
        return self.rows(f"SELECT {COLUMNS} FROM {self.place(table)} ORDER BY id")

    def ours(self) -> dict[str, Any]:
        """An append, a delete, a column and a partition field as `states` takes them, and what it refuses."""
        states = "contrail.aviation.states"
        columns = [name for name, _ in kinds("states")]
        foreign = {"icao24": "'f00003'", "last_contact": "TIMESTAMP'2026-03-10 05:00:00'"}
        chosen = ", ".join(foreign.get(name, name) for name in columns)
        self.rows(f"INSERT INTO {states} SELECT {chosen} FROM {states} WHERE icao24 = '000005' LIMIT 1")
        appended = self.rows(f"SELECT count(*) FROM {states} WHERE icao24 = 'f00003'")[0][0]
        deleted = self.rows(f"SELECT count(*) FROM {states} WHERE icao24 = '000005'")[0][0]
        # Rows that the line adds meanwhile are no reason to begin again.
        self.rows(f"ALTER TABLE {states} SET TBLPROPERTIES ('write.delete.isolation-level' = 'snapshot')")
        self.again(f"DELETE FROM {states} WHERE icao24 IN ('000005', 'f00003')")
        self.again(f"ALTER TABLE {states} ADD COLUMN mine INT")
        self.again(f"ALTER TABLE {states} ADD PARTITION FIELD bucket(4, icao24)")
        refused = {
            "columns": self.refused(f"ALTER TABLE {states} DROP COLUMN log_offset"),
            "drop": self.refused("DROP TABLE contrail.aviation.states_raw"),
        }
        self.rows(f"ALTER TABLE {states} SET TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')")
        refused["row-level deletes"] = self.refused(f"DELETE FROM {states} WHERE icao24 = '000006'")
        self.rows(f"ALTER TABLE {states} UNSET TBLPROPERTIES ('write.delete.mode')")
        return {"appended": appended, "deleted": deleted, "refused": refused}

    def again(self, sql: str) -> None:
        """The line may have rewritten the very file in the meantime."""
        for attempt in range(10):
            try:
                self.rows(sql)
                return
            except Exception as error:  # noqa: BLE001: Py4J has one class for all
                if "ValidationException" not in str(error) or attempt == 9:
                    raise

    def refused(self, sql: str) -> str:
        try:
            self.rows(sql)
        except Exception as error:  # noqa: BLE001: as above
            return str(error)[:2000]
        raise SystemExit(f"it was let through: {sql}")

    def deletes(self) -> int:
        states = "contrail.aviation.states"
        self.rows(f"ALTER TABLE {states} SET TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')")
        gone = self.rows(f"SELECT count(*) FROM {states} WHERE icao24 = '000006'")[0][0]
        self.rows(f"DELETE FROM {states} WHERE icao24 = '000006'")
        self.rows(f"ALTER TABLE {states} UNSET TBLPROPERTIES ('write.delete.mode')")
        return int(gone)

    def copied(self, table: str, rows: str) -> float:
        self.rows("CREATE NAMESPACE IF NOT EXISTS contrail.spark")
        self.rows(
            "CREATE TABLE contrail.spark.copy USING iceberg PARTITIONED BY (hours(last_contact)) AS "
            f"SELECT * FROM {self.place(table)} LIMIT {rows}"
        )
        said = self.rows("SELECT sum(file_size_in_bytes) / sum(record_count) FROM contrail.spark.copy.files")
        return float(said[0][0])

    def mend(self) -> None:
        options = "map('rewrite-all', 'true', 'remove-dangling-deletes', 'true')"
        self.rows(f"CALL contrail.system.rewrite_data_files(table => 'aviation.states', options => {options})")


def whole(value: Any) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def timed(engine: Any, table: str, sql: str) -> float:
    took = []
    for _ in range(9):
        begun = time.perf_counter()
        engine.rows(sql.format(engine.place(table)))
        took.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(took)


def wait(file: str) -> None:
    while not Path(file).exists():
        time.sleep(0.2)


def main() -> None:
    engine: Any = {"contrail": Contrail, "pyiceberg": PyIceberg, "duckdb": DuckDb, "spark": Spark}[ENGINE]()
    steps: dict[str, Callable[[], Any]] = {
        "figures": lambda: {table: engine.figures(table) for table in TABLES},
        "theirs": lambda: {name: engine.theirs(f"{name}.t") for name in OWN.values()},
        "timed": lambda table, sql: timed(engine, table, sql),
    }
    for step in STEPS:
        if step.startswith("wait:"):
            wait(step.removeprefix("wait:"))
            continue
        name, *more = step.split(":", 2)
        print(json.dumps({name: (steps.get(name) or getattr(engine, name))(*more)}), flush=True)


main()
