#!/usr/bin/env python3
"""Whether a long history makes a small question slow: marts built anew, and an hour asked for, with one day of history and
with thirty.

    .contrail/venv/bin/python benches/history.py BINARY [--days 30] [--aircraft 1500] [--engines]

Plays an answer each ten minutes of that many days into a node, then times, on the newest hour: `POST /api/v1/build` of
every mart, and a statement over one hour of `states`; with --engines the same statement by DuckDB's own iceberg_scan and
by Spark, from the catalog file. Medians of nine.
"""

import argparse
import http.client
import json
import os
import signal
import statistics
import tempfile
import time
from datetime import datetime, timezone

import engines
from land import record, start

MARTS = ["country_stats", "hourly_activity", "flight_density", "altitude_distribution", "airline_activity",
         "aircraft_stats", "daily_trends", "weekday_trends"]
STEP = 600


class Node:
    def __init__(self, folder):
        with open(f"{folder}/data/node.json") as file:
            node = json.load(file)
        self.token, self.host = node["token"], node["url"].split("//")[1]

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.host, timeout=600)
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        connection.request(method, path, body and json.dumps(body), headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {said.decode()}")
        return json.loads(said)


def timed(work):
    took = []
    for _ in range(9):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1e3


def settled(node, rows):
    """Waits until all has landed and two looks two seconds apart see the same rows built."""
    builds = None
    while True:
        status = node.ask("GET", "/api/v1/status")
        landed = status["lake"]["landed_rows"]
        seen = node.ask("POST", "/api/v1/sql", {"sql": "SELECT count(*) AS n FROM states", "limit": 1})["rows"]
        if landed >= rows and seen == builds:
            return
        builds = seen
        time.sleep(2)


def measured(args, days):
    answers = days * 86_400 // STEP
    first = int(time.time()) // 3600 * 3600 - days * 86_400
    with tempfile.TemporaryDirectory(prefix="contrail-history-") as folder:
        record(f"{folder}/sky.ndjson", answers, args.aircraft, first, STEP)
        process = start(args, folder, ["source", "land", "build", "maintain", "serve"], "feed.rec.kind=replay",
                        "feed.rec.path=sky.ndjson", "feed.rec.speed=0", "serve.http.listen=127.0.0.1:0",
                        "maintain.interval=5s")
        while not os.path.exists(f"{folder}/data/node.json"):
            time.sleep(0.1)
        time.sleep(1)
        node = Node(folder)
        settled(node, answers * args.aircraft)
        hour = datetime.fromtimestamp(first + days * 86_400 - 7200, timezone.utc)
        text = hour.strftime("%Y-%m-%dT%H:%M:%SZ")
        marts = timed(lambda: node.ask("POST", "/api/v1/build", {"models": MARTS, "hours": [text]}))
        inside = f"last_contact >= TIMESTAMPTZ '{text}' AND last_contact < TIMESTAMPTZ '{text}' + INTERVAL 1 HOUR"
        what = "SELECT country, count(*) AS n, avg(velocity) AS v FROM {} WHERE " + inside + " GROUP BY country"
        ours = timed(lambda: node.ask("POST", "/api/v1/sql", {"sql": what.format("states"), "limit": 1000}))
        theirs = {}
        for engine in ("duckdb", "spark") if args.engines else ():
            asked = what if engine == "duckdb" else what.replace("TIMESTAMPTZ", "TIMESTAMP")
            theirs[engine] = engines.ask(engine, f"{folder}/data/catalog.db", f"timed:aviation.states:{asked}")
        process.send_signal(signal.SIGTERM)
        process.wait(120)
    said = "   ".join(f"by {engine} {took:.0f} ms" for engine, took in theirs.items())
    print(f"{days:3} days: all marts of one hour {marts:.0f} ms   an hour of states {ours:.0f} ms   {said}")
    return marts, ours, theirs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--aircraft", type=int, default=1500)
    parser.add_argument("--engines", action="store_true")
    args = parser.parse_args()
    one, many = measured(args, 1), measured(args, args.days)
    print(f"ratio, {args.days} days to one: marts {many[0] / one[0]:.2f}, an hour of states {many[1] / one[1]:.2f}"
          + "".join(f"; {engine} takes {took / many[1]:.1f} times as long as the node" for engine, took in many[2].items()))


if __name__ == "__main__":
    main()
