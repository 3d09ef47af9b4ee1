"""What the gate compares a batch with: the lock, what was approved since, and what is usual."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from connector_assets.audit.drift import Drift, apply_drift
from connector_assets.ledger.audit_records import DriftEvent, DriftStatus
from connector_assets.lifecycle.setting import Setting
from connector_assets.lock import Lock, LockedStream, follow_streams, load_lock, render_stream
from connector_assets.model import Connector, DriftKind
from connector_assets.naming import list_renamed

#: What people approved, and what its policy allows, is a part of the baseline.
_APPLIED = (DriftStatus.APPROVED, DriftStatus.RECORDED)


def find_baseline(
    setting: Setting, connector: str, *, statuses: Collection[DriftStatus] = _APPLIED
) -> dict[str, LockedStream]:
    """Return the structure that a connector is expected to have; empty without a lock.

    It is the lock with the events in ``statuses``. A stream that was renamed since the lock was
    written has what stands there of it by its old name.

    Raises:
        ConfigError: The lock cannot be read.
    """
    lock = find_lock(setting, connector)
    if lock is None:
        return {}
    events = setting.ledger.drift.find(
        environment=setting.project.environment, connector=connector, statuses=statuses
    )
    return apply_all(lock.streams, events)


def find_lock(setting: Setting, connector: str) -> Lock | None:
    """Return a connector's lock with the names that its streams have now; None where it has none.

    Raises:
        ConfigError: The lock cannot be read.
    """
    lock = load_lock(connector, root=setting.project.root)
    declared = _find_declared(setting, connector)
    if lock is None or declared is None:
        return lock
    names = [one.name for one in declared.streams]
    return follow_streams(lock, renamed=list_renamed(declared), declared=names)


def _find_declared(setting: Setting, connector: str) -> Connector | None:
    """Return a connector as its file has it: the plan of a sync has no old names."""
    return next((one for one in setting.project.connectors if one.name == connector), None)


def apply_all(streams: Any, events: Iterable[DriftEvent]) -> dict[str, LockedStream]:
    """Return the structure after events in their order; each can build on the one before."""
    changed: dict[str, LockedStream] = dict(streams)
    for event in events:
        changed = apply_drift(changed, [to_drift(event)])
    return changed


def to_drift(event: DriftEvent) -> Drift:
    """Return the difference that an event is about."""
    return Drift(
        kind=DriftKind(event.kind),
        stream=event.stream,
        column=event.column,
        old=event.old,
        new=event.new,
    )


def gather_audit(setting: Setting, connector: Connector) -> dict[str, Any]:
    """Return what a worker's gate needs, as JSON values."""
    environment = setting.project.environment
    baseline = find_baseline(setting, connector.name)
    lock = find_lock(setting, connector.name)
    batches = setting.ledger.batches
    names = {*baseline, *(stream.name for stream in connector.streams)}
    accepted = _find_accepted(setting, connector.name)
    last = {
        stream.name: next((one.rows for one in found if one.full), None)
        for stream in connector.streams
        if (found := batches.last(connector.name, environment=environment, stream=stream.name))
    }
    return {
        "baseline": {name: render_stream(one) for name, one in baseline.items()},
        "filled": {
            name: {
                column: values
                for column, values in batches.filled(
                    connector.name, environment=environment, stream=name
                ).items()
                if (name, column) not in accepted
            }
            for name in sorted(names)
        },
        "last": last,
        "known": sorted({*baseline, *last, *(lock.streams if lock else ())}),
        "offered": _find_offered(setting, connector.name),
        "totals": _find_totals(setting, connector.name),
    }


def _find_accepted(setting: Setting, connector: str) -> set[tuple[str, str]]:
    """Return the columns, by stream, that somebody expects to be empty: no history speaks of them.

    Their absence is no part of a structure, so that the baseline cannot hold it.
    """
    events = setting.ledger.drift.find(
        environment=setting.project.environment, connector=connector, statuses=_APPLIED
    )
    return {
        (event.stream, event.column[0])
        for event in events
        if event.kind == DriftKind.COLUMN_EMPTIED
    }


def _find_offered(setting: Setting, connector: str) -> list[str] | None:
    """Return the streams that the source was seen to offer; None where it was never seen.

    What somebody approved counts as seen: a policy may block a stream that is new.
    """
    environment = setting.project.environment
    names = setting.ledger.offers.find(connector, environment=environment)
    if names is None:
        return None
    events = setting.ledger.drift.find(
        environment=environment, connector=connector, statuses=(DriftStatus.APPROVED,)
    )
    approved = {one.stream for one in events if one.kind == DriftKind.STREAM_ADDED}
    return sorted({*names, *approved})


def _find_totals(setting: Setting, connector: str) -> dict[str, int]:
    rows = setting.ledger.history.recent(
        environment=setting.project.environment, connector=connector, limit=20
    )
    for row in rows:
        if row.verdict is not None and row.verdict.good:
            streams = row.result.get("streams", [])
            declared = _find_declared(setting, connector)
            renamed = list_renamed(declared) if declared else {}
            return {
                renamed.get(each["stream"], each["stream"]): each["total"]
                for each in streams
                if each.get("total") is not None
            }
    return {}
