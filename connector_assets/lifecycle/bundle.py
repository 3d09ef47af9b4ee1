"""All that is known of a sync in one file, redacted, for whoever cannot look at the project."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connector_assets.artifacts import read_log
from connector_assets.credentials.redact import Redactor
from connector_assets.credentials.sources import resolve_connector
from connector_assets.errors import ConfigError, ConnectorError
from connector_assets.lifecycle.debugging import Examination, render
from connector_assets.lifecycle.setting import Setting


def write_bundle(setting: Setting, examination: Examination, *, to: Path) -> Path:
    """Write examination, plan, evidence, the versions of the state and the log; return where.

    Secrets that this machine has are taken out of all of it once more. A file that is there is not
    overwritten.

    Raises:
        ConfigError: The file is there, or cannot be written.
    """
    row = examination.row
    path = to if to.suffix == ".zip" else to.with_name(f"{to.name}.zip")
    redactor = _build_redactor(setting, examination)
    files = {
        "examination.json": render(examination),
        "plan.json": row.plan,
        "evidence.json": setting.ledger.syncs.evidence(row.sync_id, attempt=row.attempt),
        "states.json": _list_states(setting, row.connector),
    }
    try:
        with zipfile.ZipFile(path, "x", compression=zipfile.ZIP_DEFLATED) as bundle:
            for name, content in files.items():
                bundle.writestr(name, json.dumps(redactor.value(content), indent=1, default=str))
            bundle.writestr("log.jsonl", redactor.text(_read_log(setting, examination)))
    except FileExistsError as error:
        fix = "Name another file, or remove it."
        raise ConfigError("the bundle's file is there already", place=str(path), fix=fix) from error
    except OSError as error:
        raise ConfigError(f"the bundle cannot be written: {error}", place=str(path)) from error
    return path


def _build_redactor(setting: Setting, examination: Examination) -> Redactor:
    """Return what knows the secrets; the log and the evidence were redacted when written, too."""
    try:
        connector = setting.plan_of(examination.row).connector
        return Redactor(resolve_connector(connector, root=setting.project.root).values)
    except ConnectorError:
        return Redactor()


def _list_states(setting: Setting, connector: str) -> list[Mapping[str, Any]]:
    """Return the versions of the state without their contents, which are data."""
    environment = setting.project.environment
    versions = setting.ledger.states.versions(connector, environment=environment, limit=20)
    return [
        {
            "version": one.version,
            "sync_id": one.sync_id,
            "who": one.who,
            "why": one.why,
            "at": one.at.isoformat(),
        }
        for one in versions
    ]


def _read_log(setting: Setting, examination: Examination) -> str:
    row, project = examination.row, setting.project
    try:
        lines = read_log(
            project.artifacts, connector=row.called, sync_id=row.sync_id, work=project.work
        )
        return "\n".join(lines)
    except ConfigError as error:
        return error.problem
