"""The rules between the connectors of a project: names, datasets, dependencies.

Each yields the connector that breaks it, with the error; broken files are known by name only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from connector_assets.alerting import AlertRule
from connector_assets.errors import ConfigError
from connector_assets.model import Connector
from connector_assets.yaml_marks import Document, KeyPath

Breach = tuple["Declared", ConfigError]
# What dlt adds to a dataset for the tables that it merges from.
_STAGING = "_staging"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A connector, and the file that declares it, for its lines."""

    connector: Connector
    document: Document

    @property
    def name(self) -> str:
        """What it is known by."""
        return self.connector.name


def check_names(connectors: Sequence[Declared], _broken_names: frozenset[str]) -> Iterator[Breach]:
    """Yield each connector whose name another file has too."""
    for group in _groups(connectors, key=lambda one: one.name):
        files = " and ".join(str(one.connector.file) for one in group)
        problem = f"{len(group)} files declare the connector {group[0].name!r}: {files}"
        fix = "A connector is known by its `name:`: change one of them."
        for one in group:
            yield one, ConfigError(problem, place=one.document.place(("name",)), fix=fix)


def check_datasets(
    connectors: Sequence[Declared], _broken_names: frozenset[str]
) -> Iterator[Breach]:
    """Yield each connector whose dataset another one loads into, or stages in."""
    for group in _groups(connectors, key=lambda one: _dataset(one.connector)):
        names = " and ".join(repr(one.name) for one in group)
        problem = f"the connectors {names} load into one dataset, {group[0].connector.target}"
        fix = "Give each its own: state, schema and undo are kept by dataset."
        for one in group:
            yield one, ConfigError(problem, place=one.document.place(("destination",)), fix=fix)
    datasets = {_dataset(one.connector): one.name for one in connectors}
    for one in connectors:
        place, dataset = _dataset(one.connector)
        if dataset.endswith(_STAGING) and (place, dataset.removesuffix(_STAGING)) in datasets:
            other = datasets[place, dataset.removesuffix(_STAGING)]
            problem = f"{one.connector.target} is where dlt stages the merges of {other!r}"
            line = one.document.place(("destination",))
            yield one, ConfigError(problem, place=line, fix="Call the dataset otherwise.")


def check_dependencies(
    connectors: Sequence[Declared], broken_names: frozenset[str]
) -> Iterator[Breach]:
    """Yield each connector that depends on an unknown one, or in a circle on itself."""
    needs = {one.name: one.connector.depends_on for one in connectors}
    for one in connectors:
        for at, name in enumerate(one.connector.depends_on):
            if name not in needs and name not in broken_names:
                problem = f"`depends_on` names {name!r}, which is no connector of the project"
                place = one.document.place(("depends_on", at))
                valid = sorted({*needs, *broken_names} - {one.name, ""})
                yield one, ConfigError(problem, place=place, value=name, valid=valid)
        if circle := _find_circle(one.name, needs=needs):
            problem = f"`depends_on` goes in a circle: {' -> '.join(circle)}"
            place, fix = one.document.place(("depends_on",)), "Remove one of these dependencies."
            yield one, ConfigError(problem, place=place, fix=fix)


def check_renames(connectors: Sequence[Declared], broken_names: frozenset[str]) -> Iterator[Breach]:
    """Yield each connector that is renamed from one that the project has, as another one is too."""
    names = {one.name for one in connectors} | broken_names
    heirs: dict[str, list[Declared]] = {}
    for one in connectors:
        for old in one.connector.renamed_from:
            heirs.setdefault(old, []).append(one)
    for old, found in heirs.items():
        problem = ""
        if old in names:
            problem = f"`renamed_from` names {old!r}, which is a connector of the project"
            fix = f"Remove the file of {old!r}, or `renamed_from:`."
        elif len(found) > 1:
            heard = " and ".join(repr(one.name) for one in found)
            problem = f"the connectors {heard} are renamed from one, {old!r}"
            fix = "State and history can follow one of them: remove the other `renamed_from:`."
        for one in found if problem else ():
            yield one, ConfigError(problem, place=one.document.place(("renamed_from",)), fix=fix)


def check_alert_rules(
    rules: Sequence[AlertRule], *, connectors: Sequence[Connector], broken_names: frozenset[str]
) -> Iterator[tuple[KeyPath, ConfigError]]:
    """Yield what the project's rules about alerts name and nothing has: they would tell nobody.

    Each with its path in connectors.yaml. While a file is broken, its owner is not known, and
    owners are not judged.
    """
    names = {one.name for one in connectors} | broken_names
    owners = {one.owner for one in connectors}
    for rule in rules:
        given = {"connectors": (rule.connectors, names), "owners": (rule.owners, owners)}
        for key, (said, known) in given.items():
            if key == "owners" and broken_names:
                continue
            for at, name in enumerate(said):
                if name not in known:
                    problem = (
                        f"the rule {rule.name!r} is about {name!r}, which is none of the {key}"
                    )
                    error = ConfigError(problem, value=name, valid=sorted(known - {""}))
                    yield ("alerts", "rules", rule.name, key, at), error


def _find_circle(start: str, *, needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the way from a connector back to itself, empty where there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop()
        for name in needs.get(way[-1], ()):
            if name == start:
                return [*way, start]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _dataset(connector: Connector) -> tuple[str, str]:
    """Return where a dataset is, whatever its destination is called."""
    destination = connector.destination
    place = destination.path or destination.catalog
    if place.startswith("postgresql"):
        # Each DuckLake has a schema of its own there.
        place = f"{place} {destination.name}"
    return place, connector.dataset


def _groups(
    connectors: Sequence[Declared], *, key: Callable[[Declared], object]
) -> list[list[Declared]]:
    found: dict[object, list[Declared]] = {}
    for one in connectors:
        found.setdefault(key(one), []).append(one)
    return [group for group in found.values() if len(group) > 1]
