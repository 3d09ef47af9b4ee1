"""The rows about memory, and merges: 1M rows, and 10M on demand."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from benchmarks.data import write_messages, write_parquet
from benchmarks.loads import MILLION, python, target
from benchmarks.measure import Aim, Row, Subject, Target
from benchmarks.subjects import DESTINATIONS, Place, bare, keep, make_project, prepare, sync

_CHANGED = 100_000
#: Of the ten million rows; the issue's figures, in MB.
_PEAKS = {"append": 600, "replace": 600, "merge": 1_500}


def merge_changed(place: Place) -> Row:
    """Rows that changed are merged into the table that has them."""
    rows, changed = place.rows(MILLION), place.rows(_CHANGED)
    return Row(
        key="merge_100k",
        title=f"{changed:,} changed rows x 8 merged into {rows:,}",
        subjects=(
            *(_again(place, to=kind, write="merge", rows=(rows, changed)) for kind in DESTINATIONS),
            _by_hand(place, rows=rows, changed=changed),
            _bare_again(place, write="merge", rows=(rows, changed)),
        ),
        rows=changed,
        total=rows,
    )


def memory(place: Place, *, write: str, millions: int) -> Row:
    """Arrow tables of a Python source; replaced and merged rows are all there before."""
    rows = place.rows(millions * MILLION)
    into = "" if write == "append" else ", into as many"
    big = millions > 1
    subjects = (
        *(_again(place, to=kind, write=write, rows=(rows, rows)) for kind in DESTINATIONS),
        _bare_again(place, write=write, rows=(rows, rows)),
    )
    return Row(
        key=f"memory_{write}_{millions}m",
        title=f"memory: {write} of {rows:,} rows x 8{into}",
        subjects=tuple(replace(one, slow=True) for one in subjects),
        rows=rows,
        targets=(Target(aim=Aim.PEAK, value=_PEAKS[write]),) if big else (),
    )


def memory_singer(place: Place) -> Row:
    """Ten million Singer records through connector-target."""
    rows = place.rows(10 * MILLION)
    messages = write_messages(place.folder / "messages.jsonl", rows=rows)
    subjects = (target(place.make(kind), messages, to=kind) for kind in DESTINATIONS)
    return Row(
        key="memory_singer_10m",
        title=f"memory: append of {rows:,} Singer records through connector-target",
        subjects=tuple(replace(one, slow=True) for one in subjects),
        rows=rows,
        targets=(Target(aim=Aim.PEAK, value=_PEAKS["append"]),),
    )


MEMORY = {
    f"memory_{write}_{millions}m": partial(memory, write=write, millions=millions)
    for millions in (1, 10)
    for write in _PEAKS
}


def _again(place: Place, *, to: str, write: str, rows: tuple[int, int]) -> Subject:
    """Return a sync of ``rows[1]`` other rows onto a table that has ``rows[0]``.

    To append is to a new table.
    """
    connector = python("orders", rows=rows[1])
    connector["streams"] = {"orders": {"write": write}}
    if write == "merge":
        connector["streams"]["orders"]["primary_key"] = "id"
    project = make_project(place.make(to), to=to, connector=connector)
    subject = sync(project, to=to, env={"BENCH_NOTE": "other words"})
    if write == "append":
        return subject
    prepare(subject, env={"BENCH_NOTE": "", "BENCH_ROWS": str(rows[0])})
    return replace(subject, reset=keep(project, ".connectors", "data"))


def _bare_again(place: Place, *, write: str, rows: tuple[int, int]) -> Subject:
    folder = place.make("bare")
    name = f"plain dlt, parquet, {write}"
    subject = bare("bulk", folder, str(rows[1]), write, name=name)
    command = replace(subject.command, env={**subject.command.env, "BENCH_NOTE": "other words"})
    subject = replace(subject, command=command)
    if write == "append":
        return subject
    prepare(subject, env={"BENCH_NOTE": "", "BENCH_ROWS": str(rows[0])})
    return replace(subject, reset=keep(folder, "*"))


def _by_hand(place: Place, *, rows: int, changed: int) -> Subject:
    folder = place.make("by_hand")
    full = write_parquet(place.folder / "full.parquet", rows=rows)
    few = write_parquet(place.folder / "few.parquet", rows=changed, note="other words")
    prepare(bare("fill_by_hand", folder, str(full), name="fill"))
    subject = bare("merge_by_hand", folder, str(few), name="DuckDB MERGE by hand")
    return replace(subject, reset=keep(folder, "*"))
