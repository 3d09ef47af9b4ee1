"""The source systems that connectors read: one name for the same system, and no secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from connector_assets.credentials.references import find_references
from connector_assets.model import PYTHON_SOURCES, Connector, Engine

#: Where in its config a dlt source says which system it reads.
_ADDRESSES = {
    "rest_api": ("client", "base_url"),
    "sql_database": ("credentials",),
    "filesystem": ("bucket_url",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A source system: its name in parts, what kind of thing it is, and where it is."""

    path: tuple[str, ...]
    kind: str
    place: str = ""


def find_system(connector: Connector) -> System:
    """Return the system that a connector reads; connectors of one system get the same one.

    Where its address is a secret, or is not known, it is the connector's own.
    """
    if connector.engine is Engine.MELTANO:
        return System(path=(connector.source,), kind=connector.source.removeprefix("tap-"))
    if connector.source_kind in PYTHON_SOURCES:
        module = connector.source.split(":")[1]
        return System(path=("python", module), kind="python", place=connector.source)
    address = _find_address(connector)
    if not address or any(find_references(address)):
        return System(path=(connector.source, connector.name), kind=connector.source)
    return _parse_address(connector.source, address)


def _find_address(connector: Connector) -> str:
    found: Any = connector.config
    for key in _ADDRESSES.get(connector.source, ("",)):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""


def _parse_address(source: str, address: str) -> System:
    parts = urlsplit(address)
    kind = parts.scheme.partition("+")[0] if source == "sql_database" else source
    try:
        host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        host = ""
    path = PurePosixPath(parts.path)
    # Of a database its name counts, of an API only the host, of files all of the path.
    ends = {"sql_database": (path.name,), "filesystem": path.parts[1:]}.get(source, ())
    names = tuple(name for name in (kind, host, *ends) if name)
    place = f"{parts.scheme}://{host}{parts.path}" if parts.scheme else address
    return System(path=names, kind=kind, place=place)
