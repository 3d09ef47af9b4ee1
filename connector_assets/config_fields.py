"""The kinds of values in the YAML files: durations, cron, zones, names, sources of secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

from pydantic import (
    BeforeValidator,
    ByteSize,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from connector_assets.credential_use import SOURCE
from connector_assets.naming import NAME, NAME_REASON, is_name, snake_case

DURATION = re.compile(r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
SECRET_SOURCE = re.compile(
    r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+|command:.+"
    r"|airflow-connection:[A-Za-z0-9_-]+(\.(login|password|host|port|schema|extra\.[A-Za-z0-9_.-]+))?"
)
SECRET_SOURCES = ("env:NAME", "file:PATH", "command:WORDS", "airflow-connection:ID.FIELD")
STORE = re.compile(r"source|command:.+")
#: A hundred years: what is longer is a slip, and no clock can hold it.
MAX_SECONDS = 36_500 * 86_400
_UNIT_SECONDS = (86_400, 3_600, 60, 1)
# Fields that differ from one reading to the next.
_RANDOM_CRON = re.compile(r"(?<![A-Za-z])[RH](?![A-Za-z])", re.IGNORECASE)


def refuse(
    problem: str, *, fix: str = "", valid: Iterable[str] = (), value: str = ""
) -> PydanticCustomError:
    """Return pydantic's error for a value that we refuse, with what our errors carry."""
    context: dict[str, Any] = {"text": problem, "fix": fix, "valid": list(valid), "value": value}
    return PydanticCustomError("refused", "{text}", context)


def parse_duration(value: object) -> float:
    """Return seconds: a number as it is, ``1h30m``, ``90s``, ``2d``."""
    seconds = _count_seconds(value)
    if seconds is None:
        shown = repr(value[:20]) if isinstance(value, str) else "this"
        raise refuse(f"{shown} is not a duration", fix='Write "90s", "30m", "1h", or seconds.')
    if not 0 <= seconds <= MAX_SECONDS:
        raise refuse("it must be between 0 seconds and 36500 days", fix='Write "30m" or "1h".')
    return float(seconds)


def _count_seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    # A longer one could have more digits than Python reads.
    found = DURATION.fullmatch(value) if isinstance(value, str) and 0 < len(value) < 100 else None
    if not found:
        return None
    parts = zip(found.groups(), _UNIT_SECONDS, strict=True)
    return sum(int(count) * seconds for count, seconds in parts if count)


def parse_positive_duration(value: object) -> float:
    """Return seconds like :func:`parse_duration`; more than none."""
    seconds = parse_duration(value)
    if not seconds:
        raise refuse("it must be longer than 0 seconds", fix='Write "30m" or "1h".')
    return seconds


def parse_bytes(value: object) -> object:
    """Return a number of bytes: ``10GB``, ``500MB``, or bytes."""
    if not isinstance(value, str):
        return value
    try:
        return int(TypeAdapter(ByteSize).validate_python(value))
    except ValidationError as error:
        raise refuse(f"{value[:20]!r} is not a size", fix='Write "10GB" or "500MB".') from error


def parse_columns(value: object) -> object:
    """Return one or several column names as a tuple."""
    if isinstance(value, str):
        value = [value]
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(name, str) and name.strip() for name in value)
    ):
        raise refuse("it is a column name, or a list of them", fix="Write `primary_key: id`.")
    if len({snake_case(name) for name in value}) < len(value):
        raise refuse("a column of the table stands in it twice", fix="Write each column once.")
    return tuple(value)


def parse_connector_names(value: object) -> object:
    """Return the names of other connectors as a tuple."""
    if not isinstance(value, list):
        return value
    for at, name in enumerate(value):
        if name in value[:at]:
            raise refuse(f"{name!r} stands in it twice", fix="Write each name once.")
    return tuple(value)


def parse_former_names(value: object) -> object:
    """Return the names that something had as a tuple: one, or a list of them."""
    return parse_connector_names([value] if isinstance(value, str) else value)


def parse_secret_name(value: object) -> object:
    """Return what ``${name}`` calls a secret."""
    if isinstance(value, str) and not SECRET_NAME.fullmatch(value):
        fix = "Letters, digits, `_`, `-` and `.`; a letter or `_` first."
        raise refuse("a secret cannot be called so", fix=fix)
    return value


def parse_name(value: object) -> object:
    """Return the name of a connector, destination or environment."""
    if isinstance(value, str) and not is_name(value):
        raise refuse(f"the name {value!r} cannot be used", fix=NAME_REASON)
    return value


