"""Runs commands in turn and measures each: wall time and peak memory of its process tree."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One command to measure; ``reset`` puts its folder back into the state before a run.

    With ``told`` it prints the seconds that count, and its memory is not that of what it measures.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    reset: Callable[[], object] = lambda: None
    stdin: Path | None = None
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: what is measured against what, and the bound that is aimed at.

    ``bound`` is a ratio, or seconds more than the baseline where ``bound_is_extra``. With ``part``
    there is no other side: the baseline is the same run without the seconds of that layer, which
    the command's JSON tells. All runs are ``within`` a context: of a server that both need.
    """

    key: str
    title: str
    ours: Subject
    baseline: Subject | None = None
    part: str = ""
    bound: float | None = None
    bound_is_extra: bool = False
    within: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One run: seconds of wall time, MiB of the largest process, and what it printed."""

    seconds: float
    peak_mib: float
    printed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All runs of a row, interleaved in one session."""

    row: Row
    ours: tuple[Reading, ...]
    baseline: tuple[Reading, ...]

    @property
    def ratio(self) -> float:
        """The median time of ours over the baseline's."""
        return median_seconds(self.ours) / median_seconds(self.baseline)

    @property
    def extra(self) -> float:
        """How many seconds ours takes more, by the medians."""
        return median_seconds(self.ours) - median_seconds(self.baseline)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values: medians, every single reading, ratio and bound."""
        return {
            "key": self.row.key,
            "title": self.row.title,
            "ours": _to_json(self.row.ours.name, self.ours),
            "baseline": _to_json(_name_baseline(self.row), self.baseline),
            "ratio": round(self.ratio, 2),
            "extra_seconds": round(self.extra, 2),
            "bound": self.row.bound,
            "bound_is_extra": self.row.bound_is_extra,
        }


def measure_row(row: Row, *, rounds: int, tell: Callable[[str], object]) -> Measured:
    """Run both subjects of a row in turn, ``rounds`` times, after one run each that warms up."""
    with row.within():
        return _measure(row, rounds=rounds, tell=tell)


def _measure(row: Row, *, rounds: int, tell: Callable[[str], object]) -> Measured:
    ours, baseline = [], []
    for number in range(rounds + 1):
        found = []
        for subject in (one for one in (row.baseline, row.ours) if one):
            tell(f"{row.key}: {subject.name} ({number}/{rounds})")
            found.append(_run(subject))
        if number:
            ours.append(found[-1])
            baseline.append(_without(found[-1], part=row.part) if row.part else found[0])
    return Measured(row=row, ours=tuple(ours), baseline=tuple(baseline))


def _without(reading: Reading, *, part: str) -> Reading:
    seconds: float = json.loads(reading.printed)["seconds"][part]
    return replace(reading, seconds=reading.seconds - seconds)


def _name_baseline(row: Row) -> str:
    return row.baseline.name if row.baseline else f"{row.ours.name} without its {row.part}"


def median_seconds(readings: Sequence[Reading]) -> float:
    """Return the median wall time."""
    return statistics.median(each.seconds for each in readings)


def peak_mib(readings: Sequence[Reading]) -> float:
    """Return the highest peak memory."""
    return max(each.peak_mib for each in readings)


def _run(subject: Subject) -> Reading:
    subject.reset()
    environment = {**os.environ, **subject.env}
    with Path(subject.stdin or os.devnull).open("rb") as source, TemporaryFile() as printed:
        began = time.perf_counter()
        process = subprocess.Popen(
            subject.argv,
            cwd=subject.cwd,
            env=environment,
            stdin=source,
            stdout=printed,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        told = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        printed.seek(0)
        text = printed.read().decode(errors="replace")
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{subject.name} failed: {told.decode(errors='replace')[-2000:]}")
    if subject.told:
        return Reading(seconds=json.loads(text)["seconds"], peak_mib=0, printed=text)
    # Linux gives KiB: the largest of the process and all descendants that it waited for.
    return Reading(seconds=seconds, peak_mib=usage.ru_maxrss / 1024, printed=text)


def _to_json(name: str, readings: Sequence[Reading]) -> dict[str, Any]:
    return {
        "name": name,
        "median_seconds": round(median_seconds(readings), 3),
        "peak_mib": round(peak_mib(readings)),
        "seconds": [round(each.seconds, 3) for each in readings],
    }
