"""What is checked before a connector is extracted: secrets, engine, destination, position."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connector_assets.credentials.sources import check_secrets, resolve_connector
from connector_assets.errors import ConfigError, CredentialError, StateDivergence
from connector_assets.ledger.records import StateVersion
from connector_assets.lifecycle.leftovers import clear_configuration, settle_rotated
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.model import Connector, Engine
from connector_assets.plan import Plan


def preflight(
    setting: Setting, plan: Plan, *, sync_id: str, request: StartRequest
) -> dict[str, Any]:
    """Check that a sync can be run, and return what was found, for the evidence.

    What a killed run of Meltano left is removed, and what its tap rotated is stored first.
    A destination that is ahead of the ledger (a sync was killed after its commit) is adopted: its
    state version is written into the ledger.

    Raises:
        CredentialError: Secrets are missing; names them all.
        ConfigError: The engine cannot run the source.
        EnvironmentMismatch: The destination belongs to another project or environment.
        StateDivergence: The destination does not have the state that the ledger knows.
        FileLocked: Another process has the DuckDB file, after a bounded wait.
    """
    connector = plan.connector
    clear_configuration(setting.project.root)
    settle_rotated(connector, root=setting.project.root)
    secrets = _check_secrets(setting, connector)
    _check_lock(setting, plan)
    _check_engine(setting, connector)
    found = _check_destination(setting, plan, sync_id=sync_id, request=request)
    return {"secrets": secrets, "lock": "current" if plan.lock_hash else "none", **found}


def _check_secrets(setting: Setting, connector: Connector) -> dict[str, int]:
    root, destination = setting.project.root, connector.destination
    errors = (
        *check_secrets(connector.secrets, of=f"connector {connector.name}", root=root),
        *check_secrets(destination.secrets, of=f"destination {destination.name}", root=root),
    )
    if errors:
        problem = "; ".join(error.problem for error in errors)
        raise CredentialError(problem, fix=errors[0].fix, place=str(connector.file))
    total = len(connector.secrets) + len(destination.secrets)
    return {"found": total, "of": total}


def _check_lock(setting: Setting, plan: Plan) -> None:
    if setting.project.production and not plan.lock_hash:
        name = plan.connector.name
        raise ConfigError(
            f"{name} has no schema lock, and environment {plan.environment} needs one",
            place=f"locks/{name}.json",
            connector=name,
            fix=f"Write it and commit it: connectors discover {name} --lock",
        )


def _check_engine(setting: Setting, connector: Connector) -> None:
    if connector.engine is Engine.MELTANO:
        from connector_assets.engines import meltano

        meltano.check(connector, project_root=setting.project.root)


def _check_destination(
    setting: Setting, plan: Plan, *, sync_id: str, request: StartRequest
) -> dict[str, Any]:
    from connector_assets.destinations.connect import is_new

    connector = plan.connector
    latest = setting.ledger.states.latest(connector.name, environment=setting.project.environment)
    known = latest.version if latest else 0
    live, state = 0, dict[str, Any]()
    if not is_new(connector.destination):
        live, state = _look(setting, plan, sync_id=sync_id)
    if live > known:
        _adopt(setting, connector, version=live, state=state)
    elif live < known and not (live == 0 and request.rebuild):
        raise _diverged(connector, live=live, known=known)
    return {"state_version": live, "known_version": max(live, known)}


def _look(setting: Setting, plan: Plan, *, sync_id: str) -> tuple[int, dict[str, Any]]:
    from connector_assets.destinations.connect import connected
    from connector_assets.destinations.locks import build_patience, file_lock
    from connector_assets.destinations.readback import read_position
    from connector_assets.destinations.stamp import Stamp, check_stamp

    connector = plan.connector
    destination = connector.destination
    secrets = resolve_connector(connector, root=setting.project.root).destination
    stamp = Stamp(project_id=plan.project_id, environment=plan.environment)
    purpose = f"sync {sync_id} of {connector.name}"
    for attempt in build_patience(setting.observer.waits):
        with (
            attempt,
            file_lock(destination, purpose=purpose),
            connected(destination, secrets=secrets) as connection,
        ):
            check_stamp(connection, stamp, destination=destination)
            return read_position(connection, connector)
    raise AssertionError("unreachable: the last attempt raises")


def _adopt(
    setting: Setting, connector: Connector, *, version: int, state: Mapping[str, Any]
) -> None:
    setting.ledger.states.append(
        StateVersion(
            connector=connector.name,
            environment=setting.project.environment,
            version=version,
            state=state,
            sync_id=None,
            who="start_dag",
            why="adopted: the destination was ahead of the ledger",
            at=datetime.now(UTC),
        )
    )


def _diverged(connector: Connector, *, live: int, known: int) -> StateDivergence:
    if live == 0:
        return StateDivergence(
            f"{connector.target} is empty, and the ledger knows {known} state versions of it",
            place=f"destination {connector.destination.name}",
            connector=connector.name,
            fix="Is it the right destination, and mounted? If it was removed on purpose, load it "
            f"from the beginning: connectors sync {connector.name} --rebuild",
        )
    return StateDivergence(
        f"{connector.target} is at state version {live}, the ledger knows version {known}",
        place=f"destination {connector.destination.name}",
        connector=connector.name,
        fix="Was the destination restored from a backup, or the ledger shared with another one? "
        "Nothing was extracted.",
    )
