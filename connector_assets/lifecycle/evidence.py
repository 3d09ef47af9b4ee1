"""What a sync recorded, layer by layer: the only input of the verdict.

Each layer is absent until its step wrote it. Absence is never taken for success.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connector_assets.errors import ConnectorError
from connector_assets.model import Decision, StreamCounts


class Layer(StrEnum):
    """The layers, in the order in which a sync passes them."""

    START = "start"
    EXTRACT = "extract"
    GATE = "gate"
    LOAD = "load"
    DESTINATION = "destination"


class Arrival(StrEnum):
    """What the destination itself says of a sync, read back by finalize."""

    CONFIRMED = "confirmed"  # the load record is there and the tables hold its counts
    PARTIAL = "partially_committed"  # there are checkpoints, and not what was to come after them
    CONTRADICTED = "contradicted"  # the load record is there, the tables hold something else
    ABSENT = "absent"  # there is no load record: nothing arrived
    UNREAD = "unread"  # the destination could not be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one layer ended; ``error`` is None where it went well."""

    error: ConnectorError | None = None
    skipped: bool = False
    cancelled: bool = False

    @property
    def ok(self) -> bool:
        """Whether the layer did its work."""
        return self.error is None and not self.skipped and not self.cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of one attempt; None is "not recorded"."""

    start: Outcome | None = None
    extract: Outcome | None = None
    decision: Decision | None = None
    reasons: tuple[str, ...] = ()
    load: Outcome | None = None
    arrival: Arrival | None = None
    undone_by: str = ""
    checkpoints: int = 0
    counts: tuple[StreamCounts, ...] = ()

    @property
    def errors(self) -> tuple[ConnectorError, ...]:
        """The errors recorded, in the order of the layers."""
        layers = (self.start, self.extract, self.load)
        return tuple(layer.error for layer in layers if layer and layer.error)

    @property
    def cancelled(self) -> bool:
        """Whether somebody stopped the attempt on purpose."""
        return any(layer.cancelled for layer in (self.start, self.extract, self.load) if layer)


def parse_evidence(layers: Mapping[str, Mapping[str, Any]]) -> Evidence:
    """Return the evidence of the ledger's layer -> payload mapping; unknown keys are ignored."""
    gate = layers.get(Layer.GATE, {})
    destination = layers.get(Layer.DESTINATION, {})
    return Evidence(
        start=_parse_outcome(layers.get(Layer.START)),
        extract=_parse_outcome(layers.get(Layer.EXTRACT)),
        decision=Decision(gate["decision"]) if "decision" in gate else None,
        reasons=tuple(gate.get("reasons", ())),
        load=_parse_outcome(layers.get(Layer.LOAD)),
        arrival=Arrival(destination["arrival"]) if "arrival" in destination else None,
        undone_by=str(destination.get("undone_by", "")),
        checkpoints=int(destination.get("checkpoints", 0)),
        counts=tuple(StreamCounts(**counts) for counts in destination.get("streams", ())),
    )


def _parse_outcome(payload: Mapping[str, Any] | None) -> Outcome | None:
    if payload is None:
        return None
    error = payload.get("error")
    return Outcome(
        error=ConnectorError.from_record(dict(error)) if error else None,
        skipped=bool(payload.get("skipped")),
        cancelled=bool(payload.get("cancelled")),
    )
