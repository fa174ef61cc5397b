#!/usr/bin/env python3
"""A topic of ours into an Iceberg table by another program: Apache Iceberg's sink on Kafka Connect, on this machine.

    .contrail/venv/bin/python benches/peer_connect.py --topic TOPIC [--brokers HOST:PORT] [--registry URL] [--rows N]

TOPIC holds flight states in Confluent's frame (schemas/flight-state.avsc) on an open listener; the registry is
Apicurio, named by the base of its Confluent API. Both are those of `make services` unless named. The sink runs as its
makers ship it: two tasks, a commit every 10 seconds, a local Hadoop catalog, Parquet with zstd, times as plain
integers (its converter knows no microseconds), no partitions, no sorting, no sync to disk. Prints one JSON object:
`rows`; `seconds` from the first row's arrival, which makes the table, to the commit that holds the last row (the start
of the JVM is left out); `rows_per_second`; `cpu_seconds` in that time and `cpu_seconds_start` before it;
`peak_rss_mb`. The commit comes up to 10 seconds after the last row, so give it a million rows or more. Linux only: CPU
time and memory are read from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from live import fetch
from live.fetch import Unavailable
from live.process import Process

CONNECT, SINK, CONVERTER = "4.3.1", "1.12.0", "2.6.13.Final"
# Each folder has a class loader of its own in Connect: the converter brings older versions of what the sink brings.
PACKAGES = {
    "runtime": [
        f"org.apache.kafka:connect-runtime:{CONNECT}",
        f"org.apache.kafka:connect-json:{CONNECT}",
        "org.slf4j:slf4j-simple:1.7.36",
    ],
    "plugins/iceberg": [
        f"org.apache.iceberg:iceberg-kafka-connect:{SINK}",
        f"org.apache.iceberg:iceberg-parquet:{SINK}",
        "org.apache.hadoop:hadoop-client-api:3.4.1",
        "org.apache.hadoop:hadoop-client-runtime:3.4.1",
    ],
    "plugins/apicurio": [f"io.apicurio:apicurio-registry-utils-converter:{CONVERTER}"],
}
TASKS, COMMIT_MS = 2, 10_000


def libraries(folder: Path) -> None:
    for name, artifacts in PACKAGES.items():
        (folder / name).mkdir(parents=True)
        fetch.maven_jars(artifacts, folder / name)


def worker(args: argparse.Namespace, packages: Path, folder: Path) -> dict[str, object]:
    return {
        "bootstrap.servers": args.brokers,
        "plugin.path": packages / "plugins",
        "listeners": f"http://127.0.0.1:{free_port()}",
        "offset.storage.file.filename": folder / "offsets",
        "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        "value.converter": "io.apicurio.registry.utils.converter.AvroConverter",
        "value.converter.apicurio.registry.url": args.registry.split("/apis/")[0] + "/apis/registry/v2",
        "value.converter.apicurio.registry.as-confluent": "true",
        "value.converter.apicurio.registry.use-id": "contentId",
        "consumer.auto.offset.reset": "earliest",
        # A task whose topic has run dry hears of the next commit at this interval only; the default is a minute.
        "offset.flush.interval.ms": 1000,
    }


def connector(args: argparse.Namespace, name: str, warehouse: Path) -> dict[str, object]:
    return {
        "name": name,
        "connector.class": "org.apache.iceberg.connect.IcebergSinkConnector",
        "tasks.max": TASKS,
        "topics": args.topic,
        "iceberg.tables": "peer.states",
        "iceberg.tables.auto-create-enabled": "true",
        "iceberg.catalog.type": "hadoop",
        "iceberg.catalog.warehouse": warehouse.as_uri(),
        "iceberg.control.topic": name,
        "iceberg.control.commit.interval-ms": COMMIT_MS,
    }


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def messages(brokers: str, topic: str) -> int:
    """How many offsets the topic holds; with transactions some of them are marks and not messages."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": f"count-{uuid.uuid4()}", "log_level": 0})
    try:
        found = consumer.list_topics(topic, timeout=20).topics[topic]
        if found.error:
            raise Unavailable(f"topic {topic}: {found.error}")
        marks = [consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=20) for each in found.partitions]
        return sum(high - low for low, high in marks)
    finally:
        consumer.close()


@dataclass
class Use:
    """What a process has used so far."""

    cpu_seconds: float
    peak_rss_mb: float

    @classmethod
    def of(cls, pid: int) -> Use:
        # The second word, the name of the program, may hold spaces: what follows its bracket may not.
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(words[11]) + int(words[12])
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
        return cls(ticks / os.sysconf("SC_CLK_TCK"), peak * 1024 / 1e6)


