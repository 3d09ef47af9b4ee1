"""``make bench``: measure every row, print the table, write docs/benchmarks.md and the JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import measure_row
from benchmarks.rows import build_rows

_DOCS = Path(__file__).parents[1] / "docs"
_HEAD = """\
# Benchmarks

Made by `make bench`, never typed. Both sides of a row run in turn in one session; times are
medians, memory is the highest peak of the largest process. Trust the ratios, not the seconds: the
machine is small and shared. A target that is not reached stays in the table.

"""


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description="Measure against the bare engines.")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side (default 5)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="Singer records")
    parser.add_argument("--only", nargs="*", default=(), help="the keys of some rows")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and .json")
    options = parser.parse_args()
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="connectors-bench-") as folder,
        console.status("making data ...") as status,
    ):
        rows = build_rows(Path(folder), rows=options.rows)
        chosen = [row for row in rows if row.key in (options.only or [row.key])]
        measured = [measure_row(row, rounds=options.rounds, tell=status.update) for row in chosen]
    about = f"{datetime.now(UTC):%Y-%m-%d}, {options.rounds} rounds, "
    about += f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    records = [one.to_json() | {"about": about} for one in measured]
    console.print(_render_table(records))
    if options.write:
        _write(records)


def _render_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("what", "ours", "bare", "ratio", "more", "target", "peak ours / bare")
    for one in rows:
        _, *numbers = _cells(one)
        table.add_row(one["key"], *numbers)
    return table


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    ours, bare = one["ours"], one["baseline"]
    return (
        one["title"],
        f"{ours['median_seconds']:.2f} s",
        f"{bare['median_seconds']:.2f} s",
        f"{one['ratio']:.2f}",
        f"{one['extra_seconds']:+.2f} s",
        _target(one),
        f"{ours['peak_mib']} / {bare['peak_mib']} MiB" if ours["peak_mib"] else "-",
    )


def _target(one: dict[str, Any]) -> str:
    bound = one["bound"]
    if bound is None:
        return "-"
    if one["bound_is_extra"]:
        return f"+{bound:g} s, {'reached' if one['extra_seconds'] <= bound else 'missed'}"
    return f"{bound:g}, {'reached' if one['ratio'] <= bound else 'missed'}"


def _write(rows: list[dict[str, Any]]) -> None:
    """Write the page and the JSON; rows that were not measured now stay as they were."""
    file = _DOCS / "benchmarks.json"
    before = json.loads(file.read_text())["rows"] if file.exists() else []
    now = {one["key"]: one for one in rows}
    known = [one["key"] for one in before]
    found = [now.get(one["key"], one) for one in before]
    found += [one for one in rows if one["key"] not in known]
    head = ("what", "ours", "bare", "ratio", "more", "target", "peak ours / bare", "measured")
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join((*_cells(one), one['about']))} |" for one in found]
    (_DOCS / "benchmarks.md").write_text(_HEAD + "\n".join(lines) + "\n")
    file.write_text(json.dumps({"rows": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
