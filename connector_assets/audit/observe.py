"""What a batch says of the structure: the baseline, as far as the batch does not contradict it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from connector_assets.audit.presence import Filled, is_missed
from connector_assets.audit.profile import ColumnProfile, StreamProfile
from connector_assets.audit.widening import is_widening
from connector_assets.lock import LockedColumn, LockedStream
from connector_assets.model import Presence

_NOTHING = Filled(rows=0, filled=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The structure that a batch shows, and the columns that it shows to be empty now."""

    stream: LockedStream
    emptied: tuple[str, ...] = ()


def observe(
    baseline: LockedStream,
    profile: StreamProfile,
    *,
    history: Mapping[str, Filled],
    rule: Presence,
) -> Observed:
    """Return what a batch shows of a stream whose structure is known.

    Where the source declares nothing, a column that did not come is taken to be there still,
    unless that cannot be chance; what came without a value keeps the type that it had.
    ``history`` is how each column was filled in earlier batches.
    """
    columns: dict[str, LockedColumn] = {}
    emptied = []
    for name in baseline.columns.keys() | profile.columns.keys():
        known, seen = baseline.columns.get(name), profile.columns.get(name)
        missed = is_missed(history.get(name, _NOTHING), rows=profile.rows, rule=rule)
        if known is not None and name in profile.nested:
            # It came as an object or a list: what the loader makes of those has other names.
            columns[name] = replace(known, type=join_types((known.type, "json")))
        elif seen is None:
            if known is not None and not (profile.declared or missed):
                columns[name] = known
        elif known is None:
            columns |= _add(name, seen)
        else:
            columns[name] = _update(known, seen, declared=profile.declared)
            if missed and not seen.filled and not seen.variants:
                emptied.append(name)
    # Without a row only a source that declares its structure says anything of key and cursor.
    told = profile if profile.declared or profile.rows else baseline
    stream = LockedStream(columns=columns, primary_key=told.primary_key, cursor=told.cursor)
    return Observed(stream=stream, emptied=tuple(sorted(emptied)))


def introduce(profile: StreamProfile) -> LockedStream:
    """Return the structure of a stream that nothing is known of."""
    columns: dict[str, LockedColumn] = {}
    for name, column in profile.columns.items():
        columns |= _add(name, column)
    return LockedStream(columns=columns, primary_key=profile.primary_key, cursor=profile.cursor)


def join_types(types: Iterable[str]) -> str:
    """Return the narrowest of several types that holds all of them; text, or JSON, if none does."""
    found = sorted(set(types))
    for wide in found:
        if all(one == wide or is_widening(one, wide) for one in found):
            return wide
    return "json" if "json" in found else "text"


def _add(name: str, column: ColumnProfile) -> dict[str, LockedColumn]:
    kind = _type_of(column, known="")
    # Without a value and a declaration nobody knows its type: it is added when it has one.
    if not kind:
        return {}
    added = LockedColumn(
        type=kind,
        nullable=column.nullable,
        fields=column.fields,
        description=column.description,
    )
    return {name: added}


def _update(known: LockedColumn, seen: ColumnProfile, *, declared: bool) -> LockedColumn:
    kind = seen.type if declared else _type_of(seen, known=known.type)
    nullable = seen.nullable if declared else known.nullable
    fields = seen.fields if declared else known.fields
    told = seen.description or known.description
    return replace(known, type=kind, nullable=nullable, fields=fields, description=told)


def _type_of(column: ColumnProfile, *, known: str) -> str:
    types = [column.type] if column.type and (column.filled or not known) else []
    types.extend(column.variants)
    if not types:
        return known
    # What the values need together with the table that they are loaded into.
    return join_types([*types, known] if known and column.variants else types)
