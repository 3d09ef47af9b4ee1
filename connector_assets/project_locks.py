"""The schema locks of a project, read together: one that cannot be used breaks its connector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connector_assets.errors import ConfigError, ConfigErrors
from connector_assets.lock import Lock, load_lock
from connector_assets.project import BrokenConnector, Project


def load_locks(project: Project) -> tuple[Project, Mapping[str, Lock | None]]:
    """Return the locks of a project's connectors by name, None where one has none.

    The project that comes with them has the connectors whose lock cannot be used among the broken
    ones. Reads the locks and nothing else.
    """
    locks: dict[str, Lock | None] = {}
    broken = list(project.broken)
    for one in project.connectors:
        try:
            locks[one.name] = load_lock(one.name, root=project.root)
        except ConfigError as error:
            errors = ConfigErrors.split(error)
            broken.append(BrokenConnector(file=one.file, name=one.name, errors=errors))
    good = tuple(one for one in project.connectors if one.name in locks)
    return replace(project, connectors=good, broken=tuple(broken)), locks
