"""Computes the country, hour and altitude marts straight from a recording and compares them with Contrail's Parquet files.

Usage: recording.py RECORDING.ndjson[.gz] MARTS_FOLDER. Needs the duckdb module, and nothing of Contrail.
"""

import gzip
import json
import sys
from collections import defaultdict

import duckdb

recording, marts = sys.argv[1:]
opener = gzip.open if recording.endswith(".gz") else open

seen = set()
hours = defaultdict(lambda: [set(), 0])
bands = defaultdict(int)
countries = defaultdict(lambda: [set(), 0])
with opener(recording, "rt") as lines:
    for line in lines:
        answer = json.loads(line)
        for s in answer["states"] or []:
            icao24, contact, lon, lat = s[0], s[4], s[5], s[6]
            if lon is None or lat is None or contact is None:
                continue
            if not answer["time"] - 86400 <= contact <= answer["time"] + 60 or (icao24, contact) in seen:
                continue
            seen.add((icao24, contact))
            hour = contact // 3600
            hours[hour][0].add(icao24)
            hours[hour][1] += 1
            countries[hour, s[2]][0].add(icao24)
            countries[hour, s[2]][1] += 1
            altitude = s[7] if s[7] is not None else s[13]
            # Metres, a band each thousand of them: the system that this replaces took them for feet.
            band = 0 if s[8] else -1 if altitude is None else 1 + min(max(int(altitude // 1000), 0), 13)
            bands[hour, band] += 1


def mart(name, columns):
    sql = f"SELECT epoch(hour)::BIGINT // 3600, {columns} FROM read_parquet('{marts}/{name}/*.parquet')"
    return duckdb.sql(sql).fetchall()


def same(name, found, wanted):
    if found != wanted:
        missing, extra = sorted(wanted - found)[:5], sorted(found - wanted)[:5]
        sys.exit(f"{name} differs: expected but not there {missing}, there but not expected {extra}")
    print(f"{name}: {len(found)} rows equal")


same("hourly_activity", set(mart("hourly_activity", "aircraft, observations")), {(h, len(a), n) for h, (a, n) in hours.items()})
same("altitude_distribution", set(mart("altitude_distribution", "altitude_band, observations")), {(h, b, n) for (h, b), n in bands.items()})
# Names differ (OpenSky's against ISO codes), so countries are compared as what each hour has of them. One country may
# have two names in the recording, and an aircraft whose country changes within an hour is counted once by Contrail.
found = defaultdict(int)
for hour, observations in mart("country_stats", "observations"):
    found[hour] += observations
same("country_stats (sums)", {(h, n) for h, n in found.items()}, {(h, n) for h, (_, n) in hours.items()})
most = {h: max(n for (hour, _), (_, n) in countries.items() if hour == h) for h in hours}
largest = defaultdict(int)
for hour, observations in mart("country_stats", "observations"):
    largest[hour] = max(largest[hour], observations)
same("country_stats (largest)", set(largest.items()), set(most.items()))
