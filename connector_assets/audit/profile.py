"""The profile of a batch: what one sync staged of each stream, column by column.

Computed from the batch and from nothing that remembers earlier ones: a schema that grows hides
what has vanished.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connector_assets.lock import LockedColumn, parse_column, render_column


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column of a batch: its logical type, and the rows that have a value.

    ``type`` is empty where the column came without a single value and nothing declares it.
    ``variants`` are further types that came in the same batch; ``fields`` what the source declares
    of a nested value that stays in one column, ``description`` what it says of the column.
    """

    type: str
    filled: int
    nullable: bool = True
    variants: tuple[str, ...] = ()
    fields: Mapping[str, LockedColumn] = field(default_factory=dict)
    description: str = field(default="", compare=False)

    def add(self, more: ColumnProfile) -> ColumnProfile:
        """Return what the column is in this batch and a further one of the same sync."""
        kind = more.type or self.type
        variants = {*self.variants, *more.variants, self.type} - {kind, ""}
        return replace(
            more,
            type=kind,
            filled=self.filled + more.filled,
            nullable=self.nullable or more.nullable,
            variants=tuple(sorted(variants)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProfile:
    """One stream of a batch; child tables are streams of their own, with their ``parent``.

    ``declared`` tells whether the source says which columns there are, so that one that is not
    there has been removed. Otherwise its absence is a matter of chance. ``nested`` are the fields
    that came as objects or lists and became columns or tables of their own.
    """

    rows: int
    columns: Mapping[str, ColumnProfile] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    cursor: str = ""
    declared: bool = False
    parent: str = ""
    nested: tuple[str, ...] = ()

    def add(self, more: StreamProfile) -> StreamProfile:
        """Return what the stream is in this batch and a further one of the same sync.

        A batch without rows says nothing of columns, key or cursor.
        """
        if not self.rows or not more.rows:
            return self if self.rows else more
        columns = dict(self.columns)
        for name, column in more.columns.items():
            columns[name] = columns[name].add(column) if name in columns else column
        return replace(
            more,
            rows=self.rows + more.rows,
            columns=columns,
            nested=tuple(sorted({*self.nested, *more.nested})),
        )


def render_profiles(profiles: Mapping[str, StreamProfile]) -> dict[str, Any]:
    """Return profiles as JSON values, by stream."""
    return {name: _render(one) for name, one in sorted(profiles.items())}


def parse_profiles(record: Mapping[str, Any]) -> dict[str, StreamProfile]:
    """Return the profiles that :func:`render_profiles` rendered."""
    return {name: _parse(one) for name, one in record.items()}


def _render(profile: StreamProfile) -> dict[str, Any]:
    columns = {
        name: {
            "type": one.type,
            "filled": one.filled,
            "nullable": one.nullable,
            **({"variants": list(one.variants)} if one.variants else {}),
            **({"fields": _render_fields(one)} if one.fields else {}),
            **({"description": one.description} if one.description else {}),
        }
        for name, one in sorted(profile.columns.items())
    }
    return {
        "rows": profile.rows,
        "columns": columns,
        "primary_key": list(profile.primary_key),
        "cursor": profile.cursor,
        "declared": profile.declared,
        "parent": profile.parent,
        **({"nested": list(profile.nested)} if profile.nested else {}),
    }


def _render_fields(column: ColumnProfile) -> dict[str, Any]:
    return {name: render_column(one) for name, one in sorted(column.fields.items())}


def _parse(record: Mapping[str, Any]) -> StreamProfile:
    columns = {
        name: ColumnProfile(
            type=one["type"],
            filled=one["filled"],
            nullable=one["nullable"],
            variants=tuple(one.get("variants", ())),
            fields={key: parse_column(each) for key, each in one.get("fields", {}).items()},
            description=one.get("description", ""),
        )
        for name, one in record["columns"].items()
    }
    return StreamProfile(
        rows=record["rows"],
        columns=columns,
        primary_key=tuple(record["primary_key"]),
        cursor=record["cursor"],
        declared=record["declared"],
        parent=record["parent"],
        nested=tuple(record.get("nested", ())),
    )
