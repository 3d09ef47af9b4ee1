"""Puts a staged package before the audit gate, with what the run step knows of the connector."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connector_assets.audit.drift import Drift
from connector_assets.audit.gate import Batch, Gate, judge_batch
from connector_assets.audit.presence import Filled
from connector_assets.audit.profile import parse_profiles
from connector_assets.audit.rows import Read
from connector_assets.audit.wording import describe
from connector_assets.destinations.package import Package
from connector_assets.engines.batch import combine_batches
from connector_assets.engines.samples import sample_drift
from connector_assets.errors import DriftBlocked
from connector_assets.lock import parse_stream
from connector_assets.model import Connector, Decision, DriftPolicy

_ORDER = (Decision.PASS, Decision.PASS_WITH_DRIFT, Decision.BLOCK)


def judge_package(connector: Connector, package: Package, *, context: Mapping[str, Any]) -> Gate:
    """Return what the gate says of a package.

    ``context`` is the job's: ``baseline`` (structures by stream), ``filled`` (per stream and
    column: rows, and rows with a value), ``last`` (rows of the last full read), ``totals``,
    ``offered`` (streams that the source was seen to offer), and ``take_rows`` where a person
    approved the package's rows.
    """
    staged = {stream.stream: stream.staged for stream in package.streams}
    full = package.batch.get("full", {})
    tables = {stream.name: stream.table for stream in connector.streams}
    reads = {
        name: Read(
            rows=staged.get(name, 0),
            before=context.get("totals", {}).get(name),
            full=is_full,
            last=context.get("last", {}).get(name),
            emptied=tables.get(name) in package.emptied,
        )
        for name, is_full in full.items()
        if not context.get("take_rows")
    }
    history = {
        stream: {column: Filled(rows=one[0], filled=one[1]) for column, one in columns.items()}
        for stream, columns in context.get("filled", {}).items()
    }
    batch = Batch(
        profiles=parse_profiles(package.batch.get("profiles", {})),
        reads=reads,
        history=history,
        gone=tuple(package.batch.get("gone", ())),
        added=_find_added(connector, package, before=context.get("offered")),
    )
    baseline = {
        name: parse_stream(one, of=name) for name, one in context.get("baseline", {}).items()
    }
    return judge_batch(connector, batch, baseline=baseline)


def _find_added(
    connector: Connector, package: Package, *, before: Collection[str] | None
) -> tuple[str, ...]:
    """Return the streams that are offered now, were not before, and are not the connector's.

    Of a source that is seen for the first time nothing is new.
    """
    offered = package.batch.get("offered")
    if offered is None or before is None:
        return ()
    declared = {stream.name for stream in connector.streams}
    return tuple(sorted(set(offered) - set(before) - declared))


def render_gate(gate: Gate, package: Package, *, connector: Connector) -> dict[str, Any]:
    """Return the evidence of the gate: decision, reasons, findings, and the batch it judged.

    Each finding has a masked sample of the rows that it is about.
    """
    findings = [
        {
            **_render(one.drift, policy=one.policy),
            "sample": _sample(package, one.drift, connector=connector),
        }
        for one in gate.findings
    ]
    return {
        "decision": str(gate.decision),
        "reasons": list(gate.reasons),
        "refused": list(gate.refused),
        "findings": findings,
        "batch": dict(package.batch),
        "package_id": package.package_id,
        "base_version": package.base_version,
    }


def render_refusal(error: DriftBlocked) -> dict[str, Any]:
    """Return the evidence of drift that left no package to judge: it blocks, whatever the policy.

    A merged stream without its key is of that kind.
    """
    return {
        "decision": str(Decision.BLOCK),
        "reasons": [error.problem],
        "findings": [_render(one, policy=DriftPolicy.BLOCK) for one in error.found],
    }


def combine_gates(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the evidence of all packages of a sync together, the last one's package and base.

    What several of them show is told once.
    """
    if not before:
        return dict(now)
    findings = {_identify(one): one for one in (*before["findings"], *now["findings"])}
    combined = {
        **now,
        "decision": str(
            max(map(Decision, (before["decision"], now["decision"])), key=_ORDER.index)
        ),
        "reasons": list(dict.fromkeys((*before["reasons"], *now["reasons"]))),
        "findings": list(findings.values()),
    }
    if "batch" in now:
        combined["refused"] = list(dict.fromkeys((*before["refused"], *now["refused"])))
        combined["batch"] = combine_batches(before["batch"], now["batch"])
        combined["seconds"] = round(before["seconds"] + now["seconds"], 4)
    return combined


def _identify(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    return (finding["stream"], *finding["column"], finding["kind"], str(finding["new"]))


def _render(drift: Drift, *, policy: DriftPolicy) -> dict[str, Any]:
    return {
        "stream": drift.stream,
        "column": list(drift.column),
        "kind": str(drift.kind),
        "old": drift.old,
        "new": drift.new,
        "policy": str(policy),
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
