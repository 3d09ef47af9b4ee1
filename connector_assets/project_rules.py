"""The rules between the connectors of a project: names, datasets, dependencies.

Each yields the connector that breaks it, with the error; broken files are known by name only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from connector_assets.errors import ConfigError
from connector_assets.model import Connector


def check_names(
    connectors: Sequence[Connector], _broken_names: frozenset[str]
) -> Iterator[tuple[Connector, ConfigError]]:
    """Yield each connector whose name another file has too."""
    for group in _groups(connectors, key=lambda one: one.name):
        files = " and ".join(str(one.file) for one in group)
        problem = f"{len(group)} files declare the connector {group[0].name!r}: {files}"
        fix = "A connector is known by its `name:`: change one of them."
        for one in group:
            yield one, ConfigError(problem, place=str(one.file), fix=fix)


def check_datasets(
    connectors: Sequence[Connector], _broken_names: frozenset[str]
) -> Iterator[tuple[Connector, ConfigError]]:
    """Yield each connector whose dataset another one loads into."""
    for group in _groups(connectors, key=lambda one: one.target):
        names = " and ".join(repr(one.name) for one in group)
        problem = f"the connectors {names} load into one dataset, {group[0].target}"
        fix = "Give each its own: state, schema and undo are kept by dataset."
        for one in group:
            yield one, ConfigError(problem, place=str(one.file), fix=fix)


def check_dependencies(
    connectors: Sequence[Connector], broken_names: frozenset[str]
) -> Iterator[tuple[Connector, ConfigError]]:
    """Yield each connector that depends on an unknown one, or in a circle on itself."""
    needs = {one.name: one.depends_on for one in connectors}
    for one in connectors:
        for name in one.depends_on:
            if name not in needs and name not in broken_names:
                problem = f"`depends_on` names {name!r}, which is no connector of the project"
                valid = sorted({*needs, *broken_names} - {one.name})
                yield one, ConfigError(problem, place=str(one.file), value=name, valid=valid)
        if circle := _find_circle(one.name, needs=needs):
            problem = f"`depends_on` goes in a circle: {' -> '.join(circle)}"
            fix = "Remove one of these dependencies."
            yield one, ConfigError(problem, place=str(one.file), fix=fix)


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


def _groups(
    connectors: Sequence[Connector], *, key: Callable[[Connector], str]
) -> list[list[Connector]]:
    found: dict[str, list[Connector]] = {}
    for one in connectors:
        found.setdefault(key(one), []).append(one)
    return [group for group in found.values() if len(group) > 1]
