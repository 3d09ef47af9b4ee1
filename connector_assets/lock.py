"""``locks/NAME.json``: the committed structure of a connector's streams, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector_assets.errors import ConfigError

FOLDER = "locks"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedColumn:
    """A column's type, by its name in the destination, and whether it may be NULL."""

    type: str
    nullable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedStream:
    """A stream's columns by name, its primary key, and its cursor (empty: none)."""

    columns: Mapping[str, LockedColumn] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """The reviewed structure of a connector: its streams by name."""

    connector: str
    streams: Mapping[str, LockedStream] = field(default_factory=dict)


def lock_path(connector: str, *, root: Path) -> Path:
    """Return where a connector's lock stands in the project at ``root``."""
    return root / FOLDER / f"{connector}.json"


def load_lock(connector: str, *, root: Path) -> Lock | None:
    """Read a connector's lock; None where it has none.

    Raises:
        ConfigError: The file is not a lock of this connector, or of a newer version.
    """
    path = lock_path(connector, root=root)
    place = f"{FOLDER}/{path.name}"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _refuse(f"the lock cannot be read: {error}", place=place, name=connector) from error
    version = record.get("version") if isinstance(record, dict) else None
    if version != VERSION:
        problem = f"the lock has version {version!r}; this installation knows {VERSION}"
        raise _refuse(problem, place=place, name=connector)
    try:
        lock = _parse(record)
    except (KeyError, TypeError, AttributeError) as error:
        problem = f"the lock lacks something, or holds it in another form: {error}"
        raise _refuse(problem, place=place, name=connector) from error
    if lock.connector != connector:
        problem = f"the lock is one of the connector {lock.connector!r}"
        raise _refuse(problem, place=place, name=connector)
    return lock


def save_lock(lock: Lock, *, root: Path) -> Path:
    """Write a connector's lock and return its path; the same lock gives the same bytes.

    The file is replaced as a whole: a reader sees the old one or the new one.
    """
    path = lock_path(lock.connector, root=root)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(render_lock(lock), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp gives a file to its owner alone; this one is committed and shared.
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def render_lock(lock: Lock) -> dict[str, Any]:
    """Return a lock as JSON values."""
    streams = {
        name: {
            "columns": {
                column: {"type": one.type, "nullable": one.nullable}
                for column, one in stream.columns.items()
            },
            "primary_key": list(stream.primary_key),
            "cursor": stream.cursor or None,
        }
        for name, stream in lock.streams.items()
    }
    return {"version": VERSION, "connector": lock.connector, "streams": streams}


def lock_hash(lock: Lock | None) -> str:
    """Return the SHA-256 of a lock's content, whatever its order; empty without a lock."""
    if lock is None:
        return ""
    text = json.dumps(render_lock(lock), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _parse(record: Mapping[str, Any]) -> Lock:
    streams = {
        name: LockedStream(
            columns={
                column: LockedColumn(type=str(one["type"]), nullable=bool(one["nullable"]))
                for column, one in stream["columns"].items()
            },
            primary_key=tuple(stream.get("primary_key") or ()),
            cursor=stream.get("cursor") or "",
        )
        for name, stream in record["streams"].items()
    }
    return Lock(connector=record["connector"], streams=streams)


def _refuse(problem: str, *, place: str, name: str) -> ConfigError:
    fix = f"Restore it from version control, or write it anew: connectors discover {name} --lock"
    return ConfigError(problem, place=place, fix=fix, connector=name)
