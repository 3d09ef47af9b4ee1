"""Runs the subjects of a row in turn, and keeps each one's readings or why there are none."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.run import Command, CommandFailed, Reading, run_command


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One command to measure; ``reset`` puts its folder back into the state before a run.

    ``count`` returns the rows that the destination has afterwards. A ``slow`` one runs once, with
    nothing to warm up. With ``told`` it prints the seconds that count, and its memory is not that
    of what it measures. One with a ``problem`` is never run: it could not be installed.
    """

    name: str
    command: Command
    ours: bool = False
    reset: Callable[[], object] = lambda: None
    count: Callable[[], int] | None = None
    slow: bool = False
    told: bool = False
    problem: str = ""


class Aim(StrEnum):
    """What a target bounds, of ours and, but for a peak, one peer."""

    RATIO = "times the wall time of"
    SPEED = "times the rows per second of"
    EXTRA = "s more than"
    PEAK = "MB at the peak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A figure that is to be reached: at most, or at least of ``SPEED``.

    By the one of ours that is named in ``ours``, or by each.
    """

    aim: Aim
    value: float
    peer: str = ""
    ours: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is measured against what: ours first, peers after it, and what is aimed at.

    ``rows`` is how many each subject loads, ``total`` what a destination has then, if that is
    another number. With ``part`` there is one more: the first run without
    the seconds of that layer, which the command's JSON tells.
    """

    key: str
    title: str
    subjects: tuple[Subject, ...]
    rows: int = 0
    total: int = 0
    part: str = ""
    targets: tuple[Target, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Outcome:
    subject: Subject
    readings: list[Reading]
    peak_mib: float = 0.0
    counted: int | None = None
    failure: str = ""


def unmade(key: str, *, reason: str) -> Row:
    """Return the row that says why there is nothing to measure: its data could not be made."""
    nothing = Command(argv=(), cwd=Path())
    subject = Subject(name="making its data", command=nothing, ours=True, problem=reason)
    return Row(key=key, title="not measured", subjects=(subject,))


def measure_row(row: Row, *, rounds: int, tell: Callable[[str], object]) -> dict[str, Any]:
    """Run all subjects in turn, ``rounds`` times, after one run each that warms up.

    Returns JSON values: of each subject its median, every reading, peak, rows per second and what
    its destination counts, or its failure; a subject that failed is not run again.
    """
    outcomes = [_Outcome(subject=one, readings=[], failure=one.problem) for one in row.subjects]
    for number in range(rounds + 1):
        for outcome in outcomes:
            if not outcome.failure and (number == 0 or not outcome.subject.slow):
                tell(f"{row.key}: {outcome.subject.name} ({number}/{rounds})")
                _take(outcome, warm=bool(number) or outcome.subject.slow, watch=number == 0)
    if row.part:
        outcomes.append(_without(outcomes[0], part=row.part))
    return {
        "key": row.key,
        "title": row.title,
        "rows": row.rows,
        "total": row.total or row.rows,
        "subjects": [_to_json(one, rows=row.rows) for one in outcomes],
        "targets": [asdict(one) | {"aim": one.aim.name} for one in row.targets],
    }


def _take(outcome: _Outcome, *, warm: bool, watch: bool) -> None:
    subject = outcome.subject
    subject.reset()
    try:
        reading = run_command(subject.command, watch=watch)
        outcome.counted = subject.count() if subject.count else None
    except CommandFailed as error:
        outcome.failure = str(error)
        return
    if subject.told:
        reading = replace(reading, seconds=json.loads(reading.printed)["seconds"], peak_mib=0)
    outcome.peak_mib = max(outcome.peak_mib, reading.peak_mib)
    if warm:
        outcome.readings.append(reading)


def _without(outcome: _Outcome, *, part: str) -> _Outcome:
    name = f"{outcome.subject.name} without its {part}"
    subject = replace(outcome.subject, name=name, ours=False)
    readings = [
        replace(one, seconds=one.seconds - json.loads(one.printed)["seconds"][part])
        for one in outcome.readings
    ]
    return replace(outcome, subject=subject, readings=readings)


def median_seconds(readings: Sequence[Reading]) -> float:
    """Return the median wall time."""
    return statistics.median(each.seconds for each in readings)


def _to_json(outcome: _Outcome, *, rows: int) -> dict[str, Any]:
    told = {"name": outcome.subject.name, "ours": outcome.subject.ours}
    if outcome.failure:
        return told | {"failure": outcome.failure}
    seconds = median_seconds(outcome.readings)
    return told | {
        "median_seconds": round(seconds, 3),
        "seconds": [round(each.seconds, 3) for each in outcome.readings],
        "rows_per_second": round(rows / seconds) if rows else None,
        "peak_mib": round(outcome.peak_mib),
        "counted": outcome.counted,
        "layers": _layers(outcome.readings) if outcome.subject.ours else {},
    }


def _layers(readings: Sequence[Reading]) -> dict[str, float]:
    """Return the median seconds of each layer that the runs of ``connectors sync`` tell."""
    printed = [found for one in readings if isinstance(found := _parse(one.printed), dict)]
    layers = [one["seconds"] for one in printed if isinstance(one.get("seconds"), dict)]
    if not layers:
        return {}
    return {name: round(statistics.median(one[name] for one in layers), 3) for name in layers[0]}


def _parse(text: str) -> Any:
    """Return what was printed, if it is one JSON document: taps and targets print lines."""
    try:
        return json.loads(text)
    except ValueError:
        return None
