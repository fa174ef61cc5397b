#!/usr/bin/env python3
"""The whole line, from the feed to map, lake and marts, on the binary named: latencies, processor time, memory.

    benches/line.py BINARY [--aircraft 12000] [--interval 10] [--answers 30] [--past 50] [--json]

Plays `contrail sky` into `contrail up` in a temporary folder, so the answers come over HTTP as OpenSky's do. For each
answer it takes the time from the node's own stamp of the fetch until a client has the new frame, until the rows are in
the lake, and until the marts have them. --past plays that many minutes of other aircraft into it first, as if it had run
since then: what the end of an hour costs. All clocks are this machine's. Needs nothing but Python.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime

from land import record

TICK = os.sysconf("SC_CLK_TCK")


def seconds(stamp):
    """RFC 3339 to seconds since the epoch."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() if stamp else 0.0


def start(command, folder):
    """Starts a process and waits for the address it prints."""
    env = {**os.environ, "XDG_CONFIG_HOME": folder, "NO_COLOR": "1"}
    log = open(os.path.join(folder, os.path.basename(command[0]) + "-" + command[1] + ".log"), "wb")
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=log)
    for line in process.stdout:
        if b"http://" in line:
            rest = line.decode().split("http://")[1]
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process, rest.split("/")[0].split()[0]
    sys.exit(f"{' '.join(command)} ended before it said its address; see {log.name}")


class Client:
    """One kept connection."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=30)

    def get(self, path):
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def status(self):
        return json.loads(self.get("/api/v1/status")[1])


def frames(address, seen, aircraft):
    """Follows the event stream as the map does: fetches each frame that is announced, notes when it was there."""
    stream = http.client.HTTPConnection(address, timeout=600)
    stream.request("GET", "/api/v1/live/events", headers={"accept": "text/event-stream"})
    body, client, event = stream.getresponse(), Client(address), ""
    while line := body.readline().decode():
        if line.startswith("event:"):
            event = line[6:].strip()
        elif line.startswith("data:") and event == "frame":
            url = json.loads(line[5:]).get("url")
            _, frame = client.get(url)
            now = time.time()
            count = int.from_bytes(frame[4:8], "little")
            if count:
                aircraft.setdefault("first", now)
            seen.append((now, count))


def usage(pid):
    """Processor seconds so far, resident and greatest resident memory in MB."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status") as file:
        status = dict(line.split(":", 1) for line in file if ":" in line)
    memory = [int(status[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")]
    return (int(fields[11]) + int(fields[12])) / TICK, *memory


def settled(status):
    """Whether the past has been played, has landed, and is in the marts."""
    played = any(feed["name"] == "past" and feed["state"] == "ended" for feed in status["feeds"])
    idle = time.time() - seconds(status["build"]["built_at"]) > 2
    return played and status["log"]["lag_rows"] == 0 and idle


def spread(values):
    ordered = sorted(values)
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))]
    return {"median": statistics.median(ordered), "p95": at(0.95), "max": ordered[-1], "n": len(ordered)}


def measure(args, folder):
    sky, sky_address = start([args.binary, "sky", "--listen", "127.0.0.1:0", "--aircraft", str(args.aircraft)], folder)
    up = [args.binary, "up", "--data-dir", "data", "--set", "serve.http.listen=127.0.0.1:0"]
    up += ["--set", f"feed.opensky.url=http://{sky_address}/api", "--set", f"feed.opensky.interval={args.interval}s"]
    if args.past:
        answers = args.past * 60 // args.interval
        record(os.path.join(folder, "past.ndjson"), answers, args.aircraft, int(time.time()) - 10 * answers)
        up += ["--set", "feed.past.kind=replay", "--set", "feed.past.path=past.ndjson", "--set", "feed.past.speed=0"]
    node, address = start(up, folder)
    seen, first = [], {}
    threading.Thread(target=frames, args=(address, seen, first), daemon=True).start()
    client = Client(address)
    latencies = {"map": [], "lake": [], "marts": []}
    while args.past and not settled(client.status()):
        time.sleep(1)
    resident, begun, began_at = [], None, None
    known, waits = 0.0, {}
    while len(latencies["marts"]) < args.answers:
        # Asking costs the node time too: closely only while an answer is under way.
        idle = begun is not None and not waits and time.time() < known + args.interval - 0.5
        time.sleep(0.2 if idle else 0.01)
        status = client.status()
        fetched = max([seconds(feed["last_fetch_at"]) for feed in status["feeds"]] or [0.0])
        if fetched > known:
            known, waits = fetched, {"lake", "marts"}
            if begun is None:
                # The first answer is the start, not the steady state.
                begun, began_at, waits = usage(node.pid)[0], time.time(), set()
        landed, built = seconds(status["lake"]["landed_at"]), seconds(status["build"]["built_at"])
        for name, at in (("lake", landed), ("marts", built)):
            if name in waits and at >= known:
                waits.discard(name)
                latencies[name].append(at - known)
                if name == "lake":
                    shown = [moment for moment, _ in seen if moment >= known]
                    latencies["map"] += [shown[0] - known] if shown else []
                else:
                    resident.append(usage(node.pid)[1])
    used, _, most = usage(node.pid)
    busy = (used - begun) / (time.time() - began_at) / os.cpu_count()
    node.terminate()
    node.wait(60)
    # A warm start: the log's tail and the lake are there.
    exec_at = time.time()
    node, address = start(up, folder)
    seen, first = [], {}
    frames_of = threading.Thread(target=frames, args=(address, seen, first), daemon=True)
    frames_of.start()
    while "first" not in first and time.time() - exec_at < 60:
        time.sleep(0.005)
    node.terminate()
    node.wait(60)
    sky.kill()
    return {
        "aircraft": seen[-1][1] if seen else 0,
        "interval_s": args.interval,
        "fetch_to_map_ms": {k: round(v * (1 if k == "n" else 1e3), 1) for k, v in spread(latencies["map"]).items()},
        "fetch_to_lake_ms": {k: round(v * (1 if k == "n" else 1e3), 1) for k, v in spread(latencies["lake"]).items()},
        "fetch_to_marts_ms": {k: round(v * (1 if k == "n" else 1e3), 1) for k, v in spread(latencies["marts"]).items()},
        "share_of_all_cores": round(busy, 4),
        "resident_mb": {"median": round(statistics.median(resident)), "max_sampled": round(max(resident)), "peak": round(most)},
        "first_aircraft_after_warm_start_s": round(first.get("first", float("nan")) - exec_at, 2),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("--aircraft", type=int, default=12_000)
    parser.add_argument("--interval", type=int, default=10)
    parser.add_argument("--answers", type=int, default=30)
    parser.add_argument("--past", type=int, default=0, metavar="MINUTES")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="contrail-line-") as folder:
        found = measure(args, folder)
    if args.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        text = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else value
        print(f"{name:36} {text}")


if __name__ == "__main__":
    main()
