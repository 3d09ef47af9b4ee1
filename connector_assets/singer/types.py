"""Which column a JSON Schema property becomes: its kind, its Arrow type, its dlt hints.

The contract (docs/connector-target.md has it as a table): integer -> int64; number -> float64;
a number with ``multipleOf`` -> decimal; boolean; string -> text, or timestamp (UTC, microseconds),
date or time by ``format``; object, array, several types at once or no type -> JSON text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from connector_assets.errors import BadRecord, ConfigError
from connector_assets.model import NaiveTimes

if TYPE_CHECKING:
    import pyarrow as pa

MAX_PRECISION = 38
#: Holds, as JSON, the properties of a record that its SCHEMA does not declare.
UNDECLARED = "_undeclared"
#: Numbers the records of a merged stream, so that of two with one key the later one wins.
SEQUENCE = "_singer_sequence"
#: A record's version, and when the tap activated a later one and left the row behind.
VERSION = "_singer_version"
DELETED_AT = "_singer_deleted_at"
RESERVED = (UNDECLARED, SEQUENCE, VERSION, DELETED_AT, "_dlt_load_id", "_dlt_id")


class Kind(StrEnum):
    """The types a column can have."""

    INTEGER = "integer"
    NUMBER = "number"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TEXT = "text"
    TIMESTAMP = "timestamp"
    TIMESTAMP_NTZ = "timestamp_ntz"
    DATE = "date"
    TIME = "time"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """A kind, with the digits of a decimal: ``precision`` in all, ``scale`` of them a fraction.

    ``naive_times`` is what a timestamp takes one without an offset for.
    """

    kind: Kind
    precision: int = 0
    scale: int = 0
    naive_times: NaiveTimes = NaiveTimes.ASSUME_UTC

    def __str__(self) -> str:
        """Return it as a person writes it: ``decimal(12,2)``."""
        digits = f"({self.precision},{self.scale})" if self.kind is Kind.DECIMAL else ""
        return f"{self.kind}{digits}"

    def to_arrow(self) -> pa.DataType:
        """Return the Arrow type the values are staged in."""
        import pyarrow as pa

        if self.kind is Kind.DECIMAL:
            return pa.decimal128(self.precision, self.scale)
        plain: dict[Kind, pa.DataType] = {
            Kind.INTEGER: pa.int64(),
            Kind.NUMBER: pa.float64(),
            Kind.BOOLEAN: pa.bool_(),
            Kind.TIMESTAMP: pa.timestamp("us", "UTC"),
            Kind.TIMESTAMP_NTZ: pa.timestamp("us"),
            Kind.DATE: pa.date32(),
            Kind.TIME: pa.time64("us"),
        }
        return plain.get(self.kind, pa.string())


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A declared property: ``name`` is the normalised one that the table has."""

    property: str
    name: str
    type: ColumnType


_SIMPLE = {
    "integer": Kind.INTEGER,
    "boolean": Kind.BOOLEAN,
    "object": Kind.JSON,
    "array": Kind.JSON,
}
_FORMATS = {"date-time": Kind.TIMESTAMP, "date": Kind.DATE, "time": Kind.TIME}
_JSON = ColumnType(kind=Kind.JSON)
_DLT_KINDS = {
    "bigint": Kind.INTEGER,
    "double": Kind.NUMBER,
    "decimal": Kind.DECIMAL,
    "bool": Kind.BOOLEAN,
    "text": Kind.TEXT,
    "timestamp": Kind.TIMESTAMP,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "json": Kind.JSON,
}


def parse_columns(
    schema: Mapping[str, Any], *, stream: str, place: str, normalize: Callable[[str], str]
) -> tuple[Column, ...]:
    """Return the columns of a SCHEMA message's ``schema``, in its order.

    Raises:
        BadRecord: The schema cannot be read.
        ConfigError: Two properties would share a column, or one takes a name that is reserved.
    """
    properties = resolve(schema, root=schema).get("properties")
    if not isinstance(properties, dict):
        raise BadRecord(
            "the SCHEMA has no `properties` object",
            place=place,
            stream=stream,
            fix="Let the tap discover its catalog again. A stream whose columns are not known has "
            "`properties: {}`.",
        )
    taken = dict.fromkeys(RESERVED, "a column of the platform")
    columns = []
    for key, definition in properties.items():
        name = _normalize(key, normalize=normalize, stream=stream, place=place)
        if name in taken:
            raise ConfigError(
                f"property {key!r} would be column {name!r}, which is already {taken[name]}",
                place=place,
                stream=stream,
                fix="Deselect or rename one of them in the tap (a Meltano mapper can).",
            )
        taken[name] = f"property {key!r}"
        columns.append(Column(property=key, name=name, type=parse_type(definition, root=schema)))
    return tuple(columns)


