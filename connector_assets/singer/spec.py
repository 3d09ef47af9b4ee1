"""The stage file: what the run step asks ``connector-target`` to stage, and where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector_assets.commit import Commit
from connector_assets.errors import ConfigError
from connector_assets.model import (
    DestinationKind,
    NaiveTimes,
    OldVersions,
    Stream,
    WriteDisposition,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """What to stage, as the run step wrote it; paths are absolute, nothing in it is secret.

    ``pipelines_dir`` is the working directory that the run step restored into. With ``commit``
    what is cut off goes below ``checkpoints``, numbered from 1: ``staged``, and at last
    ``manifest.json``.
    """

    connector: str
    dataset: str
    kind: DestinationKind
    pipelines_dir: Path
    manifest: Path
    progress: Path | None
    streams: tuple[Stream, ...]
    commit: Commit | None = None
    checkpoints: Path = Path()

    def resolve(self, name: str, _: tuple[str, ...]) -> Stream:
        """Return the stream called ``name``.

        Raises:
            ConfigError: The connector does not have it.
        """
        for stream in self.streams:
            if stream.name == name:
                return stream
        raise ConfigError(
            f"the tap sent stream {name!r}, which the connector does not have",
            connector=self.connector,
            stream=name,
            fix=f"Add it to `streams:` of connector {self.connector!r}, or deselect it in the tap.",
        )


def load_spec(path: Path) -> StageSpec:
    """Read a stage file.

    Raises:
        ConfigError: It is missing or lacks a key; only the run step writes these.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        progress = raw.get("progress")
        return StageSpec(
            connector=raw["connector"],
            dataset=raw["dataset"],
            kind=DestinationKind(raw["destination"]),
            pipelines_dir=Path(raw["pipelines_dir"]),
            manifest=Path(raw["manifest"]),
            progress=Path(progress) if progress else None,
            streams=tuple(_parse_stream(entry) for entry in raw["streams"]),
            commit=Commit(**commit) if (commit := raw.get("commit")) else None,
            checkpoints=Path(raw.get("checkpoints") or ""),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the stage file cannot be used: {type(error).__name__}: {error}",
            place=str(path),
            fix="It is written by the run step: run `connectors sync` instead.",
        ) from error


def _parse_stream(entry: Mapping[str, Any]) -> Stream:
    return Stream(
        name=entry["name"],
        table=entry["table"],
        write=WriteDisposition(entry["write"]),
        primary_key=tuple(entry.get("primary_key") or ()),
        cursor=entry.get("cursor") or "",
        naive_times=NaiveTimes(naive) if (naive := entry.get("naive_times")) else None,
        old_versions=OldVersions(old) if (old := entry.get("old_versions")) else None,
    )
