"""A connector as JSON values and back: what the plan, the worker and the ledger hold.

Paths are as connectors.yaml has them, so that they mean the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from connector_assets.commit import Commit
from connector_assets.credential_use import CredentialUse
from connector_assets.limits import MEMORY
from connector_assets.model import (
    Connector,
    Destination,
    DestinationKind,
    DriftKind,
    DriftPolicy,
    Engine,
    NaiveTimes,
    OldVersions,
    OnEmpty,
    Presence,
    Retries,
    Schedule,
    Stream,
    WriteDisposition,
)
from connector_assets.paths import resolve_paths


def render_connector(connector: Connector, *, root: Path) -> dict[str, Any]:
    """Return a connector as JSON values, without alerts; its paths as connectors.yaml has them."""
    return {
        "name": connector.name,
        "owner": connector.owner,
        "engine": connector.engine.value,
        "source": connector.source,
        "config": connector.config,
        "secrets": dict(connector.secrets),
        "destination": _render_destination(connector.destination, root=root),
        "dataset": connector.dataset,
        "schedule": asdict(connector.schedule) if connector.schedule else None,
        "depends_on": list(connector.depends_on),
        "pool": connector.pool,
        "retries": {"max": connector.retries.max, "wait": connector.retries.wait},
        "timeout": connector.timeout,
        "max_wait": connector.max_wait,
        # Left out where there is none: a plan of an earlier version keeps its fingerprint.
        **({"commit": asdict(connector.commit)} if connector.commit else {}),
        **({"memory": connector.memory} if connector.memory != MEMORY else {}),
        "drift": {str(kind): str(policy) for kind, policy in connector.drift.items()},
        "presence": asdict(connector.presence),
        "file": connector.file.as_posix(),
        **_render_use(connector),
        "streams": [_render_stream(stream) for stream in connector.streams],
    }


def parse_connector(record: Mapping[str, Any], *, root: Path) -> Connector:
    """Return the connector that :func:`render_connector` rendered, for a project at ``root``."""
    schedule = record["schedule"]
    return Connector(
        name=record["name"],
        owner=record["owner"],
        engine=Engine(record["engine"]),
        source=record["source"],
        config=record["config"],
        secrets=record["secrets"],
        destination=_parse_destination(record["destination"], root=root),
        dataset=record["dataset"],
        schedule=Schedule(**schedule) if schedule else None,
        depends_on=tuple(record["depends_on"]),
        # Plans of earlier versions do not have it.
        pool=record.get("pool", ""),
        retries=Retries(**record["retries"]),
        timeout=record["timeout"],
        max_wait=record["max_wait"],
        commit=Commit(**commit) if (commit := record.get("commit")) else None,
        memory=record.get("memory", MEMORY),
        drift=_parse_drift(record["drift"]),
        presence=_parse_presence(record),
        file=Path(record["file"]),
        credentials=CredentialUse(**record.get("credentials", {})),
        streams=tuple(_parse_stream(stream) for stream in record["streams"]),
    )


def _render_use(connector: Connector) -> dict[str, Any]:
    """Return what is said of the credentials; nothing where nothing is, as in earlier versions."""
    use = connector.credentials
    return {"credentials": asdict(use)} if use != CredentialUse() else {}


def _render_stream(stream: Stream) -> dict[str, Any]:
    return {
        "name": stream.name,
        "table": stream.table,
        "write": stream.write.value,
        "primary_key": list(stream.primary_key),
        "cursor": stream.cursor,
        "on_empty": stream.on_empty.value,
        "min_rows": stream.min_rows,
        "min_share": stream.min_share,
        "presence": asdict(stream.presence),
        "naive_times": stream.naive_times and stream.naive_times.value,
        "old_versions": stream.old_versions and stream.old_versions.value,
        "drift": {str(kind): str(policy) for kind, policy in stream.drift.items()},
        "config": stream.config,
        "line": stream.line,
    }


def _parse_stream(record: Mapping[str, Any]) -> Stream:
    return Stream(
        name=record["name"],
        table=record["table"],
        write=WriteDisposition(record["write"]),
        primary_key=tuple(record["primary_key"]),
        cursor=record["cursor"],
        on_empty=OnEmpty(record["on_empty"]),
        min_rows=record["min_rows"],
        min_share=record["min_share"],
        presence=_parse_presence(record),
        naive_times=NaiveTimes(record["naive_times"]) if record["naive_times"] else None,
        old_versions=OldVersions(record["old_versions"]) if record["old_versions"] else None,
        drift=_parse_drift(record["drift"]),
        config=record["config"],
        line=record["line"],
    )


def _parse_drift(record: Mapping[str, str]) -> dict[DriftKind, DriftPolicy]:
    return {DriftKind(kind): DriftPolicy(policy) for kind, policy in record.items()}


def _parse_presence(record: Mapping[str, Any]) -> Presence:
    # Plans of earlier versions do not have it.
    return Presence(**record.get("presence", {}))


def _render_destination(destination: Destination, *, root: Path) -> dict[str, Any]:
    paths = {key: getattr(destination, key) for key in ("path", "catalog", "data_path")}
    # As written, but where somebody put another path in its place.
    resolved = resolve_paths(destination.written, root=root)
    written = {
        key: path for key, path in destination.written.items() if resolved[key] == paths[key]
    }
    return {
        "name": destination.name,
        "kind": destination.kind.value,
        **paths,
        **written,
        "storage": destination.storage,
        "secrets": dict(destination.secrets),
    }


def _parse_destination(record: Mapping[str, Any], *, root: Path) -> Destination:
    paths = {key: record[key] for key in ("path", "catalog", "data_path")}
    return Destination(
        name=record["name"],
        kind=DestinationKind(record["kind"]),
        storage=record["storage"],
        secrets=record["secrets"],
        **resolve_paths(paths, root=root),
    )
