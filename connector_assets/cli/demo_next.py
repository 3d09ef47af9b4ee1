"""What to try after the demo: commands that work in its folder as they stand."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

#: Each command of the last section, and what it shows.
NEXT = {
    'connectors query lake "SELECT origin, count(*) FROM nyc.flights GROUP BY origin"': "",
    "connectors sync flights": "nothing is new, nothing is added",
    "CONNECTORS_FAULT=before_commit:kill connectors sync operations": "break it, and sync again",
    "connectors logs flights": "what the tap and the loader said",
    "connectors discover flights": "the tap's streams and columns",
    "connectors new shop --engine dlt --source rest_api": "a connector of your own",
}
_COLUMN = 66


def render_next(folder: Path) -> Iterator[str]:
    """Yield the lines of the last section; the first ones lead into ``folder``."""
    way = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    activate = Path(sys.executable).with_name("activate")
    if shutil.which("connectors") is None and activate.is_file():
        yield f"  source {shlex.quote(str(activate))}"
    yield f"  cd {shlex.quote(str(way))}"
    for command, shows in NEXT.items():
        yield f"  {command:<{_COLUMN}}# {shows}" if shows else f"  {command}"
