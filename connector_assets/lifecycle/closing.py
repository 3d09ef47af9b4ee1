"""Closes an attempt: asks the destination what arrived, writes the state, judges, gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from connector_assets.credentials.sources import resolve_connector
from connector_assets.cursors import find_cursors
from connector_assets.errors import ConnectorError, StateDivergence
from connector_assets.ledger.records import Closing, ObservedSchema, StateVersion, SyncRow
from connector_assets.lifecycle.evidence import Arrival, Layer, parse_evidence
from connector_assets.lifecycle.setting import Setting
from connector_assets.lifecycle.verdict import Judgement, judge
from connector_assets.model import Connector

Layers = Mapping[str, Mapping[str, Any]]


def confirm(setting: Setting, row: SyncRow) -> dict[str, Any]:
    """Return what the destination says of a sync, and keep its state and columns in the ledger.

    A destination that cannot be read is evidence too; nothing is raised for it.
    """
    connector = setting.plan_of(row).connector
    try:
        return _read(setting, row, connector=connector)
    except ConnectorError as error:
        return {"arrival": str(Arrival.UNREAD), "error": error.to_record()}


def close(setting: Setting, row: SyncRow) -> Judgement:
    """Judge an attempt by its evidence and write the verdict, together with the outbox's row.

    Closing again with the same evidence writes nothing.
    """
    layers = setting.ledger.syncs.evidence(row.sync_id, attempt=row.attempt)
    evidence = parse_evidence(layers)
    judgement = judge(evidence)
    closing = Closing(
        verdict=judgement.verdict,
        cause=judgement.cause,
        result={
            **_build_result(setting.plan_of(row).connector, layers),
            "error": evidence.errors[0].to_record() if evidence.errors else {},
        },
        at=datetime.now(UTC),
    )
    setting.ledger.syncs.close(row.sync_id, attempt=row.attempt, closing=closing)
    return judgement


def _read(setting: Setting, row: SyncRow, *, connector: Connector) -> dict[str, Any]:
    from connector_assets.destinations.connect import is_new
    from connector_assets.destinations.locks import build_patience, file_lock
    from connector_assets.destinations.readback import ReadBack, read_back

    secrets = resolve_connector(connector, root=setting.project.root).destination
    found = ReadBack()
    if not is_new(connector.destination):
        purpose = f"sync {row.sync_id} of {connector.name}"
        for attempt in build_patience(setting.observer.waits):
            with attempt, file_lock(connector.destination, purpose=purpose):
                found = read_back(connector, secrets=secrets, sync_id=row.sync_id)
    if not found.records:
        return {"arrival": str(Arrival.ABSENT), "state_version": found.state_version}
    record = found.records[-1]
    arrived = Arrival.CONFIRMED if found.whole else Arrival.PARTIAL
    payload: dict[str, Any] = {
        "arrival": str(arrived if found.holds else Arrival.CONTRADICTED),
        "state_version": record.state_version,
        "streams": [asdict(counts) for counts in found.counts],
        **({"checkpoints": found.checkpoints} if found.checkpoints else {}),
    }
    if record.state_version == found.state_version:
        payload["cursors"] = find_cursors(found.state, connector)
        payload["cursors_before"] = _find_before(setting, connector, found.records[0].state_version)
        payload |= _keep(setting, row, connector=connector, found=found)
    return payload


def _find_before(setting: Setting, connector: Connector, version: int) -> dict[str, Any]:
    versions = setting.ledger.states.versions(
        connector.name, environment=setting.project.environment, limit=5
    )
    before = next((one.state for one in versions if one.version < version), {})
    return find_cursors(before, connector)


def _keep(setting: Setting, row: SyncRow, *, connector: Connector, found: Any) -> dict[str, Any]:
    record, environment = found.records[-1], setting.project.environment
    for stream in connector.streams:
        columns = found.columns.get(stream.table)
        if columns:
            seen = ObservedSchema(
                connector=connector.name,
                environment=environment,
                stream=stream.name,
                schema={"columns": columns},
                sync_id=row.sync_id,
                at=record.committed_at,
            )
            setting.ledger.schemas.save(seen)
    extract = setting.ledger.syncs.evidence(row.sync_id, attempt=row.attempt).get(Layer.EXTRACT, {})
    refreshed = extract.get("full_refresh")
    version = StateVersion(
        connector=connector.name,
        environment=environment,
        version=record.state_version,
        state=found.state,
        sync_id=row.sync_id,
        who=row.trigger,
        why=f"committed by sync {row.sync_id}"
        + (f", a full refresh of {', '.join(refreshed)}" if refreshed else ""),
        at=record.committed_at,
    )
    try:
        setting.ledger.states.append(version)
    except StateDivergence as error:
        # The data arrived all the same; the next start will stop and tell.
        return {"state_error": error.to_record()}
    return {}


def _build_result(connector: Connector, layers: Layers) -> dict[str, Any]:
    destination = layers.get(Layer.DESTINATION, {})
    return {
        "streams": _list_streams(connector, layers),
        "arrival": destination.get("arrival"),
        "state_version": destination.get("state_version"),
        "snapshot": layers.get(Layer.LOAD, {}).get("snapshot"),
        "full_refresh": layers.get(Layer.EXTRACT, {}).get("full_refresh", []),
        "cursors": destination.get("cursors", {}),
        "cursors_before": destination.get("cursors_before", {}),
        **{name: destination[name] for name in ("undone_by", "checkpoints") if name in destination},
        "seconds": {name: layers[name]["seconds"] for name in layers if "seconds" in layers[name]},
    }


def _list_streams(connector: Connector, layers: Layers) -> list[dict[str, Any]]:
    """Return the counts of every stream; None is what nobody knows, 0 what is known to be none."""
    destination = layers.get(Layer.DESTINATION, {})
    arrived = {each["stream"]: each for each in destination.get("streams", ())}
    staged = {each["stream"]: each for each in layers.get(Layer.EXTRACT, {}).get("streams", ())}
    nothing = 0 if destination.get("arrival") == Arrival.ABSENT else None
    return [
        {
            "stream": stream.name,
            "table": stream.table,
            "emitted": staged.get(stream.name, {}).get("emitted"),
            "staged": staged.get(stream.name, {}).get("staged"),
            "in_destination": nothing,
            "total": None,
            **arrived.get(stream.name, {}),
        }
        for stream in connector.streams
    ]
