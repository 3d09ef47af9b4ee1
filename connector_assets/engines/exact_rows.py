"""Rows checked as they leave a dlt resource: each value arrives as it is, or the sync is refused.

Follows what dlt will make of a row: nested mappings become columns of the same table, lists become
child tables, names become snake_case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from connector_assets.engines.exact_columns import ColumnFit, ShortWay
from connector_assets.engines.exact_values import (
    ValueRefusedError,
    check_json,
    check_scalar,
    is_scalar,
    open_value,
)
from connector_assets.errors import BadRecord
from connector_assets.model import NaiveTimes, Stream
from connector_assets.naming import snake_case, table_name
from connector_assets.singer.messages import mask

#: Columns of dlt's schema, by table and name.
Tables = Mapping[str, Mapping[str, Mapping[str, Any]]]
#: dlt's own columns, which it writes over whatever a row has there.
_RESERVED = "_dlt_"
# The first ones are found fastest.
_NESTED = (dict, list, tuple, Mapping)
_RENAME = "Rename one of them where the source makes its rows."
_NO_CHILD = (
    "Say `naive_times: assume_utc` or `reject`, or give the times of lists an offset in the source."
)


@dataclass(slots=True)
class _Level:
    """One level of mappings. ``short`` has what most values of a key pass by; more in ``columns``.

    ``below`` are the levels of a key's mappings, and of its lists.
    """

    table: str
    prefix: tuple[str, ...] = ()
    path: str = ""
    depth: int = 0
    short: dict[Any, ShortWay] = field(default_factory=dict)
    columns: dict[Any, ColumnFit] = field(default_factory=dict)
    below: dict[tuple[Any, bool], _Level] = field(default_factory=dict)


class RowCheck:
    """Checks the rows of one stream, in order."""

    def __init__(
        self, stream: Stream, *, known: Tables, declared: Mapping[str, Any], nesting: int
    ) -> None:
        """Take the columns that tables have already, and those that the resource declares.

        ``nesting`` is how many levels become tables and columns; what is below stays JSON.
        """
        self._stream = stream
        self._known = known
        self._declared = {snake_case(name): column for name, column in declared.items()}
        self._nesting = nesting
        self._root = _Level(stream.table)
        self._names: dict[tuple[str, str], str] = {}
        self._row = 0
        self._zones: dict[str, bool] = {}

    def check(self, row: Mapping[str, Any]) -> Mapping[str, bool]:
        """Check one row; return the columns of times that it shows to have a zone, or none.

        Only where that is another answer than the table's, and once.

        Raises:
            BadRecord: dlt would change a value; it names stream, row, column and the masked value.
        """
        self._row += 1
        self._check_level(self._root, row)
        if not self._zones:
            return self._zones
        zones, self._zones = self._zones, {}
        return zones

    def _check_level(self, level: _Level, row: Mapping[Any, Any]) -> None:
        short = level.short
        for key, value in row.items():
            if key not in short:
                self._meet(level, key)
            # The short way, which nearly every value takes.
            kind, survives = short[key]
            if value is None or (type(value) is kind and survives(value)):
                continue
            self._examine(level, key, value)

    def _meet(self, level: _Level, key: Any) -> None:
        """Take a key that is new: its column's name, whether that is free, and its known type."""
        text = str(key)
        path = f"{level.path}{text}"
        name = "__".join((*level.prefix, _normalize(text)))
        if name.startswith(_RESERVED):
            self._refuse(path, ValueRefusedError("dlt's own columns have such names", _RENAME))
        other = self._names.setdefault((level.table, name), path)
        if other != path:
            reason = f"it would share the column {name!r} with {other!r}"
            self._refuse(path, ValueRefusedError(reason, _RENAME))
        level.columns[key] = column = self._find_column(level.table, name)
        level.short[key] = column.find_short_way()

    def _find_column(self, table: str, name: str) -> ColumnFit:
        declared = self._declared.get(name, {}) if table == self._root.table else {}
        stored = self._known.get(table, {}).get(name, {})
        known = {**stored, **declared}
        column = ColumnFit(
            name=name,
            kind=known.get("data_type") or "",
            declared=bool(declared.get("data_type")),
            known=bool(stored.get("data_type")),
            precision=known.get("precision") or 38,
            scale=9 if known.get("scale") is None else known["scale"],
            naive_times=self._stream.naive_times or NaiveTimes.ASSUME_UTC,
            stored_zoned=known.get("timezone") is not False,
        )
        if self._stream.naive_times is None:
            column.zoned = declared.get("timezone")
        return column

    def _examine(self, level: _Level, key: Any, value: Any) -> None:
        try:
            if type(value) in _NESTED or (
                isinstance(value, _NESTED) and not hasattr(value, "_asdict")
            ):
                self._descend(level, key, value)
            elif is_scalar(value):
                self._check_value(level, level.columns[key], value)
                level.short[key] = level.columns[key].find_short_way(value)
            else:
                self._examine(level, key, open_value(value))
        except ValueRefusedError as refused:
            self._refuse(f"{level.path}{key}", refused, value)

    def _check_value(self, level: _Level, column: ColumnFit, value: Any) -> None:
        check_scalar(value)
        before = column.zoned
        column.check(value)
        if column.zoned is before or column.zoned is column.stored_zoned:
            return
        if level.table != self._root.table:
            raise ValueRefusedError("dlt keeps no time in a list without a zone", _NO_CHILD)
        self._zones[column.name] = bool(column.zoned)

    def _descend(self, level: _Level, key: Any, value: Any) -> None:
        if level.columns[key].kind == "json" or level.depth >= self._nesting:
            check_json(value)
            return
        is_list = type(value) is not dict and not isinstance(value, Mapping)
        below = level.below.get((key, is_list))
        if below is None:
            below = level.below[key, is_list] = self._build_below(level, key, is_list=is_list)
        if not is_list:
            self._check_level(below, value)
            return
        for each in value:
            if type(each) is dict or isinstance(each, Mapping):
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

    def _refuse(self, path: str, refused: ValueRefusedError, value: Any = None) -> NoReturn:
        shown = "" if value is None else f" got the {type(value).__name__} {mask(str(value))!r}"
        raise BadRecord(
            f"column {path!r}{shown}: {refused.reason}",
            place=f"row {self._row}",
            stream=self._stream.name,
            fix=refused.fix,
        ) from refused


def _normalize(key: str) -> str:
    # Two underscores are kept: they separate a column from the mapping that it came from.
    return table_name(key) or "_empty"
