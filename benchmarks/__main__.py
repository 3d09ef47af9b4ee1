"""``make bench``: measure every row, print the table, write docs/benchmarks.md and the JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measured, measure_row, median_seconds, peak_mib
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
    parser.add_argument("--only", default="", help="the key of one row")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and .json")
    options = parser.parse_args()
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="connectors-bench-") as folder,
        console.status("making data ...") as status,
    ):
        rows = build_rows(Path(folder), rows=options.rows)
        chosen = [row for row in rows if options.only in ("", row.key)]
        measured = [measure_row(row, rounds=options.rounds, tell=status.update) for row in chosen]
    console.print(_render_table(measured))
    if options.write:
        _write(measured, rounds=options.rounds)


def _render_table(measured: list[Measured]) -> Table:
    table = Table("what", "ours", "bare", "ratio", "more", "target", "peak ours / bare")
    for one in measured:
        _, *numbers = _cells(one)
        table.add_row(one.row.key, *numbers)
    return table


def _cells(one: Measured) -> tuple[str, ...]:
    ours, bare = median_seconds(one.ours), median_seconds(one.baseline)
    return (
        one.row.title,
        f"{ours:.2f} s",
        f"{bare:.2f} s",
        f"{one.ratio:.2f}",
        f"{one.extra:+.2f} s",
        _target(one),
        f"{peak_mib(one.ours):.0f} / {peak_mib(one.baseline):.0f} MiB",
    )


def _target(one: Measured) -> str:
    if one.row.bound is None:
        return "-"
    if one.row.bound_is_extra:
        reached = one.extra <= one.row.bound
        return f"+{one.row.bound:g} s, {'reached' if reached else 'missed'}"
    reached = one.ratio <= one.row.bound
    return f"{one.row.bound:g}, {'reached' if reached else 'missed'}"


def _write(measured: list[Measured], *, rounds: int) -> None:
    at = datetime.now(UTC)
    head = ("what", "ours", "bare", "ratio", "more", "target", "peak ours / bare")
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(_cells(one))} |" for one in measured]
    about = f"{at:%Y-%m-%d}, {rounds} rounds, Python {platform.python_version()}, "
    about += f"{os.cpu_count()} cores, {platform.machine()}"
    (_DOCS / "benchmarks.md").write_text(_HEAD + "\n".join(lines) + f"\n\n{about}\n")
    content = {"at": at.isoformat(), "about": about, "rows": [one.to_json() for one in measured]}
    (_DOCS / "benchmarks.json").write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
