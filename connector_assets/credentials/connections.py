"""Secrets that are a part of an Airflow connection: ``airflow-connection:ID.FIELD``.

A connection is read from the variable that Airflow itself reads first, ``AIRFLOW_CONN_ID``, as a
URL or as JSON. In a task, the bridge puts in there what Airflow finds elsewhere: in a secrets
backend, in its database. The forms are those of Airflow's "Managing Connections".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from connector_assets.credentials.commands import MissingError

KIND = "airflow-connection"
FIELDS = ("login", "password", "host", "port", "schema")
#: Without a dot in an id: what follows it is the field.
WORDS = re.compile(
    rf"(?P<id>[A-Za-z0-9_-]+)(?:\.(?P<field>{'|'.join(FIELDS)}|extra\.(?P<extra>[A-Za-z0-9_.-]+)))?"
)
_VARIABLE = "AIRFLOW_CONN_"
_EXTRA = "__extra__"


def connection_variable(connection_id: str) -> str:
    """Return the variable that Airflow looks for a connection in."""
    return f"{_VARIABLE}{connection_id.upper()}"


def list_connections(sources: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of the connections that sources of secrets name, sorted."""
    words = (source.partition(":") for source in sources)
    found = (WORDS.fullmatch(where) for kind, _, where in words if kind == KIND)
    return tuple(sorted({one["id"] for one in found if one}))


def render_connection(connection: Any) -> str:
    """Return a connection, with Airflow's attributes, as the JSON that the variable can have."""
    record = {name: getattr(connection, name, None) for name in ("conn_type", *FIELDS)}
    extra = getattr(connection, "extra", None)
    return json.dumps({**record, **({"extra": extra} if extra else {})})


def read_field(where: str, *, text: str) -> str:
    """Return a part of a connection: ``ID.FIELD`` of the variable's ``text``, else its password.

    Raises:
        MissingError: It has no such part, or is no connection.
    """
    words = WORDS.fullmatch(where)
    if words is None:
        fix = f"Write {KIND}:ID.password, or another field: {', '.join(FIELDS)}, extra.NAME."
        raise MissingError("this names no connection and field", fix=fix)
    try:
        parts = _parse_json(text) if text.lstrip().startswith("{") else _parse_url(text)
    except (ValueError, AttributeError):
        # from None: the cause can hold the connection.
        fix = "Write it as a URL or as JSON, as Airflow takes it."
        raise MissingError("the connection cannot be read", fix=fix) from None
    field = words["field"] or "password"
    value = parts["extra"].get(words["extra"]) if words["extra"] else parts[field]
    if value is None or value == "":
        fix = f"Fill it in at the connection {words['id']!r}, or name another field."
        raise MissingError(f"the connection has no {field}", fix=fix)
    return value if isinstance(value, str) else json.dumps(value)


def _parse_json(text: str) -> dict[str, Any]:
    record = json.loads(text)
    return {**{name: record.get(name) for name in FIELDS}, "extra": _parse_extra(record)}


def _parse_extra(record: Mapping[str, Any]) -> dict[str, Any]:
    extra = record.get("extra") or {}
    found = json.loads(extra) if isinstance(extra, str) else extra
    return found if isinstance(found, dict) else {}


def _parse_url(text: str) -> dict[str, Any]:
    parts = urlsplit(text)
    if not parts.scheme:
        raise ValueError
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra = _parse_extra({"extra": query[_EXTRA]}) if _EXTRA in query else query
    # The host that is there, without urlsplit's lower case.
    host = parts.netloc.rpartition("@")[2]
    host = re.sub(r":[0-9]*$", "", host)
    return {
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "host": unquote(host),
        "port": parts.port,
        "schema": unquote(parts.path.removeprefix("/")),
        "extra": extra,
    }
