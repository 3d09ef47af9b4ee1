"""The lines of a sync's log: the last ones, those that still come, and how people see them."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_assets.cli.output import build_console, clean

if TYPE_CHECKING:
    from rich.text import Text

POLL_SECONDS = 0.3
_STYLES = {"debug": "dim", "warning": "yellow", "error": "bold red", "critical": "bold red"}
# What every line has, or what the headline says already.
_KNOWN = frozenset({"at", "connector", "event", "level", "source", "step", "sync_id"})


def last_lines(lines: Iterable[str], count: int | None) -> Iterable[str]:
    """Return the last ``count`` lines, or all."""
    return lines if count is None else deque(lines, maxlen=count)


def follow(file: Path, *, has_ended: Callable[[], bool], count: int | None) -> Iterator[str]:
    """Yield the last lines of a file and then each new one, until the sync has ended.

    A file that is not there yet is waited for; a line counts when it is complete.
    """
    while not file.is_file():
        if has_ended():
            return
        time.sleep(POLL_SECONDS)
    with file.open(encoding="utf-8", errors="replace") as lines:
        yield from (line.rstrip("\n") for line in last_lines(lines, count))
        rest = ""
        while True:
            # Asked first: what is written before the end is then still read.
            over = has_ended()
            while line := lines.readline():
                rest += line
                if rest.endswith("\n"):
                    yield rest.rstrip("\n")
                    rest = ""
            if over:
                return
            time.sleep(POLL_SECONDS)


def print_lines(lines: Iterable[str], *, as_json: bool) -> int:
    """Print lines as they come, as they are stored or for people; return how many there were."""
    console, count = build_console(), 0
    for line in lines:
        count += 1
        # Rich takes its time for each line, and a pipe has no colours to get from it.
        if as_json or console.color_system is None:
            text = line if as_json else render_line(line).plain
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
        else:
            console.print(render_line(line), soft_wrap=True)
    return count


def render_line(line: str) -> Text:
    """Return a line for people: time in UTC, source, level, text; other lines as they are."""
    from rich.text import Text

    content = _parse(line)
    if content is None:
        return Text(clean(line))
    level = str(content.get("level", "info"))
    style = _STYLES.get(level, "")
    more = " ".join(f"{key}={_value(value)}" for key, value in _fields(content))
    return Text.assemble(
        (f"{_time(content):<8}  ", "dim"),
        (f"{clean(str(content.get('source', ''))):<8}  ", "cyan"),
        (f"{level:<7}  ", style),
        (clean(str(content["event"])), style),
        (clean(f"  {more}" if more else ""), "dim"),
    )


def _parse(line: str) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) and "event" in content else None


def _time(content: dict[str, Any]) -> str:
    try:
        return datetime.fromisoformat(content["at"]).strftime("%H:%M:%S")
    except (KeyError, TypeError, ValueError):
        return ""


def _fields(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    # Of an engine's lines the envelope repeats what every line of it has.
    if content.get("source") == "platform":
        yield from ((key, value) for key, value in content.items() if key not in _KNOWN)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