def parse_cron(value: object) -> object:
    """Return a schedule of five cron fields, which comes due some day."""
    if not isinstance(value, str):
        return value
    from croniter import CroniterError, croniter

    five = len(value.split()) == 5 and not _RANDOM_CRON.search(value)
    if not five or not croniter.is_valid(value):
        raise refuse(
            f"{value!r} is not a cron schedule",
            fix='Write five fields: minute, hour, day, month, weekday, such as "0 2 * * *".',
        )
    try:
        croniter(value).get_next()
    except CroniterError as error:
        raise refuse(f"{value!r} is never due", fix="Check its day and its month.") from error
    return value


def parse_timezone(value: object) -> object:
    """Return an IANA time zone, as it is written there."""
    from zoneinfo import ZoneInfo, available_timezones

    if not isinstance(value, str):
        return value
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError) as error:
        from difflib import get_close_matches

        near = get_close_matches(value, available_timezones(), n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        fix = f"{hint}Write an IANA name such as Europe/Berlin, or UTC."
        raise refuse(f"the time zone {value!r} is not known", fix=fix) from error
    return value


def parse_secret_source(value: object) -> object:
    """Return where a secret comes from; never repeats what was written, it could be the secret."""
    if not isinstance(value, str) or not SECRET_SOURCE.fullmatch(value):
        raise refuse(
            "this is not where a secret comes from; a secret itself never stands in a file",
            fix=f"Write one of: {', '.join(SECRET_SOURCES)}.",
        )
    return value


def parse_store(value: object) -> object:
    """Return where a new value of a secret goes."""
    if isinstance(value, str) and value != SOURCE and not STORE.fullmatch(value):
        fix = f"Write `{SOURCE}`, for where it comes from, or command:WORDS, which gets it."
        raise refuse("this is not where a new value can go", fix=fix)
    return value


class OrEmpty:
    """Takes a key with nothing after it for an empty mapping, as editors are told too."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return the schema of the mapping, after nothing became an empty one."""
        return core_schema.no_info_before_validator_function(
            lambda value: {} if value is None else value, handler(source)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON Schema of the mapping, or of nothing."""
        return {"anyOf": [handler(schema), {"type": "null"}]}


_SECONDS = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$", "minLength": 2},
            {"type": "number", "minimum": 0},
        ]
    }
)
_COLUMNS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}

Seconds: TypeAlias = Annotated[float, BeforeValidator(parse_duration), _SECONDS]
PositiveSeconds: TypeAlias = Annotated[float, BeforeValidator(parse_positive_duration), _SECONDS]
Bytes: TypeAlias = Annotated[
    int,
    BeforeValidator(parse_bytes),
    Field(ge=0),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9.]+ ?[kKMGT]?i?B$"},
                {"type": "integer", "minimum": 0},
            ]
        }
    ),
]
Columns: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(parse_columns),
    WithJsonSchema({"anyOf": [{"type": "string"}, _COLUMNS]}),
]
Name: TypeAlias = Annotated[
    str,
    BeforeValidator(parse_name),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"}),
]
ConnectorNames: TypeAlias = Annotated[
    tuple[str, ...],
    BeforeValidator(parse_connector_names),
    WithJsonSchema(_NAMES),
]
FormerNames: TypeAlias = Annotated[
    tuple[Name, ...],
    BeforeValidator(parse_former_names),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": f"^{NAME.pattern}$"}, _NAMES]}),
]
SecretName: TypeAlias = Annotated[
    str,
    BeforeValidator(parse_secret_name),
    WithJsonSchema({"type": "string", "pattern": f"^{SECRET_NAME.pattern}$"}),
]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
FormerStreams: TypeAlias = Annotated[
    tuple[Text, ...],
    BeforeValidator(parse_former_names),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, _NAMES]}),
]
Cron: TypeAlias = Annotated[str, BeforeValidator(parse_cron)]
Timezone: TypeAlias = Annotated[str, BeforeValidator(parse_timezone)]
SecretSource: TypeAlias = Annotated[
    str,
    BeforeValidator(parse_secret_source),
    WithJsonSchema({"type": "string", "pattern": f"^({SECRET_SOURCE.pattern})$"}),
]
Store: TypeAlias = Annotated[
    str,
    BeforeValidator(parse_store),
    WithJsonSchema({"type": "string", "pattern": f"^({STORE.pattern})$"}),
]
