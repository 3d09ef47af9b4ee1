"""The plan: the frozen record of one connector that the worker, the ledger and both views get.

Its JSON names no folder of this machine, holds no secret and no alert's address.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_assets.connector_json import parse_connector, render_connector
from connector_assets.errors import ConfigError
from connector_assets.lock import load_lock, lock_hash
from connector_assets.model import Connector

if TYPE_CHECKING:
    from connector_assets.project import Project

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One connector in one environment of one project, ready to be run.

    ``root`` is the project folder on this machine and is not in the JSON. ``fingerprint`` is the
    SHA-256 over what determines a sync and its schedule; ``lock_hash`` that of the schema lock,
    empty without one. Alerts and pauses are left out: they do not change a sync.
    """

    project_id: str
    environment: str
    root: Path
    connector: Connector
    fingerprint: str
    lock_hash: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; paths are as connectors.yaml has them."""
        return {
            "version": VERSION,
            "project_id": self.project_id,
            "environment": self.environment,
            "fingerprint": self.fingerprint,
            "lock_hash": self.lock_hash,
            "connector": render_connector(self.connector, root=self.root),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any], *, root: Path) -> Plan:
        """Return the plan that :meth:`to_json` rendered, for a project folder at ``root``.

        Raises:
            ConfigError: It was rendered by another version.
        """
        if record.get("version") != VERSION:
            raise ConfigError(
                f"the plan has version {record.get('version')!r}, not {VERSION}",
                fix="Start the sync again with this installation.",
            )
        return cls(
            project_id=record["project_id"],
            environment=record["environment"],
            root=root,
            connector=parse_connector(record["connector"], root=root),
            fingerprint=record["fingerprint"],
            lock_hash=record["lock_hash"],
        )


def plan_connector(project: Project, connector: Connector) -> Plan:
    """Return the plan of a project's connector; reads its schema lock and nothing else.

    Raises:
        ConfigError: The lock cannot be read.
    """
    lock = load_lock(connector.name, root=project.root)
    plan = Plan(
        project_id=project.id,
        environment=project.environment,
        root=project.root,
        connector=replace(connector, alerts=(), pause_after=0),
        fingerprint="",
        lock_hash=lock_hash(lock),
    )
    return replace(plan, fingerprint=_fingerprint(plan))


def select_streams(plan: Plan, names: Collection[str]) -> Plan:
    """Return the plan for some of its streams only; for all of them where none is named.

    Its fingerprint stays that of the whole connector.

    Raises:
        ConfigError: The connector has no stream of a name.
    """
    known = {stream.name: stream for stream in plan.connector.streams}
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{plan.connector.name} has no stream {name!r}",
                place=str(plan.connector.file),
                value=name,
                valid=known,
                connector=plan.connector.name,
            )
    if not names:
        return plan
    streams = tuple(stream for name, stream in known.items() if name in names)
    return replace(plan, connector=replace(plan.connector, streams=streams))


def _fingerprint(plan: Plan) -> str:
    record = plan.to_json()
    for key in ("fingerprint", "lock_hash"):
        del record[key]
    del record["connector"]["file"]
    record["connector"]["depends_on"].sort()
    streams = sorted(record["connector"]["streams"], key=lambda stream: str(stream["name"]))
    record["connector"]["streams"] = [stream | {"line": 0} for stream in streams]
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