def parse_type(definition: Any, *, root: Mapping[str, Any]) -> ColumnType:
    """Return the type that holds every value ``definition`` allows; JSON where none is plain.

    ``root`` is the schema that local references point into.
    """
    found = set(_alternatives(definition, root=root))
    if len(found) == 1:
        return found.pop()
    kinds = {column_type.kind for column_type in found}
    if kinds == {Kind.INTEGER, Kind.NUMBER}:
        return ColumnType(kind=Kind.NUMBER)
    # The usual "date-time or any string" of taps: only text holds both.
    if kinds and kinds <= {Kind.TEXT, Kind.TIMESTAMP, Kind.DATE, Kind.TIME}:
        return ColumnType(kind=Kind.TEXT)
    return _JSON


def parse_known(column: Mapping[str, Any]) -> ColumnType | None:
    """Return the type of a column of a dlt schema; None where no property becomes such a one."""
    kind = _DLT_KINDS.get(column.get("data_type", ""))
    if kind is None:
        return None
    if kind is not Kind.DECIMAL:
        return ColumnType(kind=kind)
    return ColumnType(
        kind=kind, precision=column.get("precision") or 0, scale=column.get("scale") or 0
    )


def _alternatives(
    definition: Any, *, root: Mapping[str, Any], depth: int = 0
) -> Iterator[ColumnType]:
    if depth > 8:
        yield _JSON
        return
    node = resolve(definition, root=root)
    options = [
        option for key in ("anyOf", "oneOf", "allOf") for option in node.get(key) or () if option
    ]
    for option in options:
        yield from _alternatives(option, root=root, depth=depth + 1)
    declared = node.get("type")
    names = declared if isinstance(declared, list) else [declared] if declared else []
    if not names and not options:
        yield _JSON
    for name in names:
        if name != "null":
            yield _parse_single(name, node)


def _parse_single(name: Any, node: Mapping[str, Any]) -> ColumnType:
    if name == "number":
        return _parse_number(node)
    if name == "string":
        return ColumnType(kind=_FORMATS.get(str(node.get("format")), Kind.TEXT))
    return ColumnType(kind=_SIMPLE.get(name, Kind.JSON))


def _parse_number(node: Mapping[str, Any]) -> ColumnType:
    """A ``multipleOf`` gives the scale, bounds the precision; too many digits stay a double."""
    step = _decimal(node.get("multipleOf"))
    if step is None or step <= 0:
        return ColumnType(kind=Kind.NUMBER)
    exponent = step.normalize().as_tuple().exponent
    scale = max(0, -exponent) if isinstance(exponent, int) else 0
    digits = [size for size in map(_whole_digits, _bounds(node)) if size is not None]
    precision = max(digits) + scale if digits else MAX_PRECISION
    if not 0 < precision <= MAX_PRECISION or scale >= MAX_PRECISION:
        return ColumnType(kind=Kind.NUMBER)
    return ColumnType(kind=Kind.DECIMAL, precision=precision, scale=scale)


def _bounds(node: Mapping[str, Any]) -> Iterator[tuple[Any, bool]]:
    # Draft 4 has exclusiveMaximum as a flag, later drafts as the bound itself.
    for plain, exclusive in (("maximum", "exclusiveMaximum"), ("minimum", "exclusiveMinimum")):
        flag = node.get(exclusive)
        if isinstance(flag, bool) or flag is None:
            yield node.get(plain), bool(flag)
        else:
            yield flag, True


def _whole_digits(bound: tuple[Any, bool]) -> int | None:
    value, exclusive = _decimal(bound[0]), bound[1]
    if value is None:
        return None
    value = abs(value)
    is_power = value > 0 and value.normalize().as_tuple().digits == (1,)
    return max(0, value.adjusted() + (0 if exclusive and is_power else 1)) if value else 0


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def resolve(definition: Any, *, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow local references; what cannot be followed allows anything."""
    node = definition
    for _ in range(8):
        if not isinstance(node, dict):
            return {}
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return node
        node = _look_up(reference, root=root)
    return {}


def _look_up(reference: str, *, root: Mapping[str, Any]) -> Any:
    if not reference.startswith("#/"):
        return None
    node: Any = root
    for part in reference[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _normalize(key: str, *, normalize: Callable[[str], str], stream: str, place: str) -> str:
    try:
        return normalize(key)
    except ValueError as error:
        raise ConfigError(
            f"property {key!r} gives no column name",
            place=place,
            stream=stream,
            fix="Deselect or rename it in the tap (a Meltano mapper can).",
        ) from error
