"""What a sync depends on outside of its files: interpreter, packages, plugins, variables."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from connector_assets.model import Connector
from connector_assets.project import Project

#: What decides how values are read and loaded, or when.
PACKAGES = (
    "connector-assets",
    "dlt",
    "duckdb",
    "pyarrow",
    "sqlalchemy",
    "meltano",
    "singer-sdk",
    "dagster",
    "apache-airflow",
)
_OURS = "CONNECTORS_"


def describe_machine() -> dict[str, Any]:
    """Return what is the same for all connectors here; fast enough for each sync."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "host": socket.gethostname(),
        "packages": {name: found for name in PACKAGES if (found := _find_version(name))},
    }


def describe_project(project: Project) -> dict[str, Any]:
    """Return a fingerprint to compare places by: names of variables, never values."""
    from connector_assets.plan import plan_connector

    plans = {}
    for connector in project.connectors:
        plan = plan_connector(project, connector)
        plans[connector.name] = {"plan": plan.fingerprint, "lock": plan.lock_hash or "none"}
    return {
        **describe_machine(),
        "environment": project.environment,
        "project": project.id,
        "connectors": plans,
        "broken": sorted(str(one.file) for one in project.broken),
        "variables": _list_variables(project),
    }


def compare(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return what differs between two fingerprints: its name, here, there; None is "not there"."""
    found: list[tuple[str, Any, Any]] = []
    for key in sorted({*here, *there}):
        one, other = here.get(key), there.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += [(f"{key}.{name}", *values) for name, *values in compare(one, other)]
        elif one != other:
            found.append((key, one, other))
    return found


def _list_variables(project: Project) -> dict[str, str]:
    """Return the variables that secrets come from, and ours: whether they are set."""
    names = {name for one in project.connectors for name in _find_names(one)}
    names |= {name for name in os.environ if name.startswith(_OURS)}
    return {name: "set" if os.environ.get(name) else "not set" for name in sorted(names)}


def _find_names(connector: Connector) -> Iterator[str]:
    for secrets in (connector.secrets, connector.destination.secrets):
        for source in secrets.values():
            kind, _, name = source.partition(":")
            if kind == "env":
                yield name


def _find_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
