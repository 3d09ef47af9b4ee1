"""Rows checked as they leave a dlt resource: each value arrives as it is, or the sync is refused.

Follows what dlt will make of a row: nested mappings become columns of the same table, lists become
child tables, names become snake_case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from enum import Enum
from typing import Any, NoReturn

from connector_assets.engines.exact_values import (
    PLAIN_TIMESTAMP,
    ColumnFit,
    ValueRefusedError,
    check_scalar,
    open_value,
)
from connector_assets.errors import BadRecord
from connector_assets.naming import snake_case, table_name
from connector_assets.singer.messages import mask

#: Columns of dlt's schema, by table and name.
Tables = Mapping[str, Mapping[str, Mapping[str, Any]]]
_FAST: dict[str, type] = {"text": str, "bigint": int, "double": float, "bool": bool}
_SURVIVES: dict[type, Callable[[Any], bool]] = {
    str: str.isascii,
    int: range(-(2**63), 2**63).__contains__,
    float: math.isfinite,
    bool: {True, False}.__contains__,
}
#: dlt writes the load's id over whatever a row has there.
_RESERVED = "_dlt_load_id"


class _Marker(Enum):
    TIMESTAMP = "text that dlt makes a timestamp"


@dataclass(slots=True)
class _Level:
    """One level of mappings: ``expected`` is the type by key for which the short way is enough."""

    table: str
    prefix: tuple[str, ...] = ()
    path: str = ""
    depth: int = 0
    expected: dict[Any, Any] = field(default_factory=dict)
    columns: dict[Any, ColumnFit] = field(default_factory=dict)
    below: dict[tuple[Any, bool], _Level] = field(default_factory=dict)


class RowCheck:
    """Checks the rows of one stream, in order."""

    def __init__(
        self, stream: str, *, table: str, known: Tables, declared: Mapping[str, Any], nesting: int
    ) -> None:
        """Take the columns that tables have already, and those that the resource declares.

        ``nesting`` is how many levels become tables and columns; what is below stays JSON.
        """
        self._stream = stream
        self._known = known
        self._declared = {snake_case(name): column for name, column in declared.items()}
        self._nesting = nesting
        self._root = _Level(table)
        self._names: dict[tuple[str, str], str] = {}
        self._row = 0

    def check(self, row: Mapping[str, Any]) -> None:
        """Check one row.

        Raises:
            BadRecord: dlt would change a value; it names stream, row, column and the masked value.
        """
        self._row += 1
        self._check_level(self._root, row)

    def _check_level(self, level: _Level, row: Mapping[Any, Any]) -> None:
        expected = level.expected
        for key, value in row.items():
            if key not in expected:
                self._meet(level, key)
            wanted = expected[key]
            kind = type(value)
            # The short way, which nearly every value takes: one call of C, none of ours.
            if kind is wanted:
                if _SURVIVES[kind](value):
                    continue
            elif value is None or (
                wanted is _Marker.TIMESTAMP and kind is str and PLAIN_TIMESTAMP(value)
            ):
                continue
            self._examine(level, key, value)

    def _meet(self, level: _Level, key: Any) -> None:
        """Take a key that is new: its column's name, whether that is free, and its known type."""
        text = str(key)
        path = f"{level.path}{text}"
        name = "__".join((*level.prefix, _normalize(text)))
        if name == _RESERVED:
            self._refuse(path, "", ValueRefusedError("dlt's own column has this name", _RENAME))
        other = self._names.setdefault((level.table, name), path)
        if other != path:
            reason = f"it would share the column {name!r} with {other!r}"
            self._refuse(path, "", ValueRefusedError(reason, _RENAME))
        level.columns[key] = column = self._find_column(level.table, name)
        level.expected[key] = _FAST.get(column.kind)

    def _find_column(self, table: str, name: str) -> ColumnFit:
        declared = self._declared.get(name, {}) if table == self._root.table else {}
        known = {**self._known.get(table, {}).get(name, {}), **declared}
        return ColumnFit(
            kind=known.get("data_type") or "",
            declared=bool(declared.get("data_type")),
            precision=known.get("precision") or 38,
            scale=9 if known.get("scale") is None else known["scale"],
        )

    def _examine(self, level: _Level, key: Any, value: Any) -> None:
        column, path = level.columns[key], f"{level.path}{key}"
        try:
            if isinstance(value, Mapping | list | tuple) and not hasattr(value, "_asdict"):
                self._descend(level, key, value)
            elif not _is_scalar(value):
                self._examine(level, key, open_value(value))
            else:
                check_scalar(value)
                column.check(value)
                if level.expected[key] is None:
                    level.expected[key] = _expect(column.kind, value)
        except ValueRefusedError as refused:
            self._refuse(path, value, refused)

    def _descend(self, level: _Level, key: Any, value: Any) -> None:
        if level.columns[key].kind == "json" or level.depth >= self._nesting:
            _check_json(value)
            return
        is_list = not isinstance(value, Mapping)
        below = level.below.get((key, is_list))
        if below is None:
            below = level.below[key, is_list] = self._build_below(level, key, is_list=is_list)
        if not is_list:
            self._check_level(below, value)
            return
        for each in value:
            if isinstance(each, Mapping):
                self._check_level(below, each)
            else:
                self._check_level(below, {"list" if isinstance(each, list) else "value": each})

    def _build_below(self, level: _Level, key: Any, *, is_list: bool) -> _Level:
        text = str(key)
        prefix = (*level.prefix, _normalize(text))
        path = f"{level.path}{text}{'[]' if is_list else ''}."
        if is_list:
            return _Level("__".join((level.table, *prefix)), path=path, depth=level.depth + 1)
        return _Level(level.table, prefix, path, level.depth + 1)

    def _refuse(self, path: str, value: Any, refused: ValueRefusedError) -> NoReturn:
        shown = "" if value == "" else f" got the {type(value).__name__} {mask(str(value))!r}"
        raise BadRecord(
            f"column {path!r}{shown}: {refused.reason}",
            place=f"row {self._row}",
            stream=self._stream,
            fix=refused.fix,
        ) from refused


def _normalize(key: str) -> str:
    # Two underscores are kept: they separate a column from the mapping that it came from.
    return table_name(key) or "_empty"


_RENAME = "Rename one of them where the source makes its rows."


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bytes | date | time | Decimal) and not isinstance(
        value, Enum
    )


def _expect(kind: str, value: Any) -> Any:
    if kind == "timestamp" and isinstance(value, str):
        return _Marker.TIMESTAMP
    fast = _FAST.get(kind)
    return fast if type(value) is fast else None


def _check_json(value: Any) -> None:
    """Check what stays JSON: every scalar of it has to survive, wherever it stands."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            check_scalar(key)
            _check_json(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _check_json(each)
    elif value is not None:
        check_scalar(value if _is_scalar(value) else open_value(value))
