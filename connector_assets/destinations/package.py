"""A staged package: what an engine produced, sealed on disk, not yet in the destination."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from connector_assets.model import OldVersions, WriteDisposition


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedStream:
    """One stream of a package: rows emitted and staged, and how its table is written.

    ``version`` is what a tap activated: rows of older ones become what ``old_versions`` says.
    """

    stream: str
    table: str
    write: WriteDisposition
    primary_key: tuple[str, ...] = ()
    emitted: int | None = None
    staged: int = 0
    version: int | None = None
    old_versions: OldVersions = OldVersions.MARK


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A sealed staged package; ``folder`` is the dlt working directory, never loaded itself.

    ``base_version`` is the state that it was staged from, ``state_version`` the one that it
    brings: the next, or a higher one where the ledger has seen higher ones. ``batch`` is what the
    audit gate judges, as JSON values. ``emptied`` are the tables of a full refresh: what they hold
    goes in the transaction that loads the package. ``formerly`` is another name that the connector
    has in the destination until then, ``renamed`` are tables, each with its new name.
    """

    package_id: str
    sync_id: str
    connector: str
    dataset: str
    folder: Path
    base_version: int
    state_version: int
    streams: tuple[StagedStream, ...]
    batch: Mapping[str, Any] = field(default_factory=dict)
    emptied: tuple[str, ...] = ()
    formerly: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)


def name_checkpoint(package_id: str, number: int) -> str:
    """Return the id of a checkpoint's package: nothing else tells of it where it was loaded."""
    return f"{package_id}.{number}"


def is_checkpoint(package_id: str) -> bool:
    """Tell whether a package is a checkpoint: more of its sync is to come."""
    return "." in package_id


def as_whole(package: Package) -> Package:
    """Return a package as one that nothing of its sync comes after: a checkpoint that is held."""
    return replace(package, package_id=package.package_id.replace(".", "-"))


def count_staged(packages: Sequence[Package]) -> list[dict[str, Any]]:
    """Return the rows emitted and staged of each stream in all packages of a sync together."""
    counts: dict[str, dict[str, Any]] = {}
    for stream in (stream for package in packages for stream in package.streams):
        found = counts.setdefault(stream.stream, {"stream": stream.stream})
        found["emitted"] = add_known(found.get("emitted", 0), stream.emitted)
        found["staged"] = found.get("staged", 0) + stream.staged
    return list(counts.values())


def add_known(one: int | None, other: int | None) -> int | None:
    """Return a sum, None where one of the two is not known."""
    return None if one is None or other is None else one + other


def seal_package(package: Package, *, file: Path) -> None:
    """Write a package's record, which is what makes it count: in one step, on disk for sure."""
    content = asdict(package) | {"folder": package.folder.name}
    beside = file.with_suffix(".part")
    with beside.open("w", encoding="utf-8") as opened:
        json.dump(content, opened)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(file)


def find_package(file: Path) -> Package | None:
    """Return the package that was sealed at ``file``; None where none was."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    folder = file.with_name(content.pop("folder"))
    streams = tuple(_parse_stream(each) for each in content.pop("streams"))
    emptied = tuple(content.pop("emptied", ()))
    return Package(**content, folder=folder, streams=streams, emptied=emptied)


def _parse_stream(content: Mapping[str, Any]) -> StagedStream:
    return StagedStream(
        stream=content["stream"],
        table=content["table"],
        write=WriteDisposition(content["write"]),
        primary_key=tuple(content["primary_key"]),
        emitted=content["emitted"],
        staged=content["staged"],
        version=content["version"],
        old_versions=OldVersions(content["old_versions"]),
    )
