"""Puts a staged package before the audit gate, with what the run step knows of the connector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector_assets.audit.drift import Drift
from connector_assets.audit.gate import Batch, Gate, judge_batch
from connector_assets.audit.presence import Filled
from connector_assets.audit.profile import parse_profiles
from connector_assets.audit.rows import Read
from connector_assets.audit.wording import describe
from connector_assets.destinations.package import Package
from connector_assets.engines.samples import sample_drift
from connector_assets.errors import DriftBlocked
from connector_assets.lock import parse_stream
from connector_assets.model import Connector, Decision


def judge_package(connector: Connector, package: Package, *, context: Mapping[str, Any]) -> Gate:
    """Return what the gate says of a package.

    ``context`` is the job's: ``baseline`` (structures by stream), ``filled`` (per stream and
    column: rows, and rows with a value), ``last`` (rows of the last full read) and ``totals``.
    """
    staged = {stream.stream: stream.staged for stream in package.streams}
    full = package.batch.get("full", {})
    reads = {
        name: Read(
            rows=staged.get(name, 0),
            before=context.get("totals", {}).get(name),
            full=is_full,
            last=context.get("last", {}).get(name),
        )
        for name, is_full in full.items()
    }
    history = {
        stream: {column: Filled(rows=one[0], filled=one[1]) for column, one in columns.items()}
        for stream, columns in context.get("filled", {}).items()
    }
    batch = Batch(
        profiles=parse_profiles(package.batch.get("profiles", {})), reads=reads, history=history
    )
    baseline = {
        name: parse_stream(one, of=name) for name, one in context.get("baseline", {}).items()
    }
    return judge_batch(connector, batch, baseline=baseline)


def render_gate(gate: Gate, package: Package, *, connector: Connector) -> dict[str, Any]:
    """Return the evidence of the gate: decision, reasons, findings, and the batch it judged.

    Each finding has a masked sample of the rows that it is about.
    """
    findings = [
        {
            "stream": one.drift.stream,
            "column": list(one.drift.column),
            "kind": str(one.drift.kind),
            "old": one.drift.old,
            "new": one.drift.new,
            "policy": str(one.policy),
            "sample": _sample(package, one.drift, connector=connector),
        }
        for one in gate.findings
    ]
    return {
        "decision": str(gate.decision),
        "reasons": list(gate.reasons),
        "findings": findings,
        "batch": dict(package.batch),
        "package_id": package.package_id,
        "base_version": package.base_version,
    }


def _sample(package: Package, drift: Drift, *, connector: Connector) -> dict[str, Any] | None:
    stream = connector.stream(drift.stream)
    # A stream that is not declared is a child table, and has its name.
    table = stream.table if stream else drift.stream
    key = next((one.primary_key for one in package.streams if one.table == table), ())
    return sample_drift(package.folder, drift, table=table, key=key)


def raise_where_blocked(gate: Gate, *, connector: str) -> None:
    """Stop a package that the gate refuses.

    Raises:
        DriftBlocked: Why, and how a person lets it through.
    """
    if gate.decision is not Decision.BLOCK:
        return
    drifted = [one.drift for one in gate.findings]
    fix = f"connectors drift show {connector}" if drifted else "Is the source as it should be?"
    raise DriftBlocked(
        "; ".join(gate.reasons),
        connector=connector,
        stream=drifted[0].stream if drifted else "",
        place=describe(drifted[0]) if drifted else "",
        fix=f"Nothing was loaded; the package is held. {fix}",
    )
