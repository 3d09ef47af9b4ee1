"""What of a project has a version, and how that stands to this installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from connector_assets.credentials.sources import resolve_secrets
from connector_assets.errors import ConnectorError
from connector_assets.ledger.upgrade import LedgerRevision
from connector_assets.lock import FOLDER as LOCKS
from connector_assets.lock import VERSION as LOCK_VERSION
from connector_assets.model import Destination
from connector_assets.project import Project
from connector_assets.project_file import FILE
from connector_assets.project_upgrade import ProjectUpgrade

_BACK_UP = "back it up first (pg_dump); "


class Age(StrEnum):
    """How a version stands to that of this installation."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    ABSENT = "absent"  # not there yet
    UNKNOWN = "unknown"  # it could not be looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Versioned:
    """One thing that has a version: the one found, the one known here, and what will be done."""

    name: str
    found: str
    known: str
    age: Age
    action: str = ""


def describe_project(plan: ProjectUpgrade) -> Versioned:
    """Return how the project's files stand."""
    files = ", ".join(one.file.as_posix() for one in plan.files)
    return Versioned(
        name=FILE,
        found="none" if plan.found is None else str(plan.found),
        known=str(plan.known),
        age=Age.OLDER if plan.files else Age.CURRENT,
        action=f"changed: {files}" if plan.files else "",
    )


def describe_ledger(ledger: LedgerRevision) -> Versioned:
    """Return how a ledger stands that can be opened here."""
    if ledger.found is None:
        age, action = Age.ABSENT, "made when it is used first"
    elif ledger.found == ledger.known:
        age, action = Age.CURRENT, ""
    else:
        age = Age.OLDER
        copied = f"copied to {ledger.file.name}.before-{ledger.known}, then " if ledger.file else ""
        action = f"{copied or _BACK_UP}migrated in one transaction"
    return Versioned(
        name=f"ledger {ledger.place}",
        found=ledger.found or "none",
        known=ledger.known,
        age=age,
        action=action,
    )


def describe_locks(project: Project) -> Iterator[Versioned]:
    """Yield how the locks stand: those of this installation's version together, others each."""
    files = sorted((project.root / LOCKS).glob("*.json"))
    current = 0
    for file in files:
        version = _read_version(file)
        if version == LOCK_VERSION:
            current += 1
        else:
            yield _describe_lock(file, version)
    name = f"{current} lock{'' if current == 1 else 's'}"
    if current:
        found = str(LOCK_VERSION)
        yield Versioned(name=name, found=found, known=found, age=Age.CURRENT)


def describe_destinations(project: Project) -> Iterator[Versioned]:
    """Yield how the versions of dlt's schemas in the destinations stand; they are opened to read.

    One that cannot be looked at keeps nothing from being upgraded.
    """
    from connector_assets.destinations.connect import is_new
    from connector_assets.destinations.engine_version import KNOWN

    for destination in project.destinations.values():
        name = f"destination {destination.name}"
        if is_new(destination):
            action = "made by the first sync"
            yield Versioned(
                name=name, found="none", known=str(KNOWN), age=Age.ABSENT, action=action
            )
            continue
        try:
            yield _describe_destination(project, destination, known=KNOWN)
        except ConnectorError as error:
            yield Versioned(
                name=name, found="?", known=str(KNOWN), age=Age.UNKNOWN, action=error.problem
            )


def _describe_lock(file: Path, version: object) -> Versioned:
    newer = isinstance(version, int) and version > LOCK_VERSION
    action = f"write it anew: connectors discover {file.stem} --lock"
    return Versioned(
        name=f"{LOCKS}/{file.name}",
        found="?" if version is None else str(version),
        known=str(LOCK_VERSION),
        age=Age.NEWER if newer else Age.UNKNOWN,
        action="a newer connector-assets wrote it: install that" if newer else action,
    )


def _read_version(file: Path) -> object:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    return content.get("version") if isinstance(content, dict) else None


def _describe_destination(project: Project, destination: Destination, *, known: int) -> Versioned:
    from connector_assets.destinations.engine_version import fetch_engine_version

    name = f"destination {destination.name}"
    secrets = resolve_secrets(destination.secrets, of=name, root=project.root)
    found = fetch_engine_version(destination, secrets=secrets)
    if found is None:
        age, action = Age.ABSENT, "made by the first sync"
    elif found == known:
        age, action = Age.CURRENT, ""
    elif found < known:
        age, action = Age.OLDER, "dlt brings its schemas up to date with the next load"
    else:
        age, action = Age.NEWER, "a newer dlt wrote it: install that"
    return Versioned(
        name=f"{name}, dlt's schemas",
        found="none" if found is None else str(found),
        known=str(known),
        age=age,
        action=action,
    )
