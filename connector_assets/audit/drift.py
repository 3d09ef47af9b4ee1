"""Drift: the typed differences between two structures of a connector; pure, and complete.

What is found, applied to the old structure, gives the new one; no order of streams, columns or
differences matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from connector_assets.audit.widening import is_widening
from connector_assets.lock import (
    LockedColumn,
    LockedStream,
    parse_column,
    parse_stream,
    render_column,
    render_stream,
)
from connector_assets.model import DriftKind

Streams: TypeAlias = Mapping[str, LockedStream]
Columns: TypeAlias = Mapping[str, LockedColumn]
Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference; ``column`` is a path: a nested field comes after its column.

    ``old`` and ``new`` are JSON values: of a column its structure, of a change what changed, of a
    key the columns. What was not there is None. A stream that the source offers and that nobody
    reads is added without a structure, and changes none.
    """

    kind: DriftKind
    stream: str
    column: Path = ()
    old: Any = None
    new: Any = None

    @property
    def place(self) -> str:
        """Where it is, as people write it: ``orders.address.city``."""
        return ".".join((self.stream, *self.column))


def diff_streams(old: Streams, new: Streams) -> tuple[Drift, ...]:
    """Return every structural difference, ordered by place and kind."""
    found: list[Drift] = []
    for name in old.keys() | new.keys():
        found.extend(_diff_stream(name, old.get(name), new.get(name)))
    return tuple(sorted(found, key=lambda one: (one.stream, one.column, one.kind)))


def apply_drift(streams: Streams, drifts: Iterable[Drift]) -> dict[str, LockedStream]:
    """Return the structure after the differences; an emptied column changes none.

    A difference at a place that is not there any more changes nothing: an approval can be older
    than the lock that it is applied to.
    """
    changed = dict(streams)
    # What is removed goes first, so that a key that was replaced ends up with its new columns.
    for drift in sorted(drifts, key=lambda one: one.kind not in _REMOVALS):
        if drift.kind is DriftKind.STREAM_REMOVED:
            changed.pop(drift.stream, None)
        elif drift.kind is DriftKind.STREAM_ADDED:
            if drift.new is not None:
                changed[drift.stream] = parse_stream(drift.new)
        elif drift.stream in changed:
            changed[drift.stream] = _apply_to_stream(changed[drift.stream], drift)
    return changed


_REMOVALS = (DriftKind.KEY_REMOVED, DriftKind.CURSOR_REMOVED)


def _diff_stream(name: str, old: LockedStream | None, new: LockedStream | None) -> Iterator[Drift]:
    if old is None and new is not None:
        yield Drift(kind=DriftKind.STREAM_ADDED, stream=name, new=render_stream(new))
    elif new is None and old is not None:
        yield Drift(kind=DriftKind.STREAM_REMOVED, stream=name, old=render_stream(old))
    elif old is not None and new is not None:
        yield from _diff_columns(name, old.columns, new.columns, path=())
        yield from _diff_key(name, old, new)
        yield from _diff_cursor(name, old, new)


def _diff_columns(stream: str, old: Columns, new: Columns, *, path: Path) -> Iterator[Drift]:
    for name in old.keys() | new.keys():
        column, before, after = (*path, name), old.get(name), new.get(name)
        if before is None and after is not None:
            kind, shown = DriftKind.COLUMN_ADDED, render_column(after)
            yield Drift(kind=kind, stream=stream, column=column, new=shown)
        elif after is None and before is not None:
            kind, shown = DriftKind.COLUMN_REMOVED, render_column(before)
            yield Drift(kind=kind, stream=stream, column=column, old=shown)
        elif before is not None and after is not None:
            yield from _diff_column(stream, before, after, path=column)


def _diff_column(
    stream: str, old: LockedColumn, new: LockedColumn, *, path: Path
) -> Iterator[Drift]:
    if old.type != new.type:
        wider = is_widening(old.type, new.type)
        kind = DriftKind.TYPE_WIDENED if wider else DriftKind.TYPE_CHANGED
        yield Drift(kind=kind, stream=stream, column=path, old=old.type, new=new.type)
    if old.nullable != new.nullable:
        kind = DriftKind.NULLABILITY_CHANGED
        yield Drift(kind=kind, stream=stream, column=path, old=old.nullable, new=new.nullable)
    yield from _diff_columns(stream, old.fields, new.fields, path=path)


def _diff_key(stream: str, old: LockedStream, new: LockedStream) -> Iterator[Drift]:
    # The order of a key's columns says nothing about which rows are the same.
    before, after = sorted(old.primary_key), sorted(new.primary_key)
    if before == after:
        return
    if before:
        yield Drift(kind=DriftKind.KEY_REMOVED, stream=stream, old=before)
    if after:
        yield Drift(kind=DriftKind.KEY_ADDED, stream=stream, new=after)


def _diff_cursor(stream: str, old: LockedStream, new: LockedStream) -> Iterator[Drift]:
    if old.cursor == new.cursor:
        return
    if old.cursor:
        yield Drift(kind=DriftKind.CURSOR_REMOVED, stream=stream, old=old.cursor)
    if new.cursor:
        yield Drift(kind=DriftKind.CURSOR_ADDED, stream=stream, new=new.cursor)


def _apply_to_stream(stream: LockedStream, drift: Drift) -> LockedStream:
    if drift.kind in (DriftKind.KEY_REMOVED, DriftKind.KEY_ADDED):
        return replace(stream, primary_key=tuple(drift.new or ()))
    if drift.kind in (DriftKind.CURSOR_REMOVED, DriftKind.CURSOR_ADDED):
        return replace(stream, cursor=drift.new or "")
    return replace(stream, columns=_apply_to_columns(stream.columns, drift, path=drift.column))


def _apply_to_columns(columns: Columns, drift: Drift, *, path: Path) -> dict[str, LockedColumn]:
    changed, (name, *deeper) = dict(columns), path or ("",)
    if drift.kind is DriftKind.COLUMN_ADDED and not deeper:
        changed[name] = parse_column(drift.new)
    elif name not in changed:
        return changed
    elif deeper:
        below = _apply_to_columns(changed[name].fields, drift, path=tuple(deeper))
        changed[name] = replace(changed[name], fields=below)
    elif drift.kind is DriftKind.COLUMN_REMOVED:
        del changed[name]
    elif drift.kind is DriftKind.NULLABILITY_CHANGED:
        changed[name] = replace(changed[name], nullable=drift.new)
    elif drift.kind in (DriftKind.TYPE_WIDENED, DriftKind.TYPE_CHANGED):
        changed[name] = replace(changed[name], type=drift.new)
    return changed
