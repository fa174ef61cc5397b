#!/usr/bin/env python3
"""Draws what `flat_bench` printed: whether commits, plans, files, metadata and memory stay flat. Needs nothing but Python.

    flat_bench 20000 | tee flat.csv && benches/flat.py flat.csv docs/images/flat.svg

Each panel starts at nothing. Prints the mean of the first and of the last tenth, and the ratio, for the page on
performance.
"""

import csv
import sys

WIDTH, HEIGHT, GAP, LEFT, TOP = 300, 110, 46, 20, 34
PANELS = [
    ("commit, ms", ["commit_p50_ms", "commit_p99_ms"], ["half of all", "99 of 100"]),
    ("plan of one hour by a process just started, ms", ["plan_cold_ms"], []),
    ("plan of one hour by one that runs, µs", ["plan_warm_us"], []),
    ("live files, and files on disk", ["live_files", "files_on_disk"], ["live", "on disk"]),
    ("metadata file, kB", ["metadata_kB"], []),
    ("memory, MB", ["memory_MB"], []),
]
STYLE = """
text { font: 11px Inter, system-ui, sans-serif; fill: #5d6b81 } .title { font-weight: 600; fill: #101828 }
.sheet { fill: #fff } .axis { stroke: #cfd8e3 } .line0 { stroke: #0b6bcb } .line1 { stroke: #a86200 }
.name0 { fill: #0b6bcb } .name1 { fill: #a86200 } path { fill: none; stroke-width: 1.6 }
@media (prefers-color-scheme: dark) {
  text { fill: #7b8dad } .title { fill: #e8eef9 } .sheet { fill: #0e1625 } .axis { stroke: #2a3a57 }
  .line0 { stroke: #5db2ff } .line1 { stroke: #f7b955 } .name0 { fill: #5db2ff } .name1 { fill: #f7b955 }
}
"""


def ceiling(value):
    """The next round number above."""
    size = 10 ** (len(str(int(value))) - 1) if value >= 1 else 0.1
    return next(step * size for step in (1, 1.5, 2, 3, 5, 7.5, 10) if step * size >= value)


def panel(at, title, columns, names, rows):
    x, y = LEFT + at % 2 * (WIDTH + GAP), TOP + at // 2 * (HEIGHT + GAP)
    top, last = ceiling(max(row[column] for row in rows for column in columns)), rows[-1]["commits"]
    yield f'<text class="title" x="{x}" y="{y - 10}">{title}</text>'
    for share, label in ((0, ""), (1, f"{top:g}")):
        level = y + HEIGHT * (1 - share)
        yield f'<line class="axis" x1="{x}" x2="{x + WIDTH}" y1="{level}" y2="{level}"/>'
        yield f'<text x="{x + WIDTH}" y="{level - 4}" text-anchor="end">{label}</text>'
    for share in (0, 0.5, 1):
        anchor = {0: "start", 0.5: "middle", 1: "end"}[share]
        label = f"{int(last * share):,}" + (" commits" if share == 1 else "")
        yield f'<text x="{x + WIDTH * share}" y="{y + HEIGHT + 14}" text-anchor="{anchor}">{label}</text>'
    for number, column in enumerate(columns):
        points = (f"{x + WIDTH * row['commits'] / last:.1f} {y + HEIGHT * (1 - row[column] / top):.1f}" for row in rows)
        yield f'<path class="line{number}" d="M{"L".join(points)}"/>'
    for number, name in enumerate(names):
        yield f'<text class="name{number}" x="{x + 6 + 76 * number}" y="{y + 13}">{name}</text>'


def main():
    source, target = sys.argv[1:]
    with open(source) as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    tenth = max(1, len(rows) // 10)
    for column in rows[0]:
        first, last = (sum(row[column] for row in part) / tenth for part in (rows[:tenth], rows[-tenth:]))
        if column != "commits":
            print(f"{column:16} first tenth {first:10.2f}   last tenth {last:10.2f}   ratio {last / max(first, 1e-9):.2f}")
    width, height = 2 * WIDTH + GAP + 2 * LEFT, TOP + (len(PANELS) + 1) // 2 * (HEIGHT + GAP)
    parts = [part for at, (title, *rest) in enumerate(PANELS) for part in panel(at, title, *rest, rows)]
    with open(target, "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">'
                   f'<style>{STYLE}</style><rect class="sheet" width="{width}" height="{height}" rx="10"/>\n')
        file.write("\n".join(parts) + "\n</svg>\n")


if __name__ == "__main__":
    main()
