"""Asks a Meltano project all that an import needs, and plans it; writes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connector_assets.cli.import_draft import TapFacts, name_connector
from connector_assets.cli.import_plan import (
    Imported,
    ImportPlan,
    complete_destination,
    find_existing,
    plan_import,
)
from connector_assets.cli.import_routes import (
    COMMAND,
    LeftOut,
    Route,
    StateChoice,
    plan_routes,
)
from connector_assets.cli.import_secrets import Variables, find_secrets, parse_dotenv
from connector_assets.cli.import_state import (
    CarriedState,
    check_chosen,
    list_elsewhere,
    parse_states,
    pick_state,
)
from connector_assets.engines.meltano_ask import (
    Asking,
    fetch_answers,
    fetch_config,
    fetch_offered,
    open_asking,
)
from connector_assets.errors import ConfigError, ConfigErrors, ConnectorError
from connector_assets.project import FOLDER, Project


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What a person asks for: ``taps`` and ``state_ids`` are empty for all of them."""

    destination: str = ""
    taps: tuple[str, ...] = ()
    state: StateChoice = StateChoice.CARRY
    state_ids: tuple[str, ...] = ()


def collect_import(project: Project, request: ImportRequest) -> ImportPlan:
    """Return what the Meltano project in the project's folder becomes.

    A tap that gives no catalog is left out, with its reason; the others are not concerned.

    Raises:
        ConfigError: Nothing can be imported as asked for; nothing was written.
        ConnectorError: Meltano could not read the project.
    """
    if request.state is not StateChoice.ONLY:
        complete_destination(project, request.destination, name="name", of=1)
    with open_asking(project.root, environment=project.environment) as asking:
        answers = fetch_answers(asking, states=request.state is not StateChoice.SKIP)
        found, left_out = plan_routes(
            jobs=answers.jobs,
            schedules=answers.schedules,
            extractors=asking.project.extractors,
            kinds=answers.kinds,
        )
        routes = _name(_select(found, request.taps))
        states = parse_states(answers.states)
        picked, elsewhere = _pick(project, routes, states, chosen=request.state_ids)
        if request.state is StateChoice.ONLY:
            plan, silent = _plan_states(project, routes, picked), list[LeftOut]()
        else:
            _check_new(project, routes)
            facts, silent = _ask_taps(asking, routes, picked)
            kept = {name: route for name, route in routes.items() if name in facts}
            plan = plan_import(project, kept, facts, destination=request.destination)
    others = () if request.taps else left_out
    return ImportPlan(
        imported=plan.imported, left_out=(*plan.left_out, *silent, *elsewhere, *others)
    )


def _pick(
    project: Project,
    routes: Mapping[str, Route],
    states: Mapping[str, CarriedState],
    *,
    chosen: Sequence[str],
) -> tuple[dict[str, CarriedState | None], list[LeftOut]]:
    """Return the state of each connector, and the states that other environments have."""
    check_chosen(chosen, states)
    environment = project.environment
    picked, elsewhere = dict[str, CarriedState | None](), list[LeftOut]()
    for name, route in routes.items():
        picked[name] = pick_state(route, states, environment=environment, chosen=chosen)
        elsewhere += list_elsewhere(route, states, environment=environment)
    return picked, elsewhere


def _select(routes: Sequence[Route], taps: Sequence[str]) -> list[Route]:
    known = [one.tap for one in routes]
    for tap in taps:
        if tap not in known:
            problem = f"no job and no schedule of Meltano's runs {tap!r} as it can be imported"
            raise ConfigError(problem, place="--tap", value=tap, valid=known)
    return [one for one in routes if not taps or one.tap in taps]


def _name(routes: Sequence[Route]) -> dict[str, Route]:
    named: dict[str, Route] = {}
    for route in routes:
        named[name_connector(route.tap, taken=named)] = route
    return named


def _check_new(project: Project, routes: Mapping[str, Route]) -> None:
    """Make sure that no connector and no file of these names is there: nothing is overwritten."""
    known = {one.name: one.file for one in project.connectors}
    known |= {one.name: one.file for one in project.broken}
    errors = []
    for name, route in routes.items():
        file = Path(FOLDER) / f"{name}.yaml"
        if name in known or (project.root / file).exists():
            errors.append(
                ConfigError(
                    f"{route.tap} would become the connector {name!r}, which is there already",
                    place=str(known.get(name, file)),
                    fix=f"Its state alone: {COMMAND} --state only --tap {route.tap}. "
                    "Other taps alone: --tap NAME. To import it anew, move the file away.",
                )
            )
    if errors:
        raise ConfigErrors.collect(errors)


def _ask_taps(
    asking: Asking,
    routes: Mapping[str, Route],
    states: Mapping[str, CarriedState | None],
) -> tuple[dict[str, TapFacts], list[LeftOut]]:
    """Return what is known of each tap that gives a catalog, and those that give none."""
    facts, silent = {}, list[LeftOut]()
    dotenv = asking.project.root / ".env"
    variables = Variables(
        process=frozenset(os.environ),
        dotenv=parse_dotenv(dotenv.read_text(encoding="utf-8")) if dotenv.is_file() else (),
    )
    for name, route in routes.items():
        try:
            found = TapFacts(
                offered=fetch_offered(asking, name=route.tap),
                secrets=find_secrets(
                    asking.project,
                    tap=route.tap,
                    environment=asking.environment,
                    config=fetch_config(asking, name=route.tap),
                    variables=variables,
                ),
                state=states[name],
            )
        except ConnectorError as error:
            silent.append(_refuse_silent(route, error))
            continue
        if found.selected:
            facts[name] = found
        else:
            silent.append(_refuse_empty(route))
    return facts, silent


def _refuse_silent(route: Route, error: ConnectorError) -> LeftOut:
    fix = f"{error.fix} " if error.fix else ""
    return LeftOut(
        what=route.tap,
        # Without the last lines of the tap: some tell their settings, and no secret is known yet.
        why=f"its streams are not known: {error.problem.splitlines()[0].partition(';')[0]}",
        fix=f"{fix}See why: meltano invoke --dump=catalog {route.tap}. "
        f"Then: {COMMAND} --tap {route.tap}",
    )


def _refuse_empty(route: Route) -> LeftOut:
    return LeftOut(
        what=route.tap,
        why="the project selects none of its streams",
        fix=f"meltano select {route.tap} STREAM, then: {COMMAND} --tap {route.tap}",
    )


def _plan_states(
    project: Project,
    routes: Mapping[str, Route],
    states: Mapping[str, CarriedState | None],
) -> ImportPlan:
    """Return the states alone, of taps that are connectors already."""
    imported, left_out = [], []
    for name, route in routes.items():
        connector = find_existing(project, route, name=name)
        if connector is None:
            why = "no connector of the project reads it, or several do and none is called " + name
            fix = f"{COMMAND} --tap {route.tap} --destination NAME"
            left_out.append(LeftOut(what=f"state of {route.tap}", why=why, fix=fix))
        else:
            imported.append(
                Imported(
                    connector=connector,
                    tap=route.tap,
                    origins=route.origins,
                    file=str(connector.file),
                    state=states[name],
                )
            )
    return ImportPlan(imported=tuple(imported), left_out=tuple(left_out))
