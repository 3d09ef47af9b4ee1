"""The five checks of a sync, the same for every connector: the first broken one tells the cause."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector_assets.artifacts import read_log
from connector_assets.errors import ConfigError
from connector_assets.ledger.audit_records import HeldPackage, PackageStatus
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.advice import suggest_next, tell_data
from connector_assets.lifecycle.causes import (
    KILLED,
    NOT_FINALIZED,
    Finding,
    find_cause,
    find_refusal,
)
from connector_assets.lifecycle.evidence import Arrival, Layer, parse_evidence
from connector_assets.lifecycle.retry_plan import RetryPlan, plan_retry
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Decision, Verdict

Layers = Mapping[str, Mapping[str, Any]]
_OURS = "platform"
_UNREACHED = "not reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One of the five: its name, what was found; ``broken`` None where it was not reached."""

    name: str
    text: str
    broken: bool | None = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A sync as a person looks at it: the checks, the cause, the data, what a retry would do.

    ``finding`` is None where nothing went wrong. ``log`` tells why there are no lines, if so.
    """

    row: SyncRow
    checks: tuple[Check, ...]
    finding: Finding | None
    data: str
    retry: RetryPlan
    next: tuple[str, ...]
    log: str = ""

    @property
    def action(self) -> str:
        """What to do about the cause, with the names of this sync; empty where there is none."""
        action = self.finding.cause.action if self.finding else ""
        return action.replace("NAME", self.row.connector).replace("SYNC", self.row.sync_id)

    @property
    def broken(self) -> Check | None:
        """The first check that is not as it should be."""
        return next((one for one in self.checks if one.broken), None)


def examine(setting: Setting, sync: str) -> Examination:
    """Look at a sync and change nothing; ``sync`` is its id or the beginning of it.

    Raises:
        ConfigError: There is no such sync.
        LedgerUnreachable: The ledger does not answer.
    """
    row = setting.ledger.history.find(sync)
    layers = setting.ledger.syncs.evidence(row.sync_id, attempt=row.attempt)
    held = setting.ledger.packages.of_sync(row.sync_id)
    lines, missing = _read_log(setting, row)
    return judge(row, layers, held=held, lines=lines, log=missing)


def judge(
    row: SyncRow,
    layers: Layers,
    *,
    held: HeldPackage | None = None,
    lines: Sequence[str] = (),
    log: str = "",
) -> Examination:
    """Return what the evidence and the log say: pure, the same for every connector."""
    checks = tuple(_check(row, layers, held=held))
    finding = _find(row, layers, lines=lines)
    is_held = held is not None and held.status is PackageStatus.HELD
    killed = finding is not None and finding.cause.id == KILLED
    return Examination(
        row=row,
        checks=checks,
        finding=finding,
        data=_tell_data(row),
        retry=plan_retry(row.verdict, parse_evidence(layers), held=is_held, killed=killed),
        next=(*suggest_next(row, look="" if log else "logs"), *_suggest_sync(row)),
        log=log,
    )


def render(examination: Examination) -> dict[str, Any]:
    """Return an examination as JSON values."""
    row, finding = examination.row, examination.finding
    broken = examination.broken
    return {
        "sync_id": row.sync_id,
        "connector": row.connector,
        "environment": row.environment,
        "attempt": row.attempt,
        "verdict": row.verdict and str(row.verdict),
        "started_at": row.started_at.isoformat(),
        "checks": [
            {
                "name": one.name,
                "ok": None if one.broken is None else not one.broken,
                "text": one.text,
            }
            for one in examination.checks
        ],
        "layer": broken.name if broken else None,
        "cause": finding
        and {
            "id": finding.cause.id,
            "meaning": finding.cause.meaning,
            "action": examination.action,
        },
        "problem": row.cause,
        "lines": list(finding.lines) if finding else [],
        "log": examination.log,
        "data": examination.data,
        "retry": {
            "action": str(examination.retry.action),
            "reason": examination.retry.reason,
            "automatic": examination.retry.automatic,
        },
        "next": list(examination.next),
    }


def _check(row: SyncRow, layers: Layers, *, held: HeldPackage | None) -> Iterator[Check]:
    yield _check_start(layers.get(Layer.START))
    yield _check_extractor(row, layers)
    yield _check_gate(layers.get(Layer.GATE))
    yield _check_finalize(row, layers.get(Layer.DESTINATION), held=held)
    yield _check_destination(row, layers)


def _check_start(start: Mapping[str, Any] | None) -> Check:
    name = "start_dag"
    if start is None:
        return Check(name=name, text="left no evidence: it was killed", broken=True)
    if start.get("error"):
        return Check(name=name, text=_say(start), broken=True)
    secrets = start.get("secrets") or {}
    lock = "lock current" if start.get("lock") == "current" else "no lock"
    text = f"secrets {secrets.get('found', 0)}/{secrets.get('of', 0)}, {lock}, lease taken"
    return Check(name=name, text=text)


def _check_extractor(row: SyncRow, layers: Layers) -> Check:
    name, extract = "extractor", layers.get(Layer.EXTRACT)
    if not extract:
        return Check(name=name, text=_UNREACHED, broken=None)
    if extract.get("error") or extract.get("cancelled"):
        return Check(name=name, text=_say(extract), broken=True)
    if "streams" not in extract:
        refused = "error" in layers.get(Layer.GATE, {})
        text = "stopped by the gate" if refused else "did not end: it was killed, or works still"
        return Check(name=name, text=text, broken=not refused and row.verdict is not None)
    rows = sum(each["staged"] or 0 for each in extract["streams"])
    streams = len(extract["streams"])
    of = "1 stream" if streams == 1 else f"{streams} streams"
    text = f"{row.engine}, {rows:,} rows staged of {of}"
    return Check(name=name, text=text)


def _check_gate(gate: Mapping[str, Any] | None) -> Check:
    if not gate:
        return Check(name="gate", text=_UNREACHED, broken=None)
    reasons = "; ".join(gate.get("reasons", ()))
    blocked = gate.get("decision") == Decision.BLOCK
    return Check(name="gate", text=reasons or "nothing to say", broken=blocked)


def _check_finalize(
    row: SyncRow, destination: Mapping[str, Any] | None, *, held: HeldPackage | None
) -> Check:
    name = "finalize"
    if row.verdict is None:
        return Check(
            name=name, text="has not run: the sync works still, or was killed", broken=True
        )
    kept = ", package held" if held and held.status is PackageStatus.HELD else ""
    if not destination:
        return Check(name=name, text=f"nothing to read back{kept}, lease released")
    if destination.get("arrival") == Arrival.UNREAD:
        return Check(
            name=name, text=f"could not read the destination: {_say(destination)}", broken=True
        )
    return Check(name=name, text=f"destination read back{kept}, lease released")


def _check_destination(row: SyncRow, layers: Layers) -> Check:
    name = "destination"
    destination, load = layers.get(Layer.DESTINATION, {}), layers.get(Layer.LOAD, {})
    version = destination.get("state_version")
    state = f", state {version}" if version is not None else ""
    arrival = destination.get("arrival")
    if destination.get("state_error"):
        return Check(name=name, text=_words(destination["state_error"]), broken=True)
    if arrival == Arrival.CONFIRMED:
        rows = sum(each.get("in_destination") or 0 for each in destination.get("streams", ()))
        return Check(name=name, text=f"{rows:,} rows of this sync{state}")
    if arrival == Arrival.CONTRADICTED:
        text = "the tables do not hold what the load record says"
        return Check(name=name, text=text, broken=True)
    if load.get("error"):
        text = f"the load failed: {_say(load)}; unchanged{state}"
        return Check(name=name, text=text, broken=True)
    if arrival == Arrival.PARTIAL:
        count = destination.get("checkpoints", 0)
        return Check(name=name, text=f"{count} checkpoints of this sync{state}")
    if arrival == Arrival.ABSENT:
        return Check(name=name, text=f"unchanged{state}")
    text = _UNREACHED if row.verdict is not Verdict.UNKNOWN else "not known"
    return Check(name=name, text=text, broken=None)


def _find(row: SyncRow, layers: Layers, *, lines: Sequence[str]) -> Finding | None:
    if row.verdict is not None and row.verdict.good:
        return None
    gate = layers.get(Layer.GATE, {})
    if gate.get("decision") == Decision.BLOCK:
        return find_refusal(gate.get("reasons", ()))
    told = (layers.get(layer, {}).get("error") for layer in Layer)
    error = next(filter(None, told), None) or {}
    if row.verdict is None and not error:
        return Finding(cause=NOT_FINALIZED)
    said = [_read_line(line) for line in lines]
    problem = f"{error.get('problem', row.cause)} {error.get('place', '')}"
    return find_cause(kind=error.get("type", ""), problem=problem, log=[one for one in said if one])


def _read_log(setting: Setting, row: SyncRow) -> tuple[list[str], str]:
    """Return the lines of a sync's log, or why there are none."""
    artifacts, work = setting.project.artifacts, setting.project.work
    try:
        lines = read_log(artifacts, connector=row.called, sync_id=row.sync_id, work=work)
        return lines, ""
    except ConfigError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return [], "there is no log of it: nothing was started, or the log was removed"
        return [], error.problem


def _read_line(line: str) -> str:
    """Return what a line of the log says, with who says it; nothing for one without words."""
    try:
        content = json.loads(line)
    except ValueError:
        return line.strip()
    if not isinstance(content, dict):
        return line.strip()
    source = content.get("source") or _OURS
    words = str(content.get("event", "")).partition("\n")[0].removesuffix("; its last lines:")
    return f"{source}: {words}"


def _suggest_sync(row: SyncRow) -> tuple[str, ...]:
    if row.verdict is not None and row.verdict.good:
        return (f"connectors status {row.connector}",)
    return () if row.verdict is Verdict.BLOCKED else (f"connectors sync {row.connector}",)


def _tell_data(row: SyncRow) -> str:
    if row.verdict is not None and row.verdict.good:
        return "everything that was staged is in the destination"
    if row.verdict is None:
        return "not known yet; the sync works still, or the next start settles it"
    return tell_data(row)


def _say(layer: Mapping[str, Any]) -> str:
    if layer.get("cancelled"):
        return "somebody stopped it"
    return _words(layer.get("error") or {})


def _words(error: Mapping[str, Any]) -> str:
    words = str(error.get("problem", "no word of why")).partition("\n")[0]
    return words.removesuffix("; its last lines:")
