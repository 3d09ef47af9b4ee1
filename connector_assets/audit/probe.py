"""What a probe saw of a source, and how it differs; pure, by the comparison of the gate.

A catalog and a reflected database declare what there is, so that what is not there has been
removed. A sample shows what there is and never what is missing: of one, nothing that speaks of
absence reaches the comparison.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from connector_assets.audit.drift import Drift
from connector_assets.audit.gate import Batch, Finding, judge_batch
from connector_assets.audit.observe import introduce
from connector_assets.audit.policy import find_policy
from connector_assets.audit.profile import StreamProfile
from connector_assets.audit.widening import is_widening
from connector_assets.lock import LockedStream, render_stream
from connector_assets.model import Connector, DriftKind, Stream
from connector_assets.naming import snake_case

#: What a declared schema can show to be over; of what rows told, only rows can tell that.
_DECLARED = frozenset(
    {
        DriftKind.COLUMN_ADDED,
        DriftKind.COLUMN_REMOVED,
        DriftKind.TYPE_WIDENED,
        DriftKind.TYPE_CHANGED,
        DriftKind.NULLABILITY_CHANGED,
    }
)


class Look(StrEnum):
    """What a probe looks at."""

    CATALOG = "catalog"
    REFLECTION = "reflection"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one probe saw: the connector's streams with their child tables, by name.

    ``gone`` are streams of the connector that the source lists no more, ``others`` those that it
    offers and the connector does not have.
    """

    look: Look
    profiles: Mapping[str, StreamProfile]
    gone: tuple[str, ...] = ()
    others: Mapping[str, StreamProfile] = field(default_factory=dict)

    @property
    def declares(self) -> bool:
        """Whether what was not seen is not there."""
        return self.look is not Look.SAMPLE

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return sum(one.rows for one in self.profiles.values() if not one.parent)


def judge_sighting(
    connector: Connector,
    sighting: Sighting,
    *,
    baseline: Mapping[str, LockedStream],
    offered: Collection[str] | None = None,
) -> tuple[Finding, ...]:
    """Return what differs from the baseline, with its policy, as a sync's gate would find it.

    ``offered`` are the streams that the source had at the last probe; without them nothing that it
    offers is new. How a column was filled before is not asked: a few rows cannot tell.
    """
    batch = _to_batch(connector, sighting, baseline=baseline)
    gate = judge_batch(connector, batch, baseline=baseline)
    added = _find_added(connector, sighting, baseline=baseline, offered=offered)
    return (*gate.findings, *added)


def list_offered(connector: Connector, sighting: Sighting) -> frozenset[str]:
    """Return what the source is known to have, by the names that :attr:`Sighting.others` uses.

    With the connector's own streams: one that is taken out of its file is not new to the source.
    """
    tables = (str(stream.config.get("table", stream.name)) for stream in connector.streams)
    return frozenset((*sighting.others, *sighting.profiles, *tables))


def is_refuted(drift: Drift, *, by: Sighting) -> bool:
    """Tell whether a sighting in which a difference was not found shows that it is over."""
    if not by.declares:
        return False
    if drift.kind is DriftKind.STREAM_REMOVED:
        return drift.stream in by.profiles
    profile = by.profiles.get(drift.stream)
    return (
        profile is not None
        and profile.declared
        and drift.kind in _DECLARED
        # What is inside of a column is a matter of its values, where the source declares none.
        and len(drift.column) == 1
    )


def _to_batch(
    connector: Connector, sighting: Sighting, *, baseline: Mapping[str, LockedStream]
) -> Batch:
    if not sighting.declares:
        nothing = LockedStream()
        sampled = {
            name: _doubt(one, known=baseline.get(name, nothing))
            for name, one in sighting.profiles.items()
        }
        return Batch(profiles=sampled)
    streams = {stream.name: stream for stream in connector.streams}
    profiles = {name: _identify(one, streams.get(name)) for name, one in sighting.profiles.items()}
    return Batch(profiles=profiles, gone=sighting.gone)


def _doubt(profile: StreamProfile, *, known: LockedStream) -> StreamProfile:
    """Return the profile of a sample without what a few rows cannot prove.

    A narrower type is the absence of values that need the wider one: a file that pandas wrote has
    whole numbers where another one has fractions.
    """
    columns = {
        name: replace(one, type=known.columns[name].type)
        if name in known.columns and is_widening(one.type, known.columns[name].type)
        else one
        for name, one in profile.columns.items()
    }
    key, cursor = known.primary_key, known.cursor
    return replace(profile, declared=False, columns=columns, primary_key=key, cursor=cursor)


def _identify(profile: StreamProfile, stream: Stream | None) -> StreamProfile:
    """Return a declared profile with the key and the cursor that a sync of the stream would have.

    Those that the connector names count as long as their columns are there.
    """
    named = tuple(map(snake_case, stream.primary_key)) if stream else ()
    key = named or profile.primary_key
    cursor = snake_case(stream.cursor) if stream and stream.cursor else ""
    return replace(
        profile,
        primary_key=key if all(name in profile.columns for name in key) else (),
        cursor=cursor if cursor in profile.columns else "",
    )


def _find_added(
    connector: Connector,
    sighting: Sighting,
    *,
    baseline: Mapping[str, LockedStream],
    offered: Collection[str] | None,
) -> Iterator[Finding]:
    if offered is None or not sighting.declares:
        return
    kind = DriftKind.STREAM_ADDED
    for name in sorted(sighting.others.keys() - set(offered) - baseline.keys()):
        structure = render_stream(introduce(sighting.others[name]))
        drift = Drift(kind=kind, stream=name, new=structure)
        yield Finding(drift=drift, policy=find_policy(connector, stream=name, kind=kind))
