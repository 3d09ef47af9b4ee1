"""The audit gate: whether a staged package may be loaded; pure, from the batch and the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connector_assets.audit.drift import Drift, diff_streams
from connector_assets.audit.observe import introduce, observe
from connector_assets.audit.policy import find_policy
from connector_assets.audit.presence import Filled
from connector_assets.audit.profile import StreamProfile
from connector_assets.audit.rows import Read, refuse_rows
from connector_assets.audit.wording import describe
from connector_assets.lock import LockedStream
from connector_assets.model import Connector, Decision, DriftKind, DriftPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What the gate judges: profiles and reads by stream, and how columns were filled before.

    ``gone`` are declared streams that the source does not offer any more, ``added`` streams that it
    did not offer before and that nobody declares: they are told, not read.
    """

    profiles: Mapping[str, StreamProfile]
    reads: Mapping[str, Read] = field(default_factory=dict)
    history: Mapping[str, Mapping[str, Filled]] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A drift and what its policy makes of it."""

    drift: Drift
    policy: DriftPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The decision, why, and everything that was found."""

    decision: Decision
    findings: tuple[Finding, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """What a person is told: what blocks, else what is warned of."""
        level = DriftPolicy.BLOCK if self.decision is Decision.BLOCK else DriftPolicy.WARN
        told = (describe(one.drift) for one in self.findings if one.policy is level)
        return (*self.refused, *told)


def judge_batch(
    connector: Connector,
    batch: Batch,
    *,
    baseline: Mapping[str, LockedStream],
) -> Gate:
    """Return whether a batch passes; the same batch and baseline always give the same answer.

    ``baseline`` is the lock with the approvals: empty where there is none yet.
    """
    found = tuple(
        Finding(drift=one, policy=find_policy(connector, stream=one.stream, kind=one.kind))
        for one in _find_drift(connector, batch, baseline=baseline)
    )
    refused = tuple(
        reason
        for stream in connector.streams
        if (read := batch.reads.get(stream.name)) and (reason := refuse_rows(stream, read))
    )
    policies = {one.policy for one in found}
    if refused or DriftPolicy.BLOCK in policies:
        decision = Decision.BLOCK
    elif DriftPolicy.WARN in policies:
        decision = Decision.PASS_WITH_DRIFT
    else:
        decision = Decision.PASS
    return Gate(decision=decision, findings=found, refused=refused)


def _find_drift(
    connector: Connector, batch: Batch, *, baseline: Mapping[str, LockedStream]
) -> Iterator[Drift]:
    observed = {name: one for name, one in baseline.items() if name not in batch.gone}
    emptied: list[Drift] = []
    for name, profile in batch.profiles.items():
        if name in batch.gone:
            continue
        known = baseline.get(name)
        if known is None:
            # The first structure of a connector is no difference to anything.
            if baseline:
                observed[name] = introduce(profile)
            continue
        declared = connector.stream(name)
        rule = declared.presence if declared else connector.presence
        seen = observe(known, profile, history=batch.history.get(name, {}), rule=rule)
        observed[name] = seen.stream
        emptied += [
            Drift(kind=DriftKind.COLUMN_EMPTIED, stream=name, column=(column,))
            for column in seen.emptied
        ]
    yield from diff_streams(baseline, observed)
    yield from emptied
    for name in batch.added:
        yield Drift(kind=DriftKind.STREAM_ADDED, stream=name)
