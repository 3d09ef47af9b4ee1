"""``locks/NAME.json``: the committed structure of a connector's streams, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from connector_assets.errors import ConfigError
from connector_assets.files import replace_file
from connector_assets.naming import follow_name

FOLDER = "locks"
VERSION = 1
_KINDS = {str: "text", bool: "true or false", dict: "an object", list: "a list"}
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedColumn:
    """A column's type, by its name in the destination, and whether it may be NULL.

    ``fields`` are those of a nested value that stays in one column as JSON: of an object by their
    names, of an array's items under ``[]``. ``description`` is what the source said of it when the
    lock was written: columns that differ only in it are equal.
    """

    type: str
    nullable: bool = True
    fields: Mapping[str, LockedColumn] = field(default_factory=dict)
    description: str = field(default="", compare=False)


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


def one_line(text: object) -> str:
    """Return a source's description of a column as a lock has it; empty for what is no text."""
    return " ".join(text.split()) if isinstance(text, str) else ""


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
        lock = _parse(json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_unique))
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = f"the lock cannot be read: {error.strerror}"
        raise _refuse(problem, place=place, name=connector) from error
    except json.JSONDecodeError as error:
        place, problem = f"{place}:{error.lineno}", f"the lock is not valid JSON: {error.msg}"
        raise _refuse(problem, place=place, name=connector) from error
    except (ValueError, RecursionError) as error:
        raise _refuse(f"the lock cannot be used: {error}", place=place, name=connector) from error
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
    replace_file(path, text)
    return path


def follow_streams(lock: Lock, *, renamed: Mapping[str, str], declared: Collection[str]) -> Lock:
    """Return a lock in which streams, and their child tables, have the names that they have now.

    ``renamed`` has the new name of each. What stands in the lock by its new name, or is a declared
    stream, stays.
    """
    streams = dict(lock.streams)
    for old in lock.streams:
        new = follow_name(old, renamed=renamed, declared=declared)
        if new not in streams:
            streams[new] = streams.pop(old)
    return replace(lock, streams=streams)


def render_lock(lock: Lock, *, told: bool = True) -> dict[str, Any]:
    """Return a lock as JSON values; with what the source told of its columns, or without."""
    streams = {name: render_stream(stream, told=told) for name, stream in lock.streams.items()}
    return {"version": VERSION, "connector": lock.connector, "streams": streams}


def render_stream(stream: LockedStream, *, told: bool = True) -> dict[str, Any]:
    """Return a stream's structure as JSON values, its columns in order."""
    return {
        "columns": {
            name: render_column(one, told=told) for name, one in sorted(stream.columns.items())
        },
        "primary_key": list(stream.primary_key),
        "cursor": stream.cursor or None,
    }


def render_column(column: LockedColumn, *, told: bool = True) -> dict[str, Any]:
    """Return a column as JSON values; ``fields`` and ``description`` only where it has some."""
    shown: dict[str, Any] = {"type": column.type, "nullable": column.nullable}
    if column.description and told:
        shown["description"] = column.description
    if column.fields:
        shown["fields"] = {
            name: render_column(one, told=told) for name, one in column.fields.items()
        }
    return shown


def parse_column(record: Any, *, of: str = "column") -> LockedColumn:
    """Return the column that :func:`render_column` rendered; ``of`` is what errors call it.

    Raises:
        ValueError: It lacks something, or has it in another form.
    """
    content = {"fields": {}, "description": "", **_expect(record, dict, of=of)}
    _check_keys(content, {"type", "nullable", "fields", "description"}, of=of)
    return LockedColumn(
        type=_expect(record["type"], str, of=f"{of}.type"),
        nullable=_expect(record["nullable"], bool, of=f"{of}.nullable"),
        fields={
            name: parse_column(one, of=f"{of}.{name}")
            for name, one in _expect(content["fields"], dict, of=f"{of}.fields").items()
        },
        description=_expect(content["description"], str, of=f"{of}.description"),
    )


def lock_hash(lock: Lock | None) -> str:
    """Return the SHA-256 of a lock's structure, whatever its order; empty without a lock."""
    if lock is None:
        return ""
    text = json.dumps(render_lock(lock, told=False), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        # What a merge of two branches leaves; JSON itself would take the last.
        raise ValueError("a key stands in it twice")
    return record


def _parse(record: Any) -> Lock:
    """Return the lock in JSON values; a ValueError says what it lacks, or has in another form."""
    version = record.get("version") if isinstance(record, dict) else None
    if version is True or version != VERSION:
        raise ValueError(f"its version is {version!r}; this installation knows {VERSION}")
    _check_keys(record, {"version", "connector", "streams"}, of="the lock")
    streams = _expect(record["streams"], dict, of="streams")
    return Lock(
        connector=_expect(record["connector"], str, of="connector"),
        streams={name: parse_stream(one, of=name) for name, one in streams.items()},
    )


def parse_stream(record: Any, *, of: str = "stream") -> LockedStream:
    """Return the structure that :func:`render_stream` rendered; ``of`` is what errors call it.

    Raises:
        ValueError: It lacks something, or has it in another form.
    """
    _check_keys(record, {"columns", "primary_key", "cursor"}, of=of)
    columns = _expect(record["columns"], dict, of=f"{of}.columns")
    key = _expect(record["primary_key"], list, of=f"{of}.primary_key")
    cursor = record["cursor"]
    return LockedStream(
        columns={name: parse_column(one, of=f"{of}.{name}") for name, one in columns.items()},
        primary_key=tuple(_expect(column, str, of=f"{of}.primary_key") for column in key),
        cursor="" if cursor is None else _expect(cursor, str, of=f"{of}.cursor"),
    )


def _check_keys(record: Any, keys: set[str], *, of: str) -> None:
    found = set(_expect(record, dict, of=of))
    if found != keys:
        unlike = ", ".join(sorted(map(repr, found ^ keys)))
        raise ValueError(f"{of} lacks a key, or has one too many: {unlike}")


def _expect(value: Any, kind: type[_Value], *, of: str) -> _Value:
    if not isinstance(value, kind):
        raise ValueError(f"`{of}` is not {_KINDS[kind]}")
    return value


def _refuse(problem: str, *, place: str, name: str) -> ConfigError:
    fix = f"Restore it from version control, or write it anew: connectors discover {name} --lock"
    return ConfigError(problem, place=place, fix=fix, connector=name)
