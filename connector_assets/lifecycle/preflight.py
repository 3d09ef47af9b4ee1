"""What is checked before a connector is extracted: secrets, engine, destination, position."""

from __future__ import annotations

from typing import Any

from connector_assets.credentials.sources import check_secrets
from connector_assets.errors import ConfigError, CredentialError
from connector_assets.lifecycle.environment import describe_machine
from connector_assets.lifecycle.leftovers import clear_configuration, settle_rotated
from connector_assets.lifecycle.reconciling import look, reconcile
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
    lock = "current" if plan.lock_hash else "none"
    return {"secrets": secrets, "lock": lock, "machine": describe_machine(), **found}


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
    connector = plan.connector
    live = look(setting, connector, purpose=f"sync {sync_id} of {connector.name}")
    known = reconcile(setting, connector, live, rebuild=request.rebuild)
    return {"state_version": live.version, "known_version": known}
