"""What Dagster was told of syncs, read from its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dagster import DagsterInstance

from connector_assets.assets.keys import asset_key
from connector_assets.project import Project


def read_told(
    home: Path, project: Project, *, limit: int
) -> Mapping[tuple[str, str, str, int], str]:
    """Return the verdicts that Dagster has, by connector, stream, sync and attempt.

    ``home`` is Dagster's own folder; of each asset the last ``limit`` events count.
    """
    with DagsterInstance.from_config(str(home)) as instance:
        return {
            (connector.name, stream.name, sync_id, attempt): verdict
            for connector in project.connectors
            for stream in connector.streams
            for sync_id, attempt, verdict in _read(
                instance, connector.name, stream.name, limit=limit
            )
        }


def _read(
    instance: DagsterInstance, connector: str, stream: str, *, limit: int
) -> Iterator[tuple[str, int, str]]:
    key = asset_key(connector, stream)
    records = [
        record
        for fetch in (instance.fetch_observations, instance.fetch_materializations)
        for record in fetch(key, limit=limit).records
    ]
    # Oldest first, so that of two words on one attempt the last one counts.
    for record in sorted(records, key=lambda one: one.timestamp):
        event = record.asset_materialization or record.asset_observation
        found = {
            name: getattr(event.metadata.get(name) if event else None, "value", None)
            for name in ("sync_id", "attempt", "verdict")
        }
        if None not in found.values():
            yield str(found["sync_id"]), int(str(found["attempt"])), str(found["verdict"])
