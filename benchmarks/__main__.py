"""``make bench``: measure the rows, print them, write docs/benchmarks.md and the JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import yaml
from rich.console import Console

from benchmarks.measure import measure_row, unmade
from benchmarks.page import render_page, render_table
from benchmarks.rows import BIG, ROWS
from benchmarks.run import CommandFailed
from benchmarks.subjects import Place

_DOCS = Path(__file__).parents[1] / "docs"
_NOTES = Path(__file__).with_name("notes.yaml")
_VERSIONS = ("duckdb", "dlt", "meltano", "pyarrow", "dagster", "apache-airflow")


def main() -> None:
    """Measure and report; exits with 1 where one of ours failed or lost a row."""
    options = _parse()
    # Servers and commands end with their row, also where somebody ends the whole.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(width=160)
    chosen = options.only or [key for key in ROWS if options.big or key not in BIG]
    broken = False
    for key in () if options.page else chosen:
        with console.status(f"{key}: making data ...") as status:
            row = _measure(key, options=options, tell=status.update)
        console.print(render_table(row))
        broken |= any(_is_wrong(one, total=row["total"]) for one in row["subjects"] if one["ours"])
        if options.write:
            _save(row)
    if options.page:
        _write_page()
    sys.exit(int(broken))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure against the bare engines and peers.")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each subject (default 3)")
    parser.add_argument("--scale", type=float, default=1, help="of the rows that are loaded")
    parser.add_argument("--big", action="store_true", help="the rows of ten million, too")
    parser.add_argument("--only", nargs="*", default=(), choices=list(ROWS), metavar="KEY",
                        help=f"some rows: {', '.join(ROWS)}")  # fmt: skip
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and .json")
    parser.add_argument("--page", action="store_true", help="write the page anew; measure nothing")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("at least one round")
    if options.write and options.scale != 1:
        parser.error("only rows of full size are written: --write without --scale")
    return options


def _measure(
    key: str, *, options: argparse.Namespace, tell: Callable[[str], object]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="connectors-bench-") as folder, ExitStack() as stack:
        place = Place(folder=Path(folder), scale=options.scale, stack=stack)
        try:
            row = ROWS[key](place)
        except CommandFailed as error:
            row = unmade(key, reason=str(error))
        found = measure_row(row, rounds=options.rounds, tell=tell)
    memory = round(psutil.virtual_memory().total / 1e9)
    machine = f"{os.cpu_count()} cores, {memory} GB, {platform.machine()}, {platform.system()}"
    about = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "rounds": options.rounds,
        "machine": machine,
        "versions": f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in _VERSIONS),
    }
    return {**found, "about": about}


def _is_wrong(one: dict[str, Any], *, total: int) -> bool:
    if one.get("failure"):
        return True
    return bool(total) and one["counted"] not in {None, total}


def _load() -> list[dict[str, Any]]:
    file = _DOCS / "benchmarks.json"
    rows: list[dict[str, Any]] = json.loads(file.read_text())["rows"] if file.exists() else []
    return rows


def make_page() -> str:
    """Return the page of the rows that are kept, which need not be measured for it."""
    notes = yaml.safe_load(_NOTES.read_text())
    return render_page(_load(), notes=notes, keys=ROWS)


def _save(row: dict[str, Any]) -> None:
    """Keep a row; those that were not measured now stay as they were."""
    known = {one["key"]: one for one in _load()} | {row["key"]: row}
    found = [known[key] for key in ROWS if key in known]
    (_DOCS / "benchmarks.json").write_text(json.dumps({"rows": found}, indent=2) + "\n")
    _write_page()


def _write_page() -> None:
    (_DOCS / "benchmarks.md").write_text(make_page())


if __name__ == "__main__":
    main()
