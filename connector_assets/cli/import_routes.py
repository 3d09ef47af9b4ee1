"""What a Meltano project runs: which tap into which loader, in which jobs, on which schedules."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

COMMAND = "connectors import meltano"
_STATE_OPTION = "--state-id="


class StateChoice(StrEnum):
    """What is done about Meltano's states."""

    CARRY = "carry"
    SKIP = "skip"
    ONLY = "only"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What is not imported, why, and what to do about it."""

    what: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A schedule of Meltano's: its name, what it says, and as cron; by hand without one."""

    name: str
    said: str
    cron: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A tap into a loader, as ``origin`` (``job all``) runs it.

    ``state_id`` is the id that a schedule gives it; without one Meltano makes it from environment,
    tap, loader and suffix.
    """

    tap: str
    loader: str
    origin: str
    intervals: tuple[Interval, ...] = ()
    state_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """All that runs one tap: what becomes one connector."""

    tap: str
    pipelines: tuple[Pipeline, ...]

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The schedules of its pipelines, each once."""
        return tuple(dict.fromkeys(one for each in self.pipelines for one in each.intervals))

    @property
    def origins(self) -> tuple[str, ...]:
        """The jobs and schedules that run it: ``job all``, ``schedule daily``."""
        names = [each.origin for each in self.pipelines]
        return tuple(dict.fromkeys([*names, *(f"schedule {one.name}" for one in self.intervals)]))


def plan_routes(
    *,
    jobs: Mapping[str, Any],
    schedules: Mapping[str, Any],
    extractors: Collection[str],
    kinds: Mapping[str, str],
) -> tuple[tuple[Route, ...], tuple[LeftOut, ...]]:
    """Return the taps that jobs and schedules run, in their order, and what else they run.

    ``jobs`` and ``schedules`` are what ``meltano job list`` and ``schedule list`` print as JSON.
    A tap whose rows go through a mapper is left out: they would arrive unmapped.
    """
    reader = _Reader(extractors=extractors, kinds=kinds)
    by_name = schedules["schedules"]
    by_job = _collect_intervals(by_name.get("job") or ())
    for job in jobs["jobs"]:
        name = job["job_name"]
        reader.read_job(name, _flatten(job["tasks"]), intervals=by_job.get(name, ()))
    for schedule in by_name.get("elt") or ():
        reader.read_elt(schedule)
    left_out = (*reader.left_out, *_list_variables(by_name), *reader.list_idle())
    taps = dict.fromkeys(each.tap for each in reader.pipelines)
    routes = (
        Route(tap=tap, pipelines=tuple(each for each in reader.pipelines if each.tap == tap))
        for tap in taps
    )
    return tuple(routes), left_out


@dataclass(slots=True, kw_only=True)
class _Reader:
    """What is found while the jobs and schedules of a project are read."""

    extractors: Collection[str]
    kinds: Mapping[str, str]
    pipelines: list[Pipeline] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    mapped: set[str] = field(default_factory=set)

    def read_job(self, job: str, words: Sequence[str], *, intervals: tuple[Interval, ...]) -> None:
        origin, tap, mappers = f"job {job}", "", list[str]()
        for word in words:
            kind = self.kinds.get(word.partition(":")[0], "")
            if word in self.extractors:
                tap, mappers = word, []
            elif tap and kind == "mappers":
                mappers.append(word)
            elif tap and kind == "loaders":
                pipeline = Pipeline(tap=tap, loader=word, origin=origin, intervals=intervals)
                self._add(pipeline, mappers=mappers)
                tap = ""
            else:
                self.left_out.append(_refuse_command(word, kind, origin=origin))

    def read_elt(self, schedule: Mapping[str, Any]) -> None:
        name = schedule["name"]
        origin = f"schedule {name}"
        given = (one for one in schedule.get("elt_args") or () if one.startswith(_STATE_OPTION))
        transform = schedule.get("transform") or "skip"
        if transform != "only":
            pipeline = Pipeline(
                tap=schedule["extractor"],
                loader=schedule["loader"],
                origin=origin,
                intervals=(_parse_interval(schedule),),
                state_id=next(given, name).removeprefix(_STATE_OPTION),
            )
            self._add(pipeline, mappers=())
        if transform != "skip":
            word = f"transform: {transform}"
            self.left_out.append(_refuse_command(word, "transformers", origin=origin))

    def list_idle(self) -> Iterator[LeftOut]:
        """Yield the taps that nothing runs, together."""
        busy = self.mapped | {each.tap for each in self.pipelines}
        if idle := [name for name in self.extractors if name not in busy]:
            yield LeftOut(
                what=", ".join(idle),
                why="no job and no schedule of Meltano's runs it",
                fix=f"To sync it: connectors new NAME --source {idle[0]}",
            )

    def _add(self, pipeline: Pipeline, *, mappers: Sequence[str]) -> None:
        if mappers:
            self.mapped.add(pipeline.tap)
            self.left_out.append(_refuse_mapped(pipeline, mappers))
        else:
            self.pipelines.append(pipeline)


def _refuse_mapped(pipeline: Pipeline, mappers: Sequence[str]) -> LeftOut:
    through = " and ".join(mappers)
    return LeftOut(
        what=f"{pipeline.tap} in {pipeline.origin}",
        why=f"its rows go through {through}, and connectors run no mappers: they would arrive as "
        "the source has them",
        fix=f"If they may: connectors new NAME --source {pipeline.tap}. What taps of Meltano's SDK "
        "have as `stream_maps` in meltano.yml holds for connectors, too.",
    )


def _refuse_command(word: str, kind: str, *, origin: str) -> LeftOut:
    what = {"utilities": "a utility", "transformers": "a transformer", "loaders": "a loader"}
    why = f"{what[kind]} without a tap" if kind in what else "no tap"
    return LeftOut(
        what=f"{word} in {origin}",
        why=f"it is {why}: connectors extract and load",
        fix="Run it when the syncs have ended: as an asset that depends on theirs in Dagster, or "
        "as a DAG after theirs in Airflow.",
    )


def _list_variables(schedules: Mapping[str, Any]) -> Iterator[LeftOut]:
    for schedule in (*(schedules.get("job") or ()), *(schedules.get("elt") or ())):
        if schedule.get("env"):
            # Their values may be secrets.
            yield LeftOut(
                what=f"env of schedule {schedule['name']}: {', '.join(schedule['env'])}",
                why="a connector has no variables of its own",
                fix="Write what they set under `config:` of the connector.",
            )


def _collect_intervals(
    schedules: Sequence[Mapping[str, Any]],
) -> dict[str, tuple[Interval, ...]]:
    found: dict[str, tuple[Interval, ...]] = {}
    for schedule in schedules:
        job = schedule["job"]["name"]
        found[job] = (*found.get(job, ()), _parse_interval(schedule))
    return found


def _parse_interval(schedule: Mapping[str, Any]) -> Interval:
    return Interval(
        name=schedule["name"], said=schedule["interval"] or "", cron=schedule["cron_interval"]
    )


def _flatten(tasks: Any) -> list[str]:
    """Return the words of a job, as ``meltano run`` would be given them."""
    if isinstance(tasks, str):
        return tasks.split()
    return [word for task in tasks for word in _flatten(task)]
