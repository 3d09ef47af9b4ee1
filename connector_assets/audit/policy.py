"""What is done about each kind of drift: what the project says, else what is usual."""

from __future__ import annotations

from connector_assets.model import Connector, DriftKind, DriftPolicy

#: Additive and widening: recorded. What may be an outage of a field: told. What breaks: stopped.
USUAL = {
    DriftKind.STREAM_ADDED: DriftPolicy.ALLOW,
    DriftKind.COLUMN_ADDED: DriftPolicy.ALLOW,
    DriftKind.KEY_ADDED: DriftPolicy.ALLOW,
    DriftKind.CURSOR_ADDED: DriftPolicy.ALLOW,
    DriftKind.TYPE_WIDENED: DriftPolicy.ALLOW,
    DriftKind.STREAM_SILENT: DriftPolicy.WARN,
    DriftKind.COLUMN_EMPTIED: DriftPolicy.WARN,
    DriftKind.COLUMN_REMOVED: DriftPolicy.WARN,
    DriftKind.NULLABILITY_CHANGED: DriftPolicy.WARN,
    DriftKind.TYPE_CHANGED: DriftPolicy.BLOCK,
    DriftKind.KEY_REMOVED: DriftPolicy.BLOCK,
    DriftKind.CURSOR_REMOVED: DriftPolicy.BLOCK,
    DriftKind.STREAM_REMOVED: DriftPolicy.BLOCK,
}


def find_policy(connector: Connector, *, stream: str, kind: DriftKind) -> DriftPolicy:
    """Return the policy for a kind of drift in a stream: the nearest word counts.

    A stream's own mapping holds what project and connector say already; a stream that is not
    declared has the connector's.
    """
    declared = connector.stream(stream)
    said = declared.drift if declared else connector.drift
    return said.get(kind, USUAL[kind])
