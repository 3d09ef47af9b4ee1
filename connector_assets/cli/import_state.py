"""Which of Meltano's states is a connector's first one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector_assets.cli.import_routes import LeftOut, Pipeline, Route
from connector_assets.errors import ConfigError

_STATE_KEY = "singer_state"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedState:
    """A state of Meltano's, by its id, as the tap would get it next."""

    id: str
    state: Mapping[str, Any]

    @property
    def bookmarks(self) -> Mapping[str, Any]:
        """The bookmarks by stream; the oldest taps have nothing around them."""
        found = self.state.get("bookmarks", self.state)
        return found if isinstance(found, Mapping) else {}


def parse_states(exported: Mapping[str, Any]) -> dict[str, CarriedState]:
    """Return the states that ``meltano state export`` prints, by id; those without a position not.

    What a run left that ended half-way is laid over the last complete state, as Meltano does.
    """
    found = {}
    for state_id, entry in exported.items():
        complete = (entry.get("completed") or {}).get(_STATE_KEY) or {}
        partial = (entry.get("partial") or {}).get(_STATE_KEY) or {}
        if state := _merge(complete, partial):
            found[state_id] = CarriedState(id=state_id, state=state)
    return found


def pick_state(
    route: Route,
    states: Mapping[str, CarriedState],
    *,
    environment: str,
    chosen: Collection[str] = (),
) -> CarriedState | None:
    """Return the state of a tap in an environment, None where it has none.

    Raises:
        ConfigError: Its pipelines came differently far, and none of their ids is ``chosen``.
    """
    found = {
        one.id: one
        for pipeline in route.pipelines
        for one in _find(pipeline, states, environment=environment)
    }
    picked = [one for one in found.values() if one.id in chosen] or list(found.values())
    if len({json.dumps(one.state, sort_keys=True) for one in picked}) > 1:
        ids = ", ".join(one.id for one in picked)
        raise ConfigError(
            f"{route.tap} has {len(picked)} states, which differ: {ids}",
            place="meltano state list",
            fix=f"Say which one goes on: --state-id {picked[0].id} (or --state skip to load "
            "from the beginning). Nothing was imported.",
        )
    return picked[0] if picked else None


def check_chosen(chosen: Sequence[str], states: Mapping[str, CarriedState]) -> None:
    """Make sure that every chosen id is one of a state.

    Raises:
        ConfigError: One is not; names those that are.
    """
    for state_id in chosen:
        if state_id not in states:
            raise ConfigError(
                f"Meltano has no state {state_id!r}",
                place="--state-id",
                value=state_id,
                valid=sorted(states),
            )


def list_elsewhere(
    route: Route, states: Mapping[str, CarriedState], *, environment: str
) -> Iterator[LeftOut]:
    """Yield the states that a tap has in other environments."""
    for state_id in states:
        other, colon, _ = state_id.partition(":")
        if not colon or other == environment:
            continue
        if any(_find(one, {state_id: states[state_id]}, environment=other) for one in _made(route)):
            yield LeftOut(
                what=f"state {state_id}",
                why=f"this is environment {environment}",
                fix=f"connectors import meltano --env {other} --state only (connectors.yaml has "
                f"to have an environment {other})",
            )


def _made(route: Route) -> Iterator[Pipeline]:
    """Yield the pipelines whose state id Meltano makes from the environment."""
    return (one for one in route.pipelines if not one.state_id)


def _find(
    pipeline: Pipeline, states: Mapping[str, CarriedState], *, environment: str
) -> list[CarriedState]:
    """Return the states of a pipeline: with any suffix, where Meltano makes the id."""
    if pipeline.state_id:
        return [states[pipeline.state_id]] if pipeline.state_id in states else []
    made = f"{environment}:{pipeline.tap}-to-{pipeline.loader}"
    return [one for one in states.values() if one.id == made or one.id.startswith(f"{made}:")]


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[key] = _merge(under, value) if both and isinstance(under, Mapping) else value
    return merged
