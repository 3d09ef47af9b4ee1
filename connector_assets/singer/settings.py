"""The configuration of ``connector-target --config FILE``, read and checked.

It is JSON: ``destination`` (``duckdb:///x.duckdb``, or ``ducklake:`` and a catalog
URL, with ``data_path``), ``dataset``, and optionally ``default_write``, ``old_versions`` and
``streams``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector_assets.errors import ConfigError
from connector_assets.model import (
    Destination,
    DestinationKind,
    OldVersions,
    Stream,
    WriteDisposition,
)

#: The destination's name as a catalog, and the connector's in the load records.
NAME = "connector_target"
_KEYS = ("destination", "dataset", "data_path", "default_write", "old_versions", "streams")
_STREAM_KEYS = ("write", "primary_key", "table", "old_versions")
_LOCAL = ("duckdb:///", "sqlite:///")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A standalone configuration; ``streams`` holds overrides by stream name."""

    destination: Destination
    dataset: str
    default_write: WriteDisposition
    old_versions: OldVersions = OldVersions.MARK
    streams: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def resolve(
        self, name: str, key_properties: tuple[str, ...], *, normalize: Callable[[str], str]
    ) -> Stream:
        """Return how stream ``name`` is loaded; merge needs a key, so without one it is append."""
        override = self.streams.get(name, {})
        key = _as_names(override.get("primary_key"))
        write = self.default_write
        if write is WriteDisposition.MERGE and not (key or key_properties):
            write = WriteDisposition.APPEND
        return Stream(
            name=name,
            table=override.get("table") or normalize(name),
            write=WriteDisposition(override.get("write", write)),
            primary_key=key,
            old_versions=OldVersions(override.get("old_versions", self.old_versions)),
        )


def load_config(path: Path) -> Settings:
    """Read a configuration; relative paths in it are relative to its folder.

    Raises:
        ConfigError: It is missing, no JSON object, or has a key or value that is not known.
    """
    place = str(path)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"the configuration cannot be read: {error}", place=place) from error
    if not isinstance(raw, dict):
        raise ConfigError("the configuration is not a JSON object", place=place)
    _check_names(raw, valid=_KEYS, place=place)
    for key in ("destination", "dataset"):
        if not isinstance(raw.get(key), str) or not raw[key]:
            raise ConfigError(f"`{key}` is missing", place=place, fix=_example(key))
    streams = raw.get("streams") or {}
    if not isinstance(streams, dict):
        raise ConfigError("`streams` is not an object of stream names", place=place)
    for name, override in streams.items():
        _check_names(override, valid=_STREAM_KEYS, place=f"{place}: streams.{name}")
        _parse_write(override.get("write", "append"), place=f"{place}: streams.{name}.write")
        _parse_versions(override.get("old_versions", "mark"), place=f"{place}: streams.{name}")
    return Settings(
        destination=parse_destination(
            raw["destination"], data_path=raw.get("data_path") or "", config=path
        ),
        dataset=raw["dataset"],
        default_write=_parse_write(
            raw.get("default_write", "merge"), place=f"{place}: default_write"
        ),
        old_versions=_parse_versions(raw.get("old_versions", "mark"), place=place),
        streams=streams,
    )


def parse_destination(text: str, *, data_path: str, config: Path) -> Destination:
    """Return the destination that ``text`` names, its local paths made absolute.

    Raises:
        ConfigError: It is neither a DuckDB file nor a DuckLake.
    """
    folder = config.absolute().parent
    if text.startswith("duckdb:///"):
        path = folder / text.removeprefix("duckdb:///")
        return Destination(name=NAME, kind=DestinationKind.DUCKDB, path=str(path))
    if text.startswith("ducklake:"):
        if not data_path:
            raise ConfigError(
                "a DuckLake needs `data_path`", place=str(config), fix='"data_path": "lake_files"'
            )
        return Destination(
            name=NAME,
            kind=DestinationKind.DUCKLAKE,
            catalog=_absolute_catalog(text.removeprefix("ducklake:"), folder=folder),
            data_path=data_path if "://" in data_path else str(folder / data_path),
        )
    raise ConfigError(
        "`destination` is neither a DuckDB file nor a DuckLake",
        place=str(config),
        fix=_example("destination"),
    )


def _absolute_catalog(url: str, *, folder: Path) -> str:
    for prefix in _LOCAL:
        if url.startswith(prefix):
            return f"{prefix}{folder / url.removeprefix(prefix)}"
    return url


def _check_names(raw: Any, *, valid: tuple[str, ...], place: str) -> None:
    if not isinstance(raw, dict):
        raise ConfigError("it is not a JSON object", place=place)
    for key in raw:
        if key not in valid:
            raise ConfigError(f"unknown key {key!r}", place=place, valid=valid, value=key)


def _parse_write(value: Any, *, place: str) -> WriteDisposition:
    try:
        return WriteDisposition(value)
    except ValueError as error:
        raise ConfigError(
            f"{value!r} is no write disposition",
            place=place,
            valid=[str(each) for each in WriteDisposition],
            value=str(value),
        ) from error


def _parse_versions(value: Any, *, place: str) -> OldVersions:
    try:
        return OldVersions(value)
    except ValueError as error:
        raise ConfigError(
            f"{value!r} is nothing that `old_versions` can say",
            place=place,
            valid=[str(each) for each in OldVersions],
            value=str(value),
        ) from error


def _as_names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _example(key: str) -> str:
    examples = {
        "destination": '"destination": "duckdb:///x.duckdb", or "ducklake:sqlite:///cat.sqlite".',
        "dataset": '"dataset": "shop" (the schema that the tables are in).',
    }
    return f"Write it like {examples[key]}"
