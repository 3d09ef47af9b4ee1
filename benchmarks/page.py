"""docs/benchmarks.md and the table of the terminal, from the JSON values of the rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from benchmarks.measure import Aim

_MB_OF_MIB = 1.048576
_HEAD = """\
# Benchmarks

Made by `make bench`, never typed. The subjects of a row run in turn in one session. Trust the
ratios, not the seconds: the machine is small and shared. A target that is not reached stays in the
table, and so does a peer that cannot be installed or fails, with its reason.

- **median**: seconds of wall time of the whole process, its start included; the median of the runs,
  after one that warms up. What takes long runs once, with nothing to warm up.
- **rows/s**: the rows that are to be loaded, by the median. **of ours**: the median, in times that
  of the first line.
- **peak**: memory of the process tree, pages that processes share counted once, looked at twenty
  times a second in the first run; or that of the largest process by the kernel, where it is more.
  MB are millions of bytes.
- **loaded**: what the destination has afterwards, counted.

Ours load into a DuckDB file and into a DuckLake (SQLite catalog, local files), with every check on.
Peers are in environments of their own, pinned in `requirements/peers/`. Rows of ten million are
slow: `make bench-big` measures them too.
"""
_COLUMNS = ("", "median", "rows/s", "of ours", "peak", "loaded", "runs")


def render_page(
    rows: Sequence[Mapping[str, Any]], *, notes: Mapping[str, str], keys: Collection[str]
) -> str:
    """Return the page: how it is read, the machine, the targets, and each row.

    ``notes`` is what is to be said of a row, by its key; ``keys`` are those of all rows: one that
    was never measured is named.
    """
    latest = max((row["about"] for row in rows), key=lambda about: str(about["date"]))
    parts = [_HEAD, f"The machine: {latest['machine']}. Versions: {latest['versions']}.\n"]
    parts += ["## Targets\n", "\n".join(_target_lines(rows)) + "\n", "## Rows"]
    for row in rows:
        parts += [f"\n### `{row['key']}`: {row['title']}\n", "\n".join(_row_lines(row))]
        parts += [f"\n{_when(row['about'], latest=latest)}"]
        parts += [f"\n{line}" for line in _layer_lines(row)]
        parts += [f"\n{notes[row['key']].strip()}"] if row["key"] in notes else []
    never = [f"`{key}`" for key in keys if key not in {row["key"] for row in rows}]
    parts += [f"\nNot measured yet: {', '.join(never)}."] if never else []
    return "\n".join(parts) + "\n"


def render_table(row: Mapping[str, Any]) -> Table:
    """Return a row for the terminal, its targets in the caption."""
    caption = "\n".join(f"{text}: {found}" for text, found in _judged(row))
    table = Table(*_COLUMNS, title=f"{row['key']}: {row['title']}", caption=_plain(caption))
    for cells in _cells(row):
        table.add_row(*map(_plain, cells))
    return table


def _plain(text: str) -> str:
    return text.replace("**", "")


def _row_lines(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{'---|' * len(_COLUMNS)}"
    for cells in _cells(row):
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _cells(row: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    first = row["subjects"][0].get("median_seconds")
    for one in row["subjects"]:
        if one.get("failure"):
            yield (one["name"], f"failed: {one['failure']}", *[""] * (len(_COLUMNS) - 2))
            continue
        seconds, speed = one["median_seconds"], one["rows_per_second"]
        yield (
            one["name"],
            f"{seconds:.2f} s",
            f"{speed:,}" if speed else "",
            f"{seconds / first:.2f}" if first else "",
            f"{_megabytes(one):,.0f} MB" if one["peak_mib"] else "",
            _loaded(one, total=row["total"]),
            str(len(one["seconds"])),
        )


def _layer_lines(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield where the time of each of ours goes; what no layer has is processes and imports."""
    for one in row["subjects"]:
        layers = one.get("layers") or {}
        if one["ours"] and layers:
            rest = one["median_seconds"] - sum(layers.values())
            text = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in layers.items())
            yield f"Of {one['name']}: {text}; besides, {rest:.2f} s."


def _loaded(one: Mapping[str, Any], *, total: int) -> str:
    counted = one["counted"]
    if counted is None or not total:
        return ""
    return "all" if counted == total else f"**{counted:,} of {total:,}**"


def _megabytes(one: Mapping[str, Any]) -> float:
    return float(one["peak_mib"]) * _MB_OF_MIB


def _target_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| row | target | found |"
    yield "|---|---|---|"
    for row in rows:
        for text, found in _judged(row):
            yield f"| `{row['key']}` | {text} | {found} |"


def _judged(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each target in words, and what each of ours has of it."""
    subjects = {one["name"]: one for one in row["subjects"]}
    for target in row["targets"]:
        aim, value, peer = Aim[target["aim"]], target["value"], target["peer"]
        bound = "at least" if aim is Aim.SPEED else "at most"
        named = target["ours"]
        ours = [one for one in subjects.values() if one["ours"] and named in {"", one["name"]}]
        found = [f"{one['name']}: {_judge(one, subjects.get(peer), target)}" for one in ours]
        yield f"{bound} {value:g} {aim.value} {peer}".strip(), "; ".join(found)


def _judge(
    one: Mapping[str, Any], peer: Mapping[str, Any] | None, target: Mapping[str, Any]
) -> str:
    aim, value = Aim[target["aim"]], target["value"]
    if one.get("failure") or (target["peer"] and (peer is None or peer.get("failure"))):
        return "not known"
    if aim is Aim.PEAK:
        return f"{_megabytes(one):,.0f} MB, {_word(_megabytes(one) <= value)}"
    assert peer is not None
    ours, other = one["median_seconds"], peer["median_seconds"]
    if aim is Aim.EXTRA:
        return f"{ours - other:+.2f} s, {_word(ours - other <= value)}"
    if aim is Aim.SPEED:
        return f"{other / ours:.1f}, {_word(other / ours >= value)}"
    return f"{ours / other:.2f}, {_word(ours / other <= value)}"


def _word(reached: bool) -> str:
    return "reached" if reached else "**missed**"


def _when(about: Mapping[str, Any], *, latest: Mapping[str, Any]) -> str:
    rounds = "1 round" if about["rounds"] == 1 else f"{about['rounds']} rounds"
    text = f"Measured {about['date']}, {rounds}"
    for key in ("machine", "versions"):
        text += f"; {about[key]}" if about[key] != latest[key] else ""
    return f"{text}."