def landed(table: Path) -> tuple[int, int, float]:
    """Rows in the newest version of the table, its commits, and the time of the last one."""
    versions = sorted(table.glob("metadata/v*.metadata.json"), key=lambda file: int(file.name[1:].split(".")[0]))
    if not versions:
        return 0, 0, 0.0
    snapshots = json.loads(versions[-1].read_text()).get("snapshots", [])
    if not snapshots:
        return 0, 0, 0.0
    last = max(snapshots, key=lambda snapshot: snapshot["sequence-number"])
    return int(last["summary"]["total-records"]), len(snapshots), last["timestamp-ms"] / 1e3


def check_tasks(process: Process) -> None:
    """A task that gives up does not end Connect: its log alone says so."""
    lines = process.log.read_text(errors="replace").splitlines()
    at = next((number for number, line in enumerate(lines) if "unrecoverable exception" in line), None)
    if at is not None:
        causes = [line for line in lines[at:] if not line.startswith("\tat ")]
        raise Unavailable("\n".join(["the sink gave up:", *causes[:6]]))


def measure(args: argparse.Namespace, process: Process, table: Path, rows: int) -> dict[str, object]:
    """Waits for the first row, which makes the table, and for the last."""
    made = table / "metadata/v1.metadata.json"

    def begun() -> bool:
        check_tasks(process)
        return made.exists()

    process.wait(begun)
    pid = process.pid()
    if pid is None:
        raise Unavailable(f"Connect ended; the end of its log:\n{process.tail()}")
    start = use = Use.of(pid)
    first = json.loads(made.read_text())["last-updated-ms"] / 1e3
    while landed(table)[0] < rows:
        if process.pid() is None or time.time() - first > args.deadline:
            count = landed(table)[0]
            raise Unavailable(f"{count} of {rows} rows landed; the end of the log:\n{process.tail()}")
        check_tasks(process)
        use = Use.of(pid)
        time.sleep(0.2)
    count, commits, last = landed(table)
    seconds = last - first
    cpu = use.cpu_seconds - start.cpu_seconds
    return {
        "peer": f"Iceberg sink {SINK} on Kafka Connect {CONNECT}",
        "rows": count,
        "commits": commits,
        "seconds": round(seconds, 2),
        "rows_per_second": round(count / seconds),
        "cpu_seconds": round(cpu, 2),
        "cpu_seconds_start": round(start.cpu_seconds, 2),
        "rows_per_cpu_second": round(count / cpu),
        "peak_rss_mb": round(use.peak_rss_mb),
    }


def run(args: argparse.Namespace, folder: Path) -> dict[str, object]:
    java = fetch.java(17)
    if not java:
        raise Unavailable("no Java 17 or newer: run scripts/setup test")
    packages = fetch.cached("connect-iceberg", f"{CONNECT}-{SINK}", libraries)
    rows = args.rows or messages(args.brokers, args.topic)
    if rows == 0:
        raise Unavailable(f"topic {args.topic} is empty")
    name, warehouse = f"peer-{uuid.uuid4()}", folder / "warehouse"
    for file, settings in {"worker": worker(args, packages, folder), "sink": connector(args, name, warehouse)}.items():
        lines = "".join(f"{key}={value}\n" for key, value in settings.items())
        (folder / f"{file}.properties").write_text(lines)
    admin = AdminClient({"bootstrap.servers": args.brokers, "log_level": 0})
    # The sink expects its control topic to be there.
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(20)
    process = Process("connect", folder)
    try:
        # The heap that Kafka's own start script gives it.
        process.spawn([java, "-Xms256M", "-Xmx2G", process.mark, "-cp", f"{packages}/runtime/*",
                       "org.apache.kafka.connect.cli.ConnectStandalone", f"{folder}/worker.properties",
                       f"{folder}/sink.properties"])
        return measure(args, process, warehouse / "peer/states", rows)
    finally:
        process.stop()
        admin.delete_topics([name])[name].result(20)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--brokers", default=os.environ.get("KAFKA_BROKERS"), help="default: KAFKA_BROKERS")
    parser.add_argument("--registry", default=os.environ.get("REGISTRY_URL"), help="default: REGISTRY_URL")
    parser.add_argument("--rows", type=int, help="stop at so many; default: all that the topic holds at the start")
    parser.add_argument("--deadline", type=float, default=900, help="seconds from the first row on (900)")
    parser.add_argument("--keep", type=Path, help="a new folder for table and log, kept; default: a temporary one")
    args = parser.parse_args()
    if not args.brokers or not args.registry:
        parser.error("name broker and registry, or set KAFKA_BROKERS and REGISTRY_URL (make -s services-env)")
    if "/apis/" not in args.registry:
        parser.error("the registry must be Apicurio: http://HOST:PORT/apis/ccompat/v7")
    folder = Path(tempfile.mkdtemp(prefix="contrail-peer-"))
    if args.keep:
        folder.rmdir()
        folder = args.keep.resolve()
        folder.mkdir(parents=True)
    try:
        print(json.dumps(run(args, folder)))
        return 0
    except (Unavailable, KafkaException) as error:
        fetch.say(str(error))
        return 1
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
