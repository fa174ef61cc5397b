#!/usr/bin/env python3
"""Kafka to Iceberg: how fast the land role of the binary named takes a full topic, beside Iceberg's sink on Connect.

    .contrail/venv/bin/python benches/kafka_land.py BINARY [--rows 3000000] [--topic TOPIC] [--no-peer]

Fills a topic of two partitions by `contrail run source` from a made-up recording (or takes the one named, which must hold
flight states in Confluent's frame with the registry's ids), lets `contrail run land` take all of it, then peer_connect.py.
Both are timed from their first row (for the peer, the making of its table; for us, the start of reading, which comes
before) to the commit that holds the last one; the start of the process is left out. Needs `make services`. Linux only:
CPU time and memory are read from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from confluent_kafka.admin import AdminClient

from land import record, stop
from peer_connect import Use, messages

AIRCRAFT = 12_000
PARTITIONS = 2


def start(args: argparse.Namespace, folder: Path, role: str, *settings: str) -> tuple[subprocess.Popen[bytes], Path]:
    """A role of the binary, and the file with its words."""
    command = [args.binary, "run", role, "--data-dir", role]
    common = [
        "feed.opensky.enabled=false", "log.kind=kafka", f"log.kafka.brokers={args.brokers}",
        f"log.topic={args.topic}", f"log.kafka.partitions={PARTITIONS}", f"registry.url={args.registry}",
    ]
    for setting in (*common, *settings):
        command += ["--set", setting]
    words = folder / f"{role}.log"
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder), "NO_COLOR": "1"}
    with words.open("w") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=file)
    return process, words


def wait_said(process: subprocess.Popen[bytes], words: Path, text: str) -> None:
    while text not in words.read_text():
        if process.poll() is not None:
            sys.exit(f"it ended early:\n{words.read_text()[-2000:]}")
        time.sleep(0.005)


def fill(args: argparse.Namespace, folder: Path) -> None:
    answers = -(-args.rows // AIRCRAFT)
    record(folder / "sky.ndjson", answers, AIRCRAFT)
    begun = time.perf_counter()
    # Without the spool the last answer is acknowledged when the feed has ended.
    process, words = start(args, folder, "source", "feed.rec.kind=replay", "feed.rec.path=sky.ndjson",
                           "feed.rec.speed=0", "log.spool.enabled=false")
    wait_said(process, words, "feed has ended")
    while messages(args.brokers, args.topic) < answers * AIRCRAFT:
        time.sleep(0.1)
    took = time.perf_counter() - begun
    stop(process)
    print(f"filled {args.topic} with {answers * AIRCRAFT} rows in {took:.1f} s", file=sys.stderr)


def table(folder: Path) -> tuple[int, int, float]:
    """Rows of states_raw, its commits, and the time of the last, from its files alone."""
    files = list((folder / "land").glob("warehouse/**/states_raw/metadata/*.metadata.json"))
    if not files:
        return 0, 0, 0.0
    newest = max(files, key=lambda file: file.stat().st_mtime_ns)
    try:
        snapshots = json.loads(newest.read_text()).get("snapshots", [])
    except (OSError, json.JSONDecodeError):
        return 0, 0, 0.0
    if not snapshots:
        return 0, 0, 0.0
    last = max(snapshots, key=lambda snapshot: snapshot["sequence-number"])
    return int(last["summary"]["total-records"]), last["sequence-number"], last["timestamp-ms"] / 1e3


def ours(args: argparse.Namespace, folder: Path, rows: int) -> dict[str, object]:
    process, words = start(args, folder, "land")
    wait_said(process, words, "landing resumes")
    first, begun = time.time(), Use.of(process.pid)
    while table(folder)[0] < rows:
        if process.poll() is not None:
            sys.exit(f"landing ended early:\n{words.read_text()[-2000:]}")
        if time.time() - first > 600:
            sys.exit(f"{table(folder)[0]} of {rows} rows landed")
        time.sleep(0.02)
    use = Use.of(process.pid)
    count, commits, last = table(folder)
    stop(process)
    seconds, cpu = last - first, use.cpu_seconds - begun.cpu_seconds
    return {
        "land": "contrail run land",
        "rows": count,
        "commits": commits,
        "seconds": round(seconds, 2),
        "rows_per_second": round(count / seconds),
        "cpu_seconds": round(cpu, 2),
        "cpu_seconds_start": round(begun.cpu_seconds, 2),
        "rows_per_cpu_second": round(count / cpu),
        "peak_rss_mb": round(use.peak_rss_mb),
    }


def peer(args: argparse.Namespace) -> dict[str, object]:
    script = Path(__file__).with_name("peer_connect.py")
    command = [sys.executable, script, "--topic", args.topic, "--brokers", args.brokers, "--registry", args.registry]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--topic", help="one that is full; it stays")
    parser.add_argument("--brokers", default=os.environ.get("KAFKA_BROKERS"), help="default: KAFKA_BROKERS")
    parser.add_argument("--registry", default=os.environ.get("REGISTRY_URL"), help="default: REGISTRY_URL")
    parser.add_argument("--no-peer", action="store_true", help="measure us alone")
    parser.add_argument("--keep", action="store_true", help="the topic that was filled stays")
    args = parser.parse_args()
    if not args.brokers or not args.registry:
        parser.error("name broker and registry, or set KAFKA_BROKERS and REGISTRY_URL (make -s services-env)")
    fresh = args.topic is None
    args.topic = args.topic or f"bench-{uuid.uuid4()}"
    try:
        with tempfile.TemporaryDirectory(prefix="contrail-kafka-land-") as name:
            folder = Path(name)
            if fresh:
                fill(args, folder)
            us = ours(args, folder, messages(args.brokers, args.topic))
        print(json.dumps(us))
        if not args.no_peer:
            them = peer(args)
            print(json.dumps(them))
            for figure in ("rows_per_second", "rows_per_cpu_second"):
                print(f"{figure}: {float(us[figure]) / float(them[figure]):.1f} times the peer")
            print(f"peak memory: {float(us['peak_rss_mb']) / float(them['peak_rss_mb']):.3f} of the peer")
    finally:
        if fresh and not args.keep:
            admin = AdminClient({"bootstrap.servers": args.brokers, "log_level": 0})
            for gone in admin.delete_topics([args.topic]).values():
                gone.result(20)


if __name__ == "__main__":
    main()
