"""What each step of a sync says to a person: pure text, from the evidence that it left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connector_assets.model import Decision, Step

Layers = Mapping[str, Mapping[str, Any]]

GOOD, BAD, WARN, NOTE = "ok", "!!", "??", "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: a mark, what it is about, what it says, and how long that took, in seconds."""

    mark: str
    label: str
    text: str
    seconds: float | None = None


def describe_step(step: Step, layers: Layers, *, seconds: float) -> Iterator[Line]:
    """Yield the lines of a step that ended; none for the last one, which the verdict follows."""
    if step is Step.START:
        yield _describe_start(layers.get("start", {}), seconds=seconds)
    elif step is Step.FINALIZE:
        yield _describe_finalize(layers.get("destination", {}), seconds=seconds)
    elif step is not Step.STATUS:
        yield from _describe_run(step, layers, seconds=seconds)


def first_line(text: str) -> str:
    """Return the first line of a problem; the cause is printed in full at the end."""
    return text.partition("\n")[0].removesuffix("; its last lines:")


def _describe_start(start: Mapping[str, Any], *, seconds: float) -> Line:
    label, error = Step.START.value, start.get("error")
    if error:
        text = first_line(error.get("problem", ""))
        return Line(mark=BAD, label=label, text=text, seconds=seconds)
    secrets = start.get("secrets", {})
    of = secrets.get("of", 0)
    found = f"secrets {secrets.get('found', 0)}/{of}" if of else "no secrets needed"
    lock = "lock current" if start.get("lock") == "current" else "no lock yet"
    return Line(mark=GOOD, label=label, text=f"{found}, {lock}, lease taken", seconds=seconds)


def _describe_run(step: Step, layers: Layers, *, seconds: float) -> Iterator[Line]:
    extract, gate, load = (layers.get(name, {}) for name in ("extract", "gate", "load"))
    streams = extract.get("streams")
    if streams is None or extract.get("error"):
        text = _problem(extract) or "stopped before everything was staged"
        yield Line(mark=BAD, label=step.value, text=text, seconds=seconds)
        return
    failed = bool(gate.get("error") or load.get("error") or "state_version" not in load)
    rows = sum(each["staged"] or 0 for each in streams)
    took = extract.get("seconds") or 0
    rate = f", {rows / took:,.0f} rows/s" if rows > 1000 and took > 0 else ""
    refresh = ", full refresh" if extract.get("full_refresh") else ""
    text = f"{_plural(len(streams), 'stream')}, {_plural(rows, 'row')} staged{rate}{refresh}"
    yield Line(mark=BAD if failed else GOOD, label=step.value, text=text, seconds=seconds)
    blocked = gate.get("decision") == Decision.BLOCK
    for reason in gate.get("reasons", ()):
        yield Line(mark=BAD if blocked else WARN, label="gate", text=first_line(reason))
    if blocked:
        return
    if failed:
        problem = _problem(load) or _problem(gate) or "ended before the commit was answered"
        yield Line(mark=BAD, label="commit", text=problem)
        return
    snapshot = f", snapshot {load['snapshot']}" if load.get("snapshot") is not None else ""
    count = 1 + (extract.get("checkpoints") or 0)
    commit = f"{_plural(count, 'transaction')}, state {load['state_version']}{snapshot}"
    yield Line(mark=NOTE, label="commit", text=commit, seconds=load.get("seconds"))


def _describe_finalize(destination: Mapping[str, Any], *, seconds: float) -> Line:
    label, arrival = Step.FINALIZE.value, destination.get("arrival")
    if arrival == "confirmed":
        cursors = destination.get("cursors", {}).items()
        shown = "".join(f"; cursor {stream} -> {value}" for stream, value in cursors)
        return Line(mark=GOOD, label=label, text=f"read back{shown}", seconds=seconds)
    if arrival == "absent":
        text = "read back: nothing arrived, the tables are as before"
        return Line(mark=GOOD, label=label, text=text, seconds=seconds)
    if arrival == "partially_committed":
        stay = _plural(destination.get("checkpoints", 0), "checkpoint")
        text = f"read back: {stay} committed, the next sync goes on from there"
        return Line(mark=WARN, label=label, text=text, seconds=seconds)
    if arrival == "contradicted":
        text = "the tables do not hold what the load record says"
        return Line(mark=BAD, label=label, text=text, seconds=seconds)
    text = _problem(destination) or "nothing was started, nothing to read back"
    mark = BAD if destination.get("error") else GOOD
    return Line(mark=mark, label=label, text=text, seconds=seconds)


def _problem(layer: Mapping[str, Any]) -> str:
    if layer.get("cancelled"):
        return "cancelled"
    return first_line(layer.get("error", {}).get("problem", ""))


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
