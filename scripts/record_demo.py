"""Record the demo's real output into README.md and docs/demo.md; nobody types it.

``record_demo.py`` runs the demo in a temporary folder and writes both; with ``TRANSCRIPT`` it takes
what a demo printed; with ``--check TRANSCRIPT`` it compares, ids, times and rates masked,
and exits with 1 where a page shows something else.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README, PAGE = ROOT / "README.md", ROOT / "docs" / "demo.md"
BEGIN = "<!-- recorded by scripts/record_demo.py: begin -->"
END = "<!-- recorded: end -->"
FOLDER = "/tmp/nyc-flights-demo"
INTRODUCTION = """\
# The demo

`make demo` in a clone, or `connectors demo`, prints this. It was recorded from a real run by
`scripts/record_demo.py`, and `make test` runs the demo and compares. Lines about progress are left
out and the folder's place is shortened; everything else is as it was printed. A terminal shows
colours, and progress that moves.
"""
# A line of progress comes every ten seconds: how many there are is up to the machine.
PROGRESS = re.compile(r" \.\. ")
# Who approved: not the name of whoever recorded it.
WHO = re.compile(r"\bby \S+@\S+ *")
PLACE = re.compile(r"(?<= )/\S*/nyc-flights-demo\b|(?<=sqlite:///)/\S*/nyc-flights-demo\b")
MASKS = (
    (re.compile(r"\b[0-9a-f]{12}\b|\b[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"\b\d+(\.\d)? s\b"), "TIME"),
    (re.compile(r", [\d,]+ rows/s"), ", RATE"),
    (re.compile(r"\b(\d{4}-)?\d\d-\d\d \d\d:\d\dZ"), "INSTANT"),
    (re.compile(r"\bjust now\b|\b\d+ min ago\b"), "AGO"),
    # The width of a column follows what is in it.
    (re.compile(r" +"), " "),
)


def main() -> int:
    """Write the two pages, or check them; return 0 unless one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("transcript", type=Path, nargs="?", help="what a demo printed")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    options = parser.parse_args()
    text = options.transcript.read_text(encoding="utf-8") if options.transcript else _run_demo()
    lines = clean(text)
    pages = {PAGE: render_page(lines), README: render_readme(lines)}
    if options.check:
        return max(_check(path, fresh) for path, fresh in pages.items())
    for path, fresh in pages.items():
        path.write_text(fresh, encoding="utf-8")
    return 0


def clean(text: str) -> list[str]:
    """Return the lines of a transcript without progress, trailing blanks, place and names."""
    kept = (WHO.sub(_rename, line) for line in text.splitlines() if not PROGRESS.match(line))
    return [PLACE.sub(FOLDER, line.rstrip()) for line in kept]


def _rename(found: re.Match[str]) -> str:
    return "by ada@home".ljust(len(found[0]))


def render_page(lines: list[str]) -> str:
    """Return docs/demo.md: all of it."""
    shown = "\n".join(lines).strip("\n")
    return f"{INTRODUCTION}\n```text\n{shown}\n```\n"


def render_readme(lines: list[str]) -> str:
    """Return README.md with the excerpt between its markers."""
    before, found, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        sys.exit(f"README.md lacks the lines {BEGIN!r} and {END!r}")
    shown = "\n".join(_choose(lines))
    return f"{before}{BEGIN}\n```text\n{shown}\n```\n{END}{after}"


def _choose(lines: list[str]) -> Iterator[str]:
    """Yield the acts that show what is special: the kill, drift, and its release."""
    cause = re.compile(r" {4}(Cause|Fix|Data) | {11}\S")
    yield from (line for line in _act(lines, 4) if not cause.match(line))
    yield ""
    yield from takewhile(lambda line: not line.startswith("$ connectors drift"), _act(lines, 8))
    yield ""
    yield from takewhile(lambda line: not line.startswith("    stream "), _act(lines, 9))


def _act(lines: list[str], number: int) -> list[str]:
    start = next(at for at, line in enumerate(lines) if line.startswith(f"{number}. "))
    length = lines[start:].index("")
    return lines[start : start + length]


def mask(text: str) -> list[str]:
    """Return the lines of a page with everything masked that differs from run to run."""
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    return text.splitlines()


def _check(path: Path, fresh: str) -> int:
    old, new = mask(path.read_text(encoding="utf-8")), mask(fresh)
    name = path.relative_to(ROOT)
    if old == new:
        sys.stdout.write(f"{name}: ok\n")
        return 0
    changes = "\n".join(difflib.unified_diff(old, new, str(name), "the demo", lineterm="", n=1))
    sys.stdout.write(f"{name} shows something else; run scripts/record_demo.py\n{changes}\n")
    return 1


def _run_demo() -> str:
    program = Path(sys.executable).with_name("connectors")
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "COLUMNS": "100"}
    with tempfile.TemporaryDirectory() as place:
        return subprocess.run(
            [program, "demo"],
            cwd=place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        ).stdout


if __name__ == "__main__":
    sys.exit(main())
