"""Connectors that the project has, or that only the ledger knows any more."""

from __future__ import annotations

from connector_assets.errors import ConfigError
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector
from connector_assets.project import Project


def find_connector(setting: Setting, name: str) -> Connector:
    """Return a connector of the project; of one that is gone, or broken, that of its last sync.

    Raises:
        ConfigError: Neither the project nor the ledger's environment knows it; names what they
            know. Or its file is broken, and it was never synced.
    """
    project, environment = setting.project, setting.project.environment
    try:
        return project.connector(name)
    except ConfigError:
        rows = setting.ledger.history.recent(environment=environment, connector=name, limit=1)
        if rows:
            return setting.plan_of(rows[0]).connector
        if name in {one.name for one in project.broken}:
            raise
    raise _unknown(setting, name)


def list_gone(setting: Setting) -> list[str]:
    """Return the names that syncs in the ledger's environment have, and the project has not."""
    rows = setting.ledger.history.last(environment=setting.project.environment)
    return sorted({row.connector for row in rows} - set(_list_names(setting.project)))


def _list_names(project: Project) -> list[str]:
    named = [one.name for one in project.broken if one.name]
    return [*(one.name for one in project.connectors), *named]


def _unknown(setting: Setting, name: str) -> ConfigError:
    environment = setting.project.environment
    return ConfigError(
        f"neither the project nor the ledger of {environment} has a connector {name!r}",
        place=setting.ledger.place,
        value=name,
        valid=[*_list_names(setting.project), *list_gone(setting)],
    )
