#!/usr/bin/env python3
"""Log to Iceberg: how fast the land role of the binary named takes a full log into `states_raw`, synced to disk.

    benches/land.py BINARY [--rows 100000] [--answers 240] [--aircraft 12000] [--maintain]

Writes a recording, has `contrail run source` put it into the log, then times `contrail run land` by what the table itself
says has landed. --rows is the most rows a commit may have. --maintain lands the same log three times more, beside the maintainer,
beside the builder, and beside both, and prints the ratios. Needs nothing but Python.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

START = 1_773_503_400


def record(path, answers, aircraft, first=START, every=10):
    """Answers as OpenSky sends them, of aircraft in straight flight."""
    dice = random.Random(1)
    fleet = [
        (f"{dice.randrange(1 << 24):06x}", f"CTR{n % 9000 + 100:<5}", dice.uniform(-80, 80), dice.uniform(-180, 180),
         dice.uniform(0, 12_000), dice.uniform(60, 260), dice.uniform(0, 360))
        for n in range(aircraft)
    ]
    with open(path, "w") as file:
        for answer in range(answers):
            at = first + every * answer
            rows = (
                f'["{icao}","{callsign}","Germany",{at - n % 6},{at - n % 3},{lon + answer * 0.011:.4f},{lat:.4f},'
                f'{altitude:.2f},false,{speed:.2f},{track:.2f},{(n % 7 - 3) * 0.33:.2f},null,{altitude + 60:.2f},null,false,0]'
                for n, (icao, callsign, lat, lon, altitude, speed, track) in enumerate(fleet)
            )
            file.write(f'{{"time":{at},"states":[{",".join(rows)}]}}\n')


def metadata(folder):
    """The metadata of `states_raw`, from the catalog file alone; nothing before there is a table."""
    try:
        with sqlite3.connect(f"file:{folder}/data/catalog.db?mode=ro", uri=True, timeout=5) as catalog:
            found = catalog.execute("SELECT metadata_location FROM iceberg_tables WHERE table_name = 'states_raw'")
            place = found.fetchone()[0].removeprefix("file://")
        with open(place) as file:
            return json.load(file)
    except (TypeError, OSError, sqlite3.Error):
        return {}


def landed(folder):
    """Rows that the table says have landed."""
    properties = metadata(folder).get("properties", {})
    offsets = [json.loads(v) for k, v in properties.items() if k.startswith("contrail.offsets.")]
    return sum(sum(offset.values()) for offset in offsets)


def compacted(folder):
    """Files that maintenance has put together, of the snapshots that are kept."""
    summaries = [snapshot["summary"] for snapshot in metadata(folder)["snapshots"]]
    return sum(int(summary.get("deleted-data-files", 0)) for summary in summaries if summary["operation"] == "replace")


def start(args, folder, roles, *settings):
    command = [args.binary, "run", *roles, "--data-dir", "data"]
    for setting in ("feed.opensky.enabled=false", "log.limit_bytes=64 GiB", *settings):
        command += ["--set", setting]
    env = {**os.environ, "XDG_CONFIG_HOME": folder, "NO_COLOR": "1"}
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait(120)


def landing(args, folder, roles, total):
    """Rows a second of the land role, among these."""
    settings = [f"land.commit.rows={args.rows}", "land.commit.interval=1h", "maintain.interval=1s"]
    land = start(args, folder, roles, *settings)
    begun = None
    while (rows := landed(folder)) < total - total % args.rows:
        if begun is None and rows > 0:
            # From the first commit on: what a start costs is measured elsewhere.
            begun, first = time.perf_counter(), rows
        if land.poll() is not None:
            sys.exit("landing ended early:\n" + land.stderr.read())
        time.sleep(0.005)
    took = time.perf_counter() - begun
    stat = open(f"/proc/{land.pid}/stat").read().rsplit(")", 1)[1].split()
    cpu = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    print(f"{' '.join(roles):20} {rows} rows in commits of {args.rows}: {(rows - first) / took / 1e6:.2f} M rows/s wall, "
          f"{rows / cpu / 1e6:.2f} M rows per CPU second")
    if "maintain" in roles:
        print(f"{'':20} {compacted(folder)} files were compacted meanwhile")
    stop(land)
    return (rows - first) / took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--answers", type=int, default=240)
    parser.add_argument("--aircraft", type=int, default=12_000)
    parser.add_argument("--maintain", action="store_true")
    args = parser.parse_args()
    total = args.answers * args.aircraft
    with tempfile.TemporaryDirectory(prefix="contrail-land-") as folder:
        record(os.path.join(folder, "sky.ndjson"), args.answers, args.aircraft)
        source = start(args, folder, ["source"], "feed.rec.kind=replay", "feed.rec.path=sky.ndjson", "feed.rec.speed=0")
        begun = time.perf_counter()
        said = []
        for line in source.stderr:
            said.append(line)
            if re.search("feed has ended", line):
                break
        else:
            sys.exit("the source ended early:\n" + "".join(said[-5:]))
        took = time.perf_counter() - begun
        print(f"source  {total} rows parsed, encoded and appended: {total / took / 1e6:.2f} M rows/s")
        stop(source)
        with tempfile.TemporaryDirectory(prefix="contrail-log-") as log:
            keep = os.path.join(log, "data")
            shutil.copytree(f"{folder}/data", keep)
            rates = {}
            for roles in ["land", "land maintain", "land build", "land build maintain"][: 4 if args.maintain else 1]:
                shutil.rmtree(f"{folder}/data")
                shutil.copytree(keep, f"{folder}/data")
                rates[roles] = landing(args, folder, roles.split(), total)
            for roles in ["land", "land build"] if args.maintain else []:
                print(f"ratio   {roles} maintain is {rates[roles + ' maintain'] / rates[roles]:.2f} of {roles}")


if __name__ == "__main__":
    main()
