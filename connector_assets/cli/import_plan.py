"""What an import makes of a Meltano project: connectors with their states, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connector_assets.cli.import_draft import Setup, TapFacts, list_plain, render_connector
from connector_assets.cli.import_routes import COMMAND, LeftOut, Route
from connector_assets.cli.import_schedule import plan_schedule
from connector_assets.cli.import_state import CarriedState
from connector_assets.cli.new_connector import OWNER, Draft, check_draft
from connector_assets.errors import ConfigError
from connector_assets.model import Connector, Engine
from connector_assets.project import FOLDER, Project
from connector_assets.project_file import load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A tap that becomes a connector; ``text`` is its file, empty where that is there already."""

    connector: Connector
    tap: str
    origins: tuple[str, ...]
    file: str
    text: str = ""
    state: CarriedState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What is imported, and what is not."""

    imported: tuple[Imported, ...]
    left_out: tuple[LeftOut, ...]


def plan_import(
    project: Project,
    routes: Mapping[str, Route],
    facts: Mapping[str, TapFacts],
    *,
    destination: str,
) -> ImportPlan:
    """Return the connectors that taps become; both mappings are by the connector's name.

    Raises:
        ConfigError: The destination is missing or unknown, or a file cannot be made.
    """
    settings = load_settings(project.root, environment=project.environment)
    inherited = frozenset({"cursor"} if settings.defaults.cursor else ())
    imported, left_out = [], list[LeftOut]()
    for name, route in routes.items():
        cron, others = plan_schedule(route.tap, route.intervals)
        setup = Setup(
            name=name,
            destination=complete_destination(project, destination, name=name, of=len(routes)),
            cron=cron,
            owner="" if settings.defaults.owner else OWNER,
            inherited=inherited,
        )
        left_out += [*others, *list_plain(route, facts[name].secrets)]
        imported.append(_import(project, route, setup, facts[name]))
    return ImportPlan(imported=tuple(imported), left_out=tuple(left_out))


def complete_destination(project: Project, destination: str, *, name: str, of: int) -> str:
    """Return destination and dataset of a connector, one ``of`` several.

    Connectors never share a dataset: without one it is called as the connector, and of several it
    is the dataset and the name: ``lake.raw`` becomes ``lake.raw_shop``.

    Raises:
        ConfigError: None is given, or the project does not have it.
    """
    place, _, dataset = destination.partition(".")
    valid = tuple(project.destinations)
    if not place:
        raise ConfigError(
            f"nothing says which destination to load into; there is {' and '.join(valid)}",
            place="--destination",
            fix=f"{COMMAND} --destination {valid[0]} gives each connector a dataset of its name.",
        )
    if place not in valid:
        problem = f"the project has no destination {place!r}"
        raise ConfigError(problem, place="--destination", value=place, valid=valid)
    if not dataset:
        return f"{place}.{name}"
    return f"{place}.{dataset}_{name}" if of > 1 else destination


def find_existing(project: Project, route: Route, *, name: str) -> Connector | None:
    """Return the connector that a tap has in the project already, if it is clear which."""
    found = [
        one
        for one in project.connectors
        if one.engine is Engine.MELTANO and one.source == route.tap
    ]
    return next((one for one in found if one.name == name or len(found) == 1), None)


def _import(project: Project, route: Route, setup: Setup, facts: TapFacts) -> Imported:
    file = f"{FOLDER}/{setup.name}.yaml"
    text = render_connector(route, setup, facts)
    draft = Draft(
        name=setup.name, engine=Engine.MELTANO, source=route.tap, file=file, files={file: text}
    )
    return Imported(
        connector=check_draft(project, draft, place=f"{COMMAND}: {route.tap}"),
        tap=route.tap,
        origins=route.origins,
        file=file,
        text=text,
        state=facts.state,
    )
