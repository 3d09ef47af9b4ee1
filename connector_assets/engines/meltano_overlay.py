"""The overlay: a Meltano project of a connector's own, laid over the user's, which stays untouched.

Everything of the user's project is reachable in it (by links), ``meltano.yml`` is included as it
stands, and installed plugins are shared. Configuration files with secrets, which Meltano writes
while it runs, lie in the overlay, and are removed before and after each run.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from connector_assets.engines.meltano_plugin import LOADER
from connector_assets.engines.meltano_project import (
    MELTANO_FILE,
    MeltanoProject,
    read_text_for_include,
)
from connector_assets.errors import TransientSyncError

_OWN = {MELTANO_FILE, ".meltano", ".connectors", "logging.yaml", "logging.yml", "included", "bin"}
_SHARED = ("extractors", "mappers", "utilities")
# Where Meltano leaves configuration, job logs and states.
_LEFT_BEHIND = ("run", "logs", "state")
_PACKAGE_PARENT = Path(__file__).parents[2]
# Without the caller's Python variables and the working folder, and with whatever else this process
# finds modules in at the end: a file of a project must not hide a module of Python's or ours.
_TARGET = """#!/bin/sh
exec {python} -E -P -c {program} "$@"
"""
_PROGRAM = """
import sys
sys.path.extend(folder for folder in {folders} if folder not in sys.path)
from connector_assets.singer.target import main
sys.exit(main())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """Where the overlay is, and what is added to the user's project in it.

    ``environment`` is declared there unless the project has one of that name; without ``extractor``
    those of the project are all there are. ``programs`` are the texts of more programs, by name.
    """

    folder: Path
    project: MeltanoProject
    environment: str
    extractor: Mapping[str, Any] = field(default_factory=dict)
    programs: Mapping[str, str] = field(default_factory=dict)

    @property
    def system(self) -> Path:
        """The overlay's own ``.meltano``."""
        return self.folder / ".meltano"


@contextmanager
def open_overlay(overlay: Overlay, *, wait: float) -> Iterator[Path]:
    """Write the overlay and yield its folder; nobody else has it meanwhile.

    Raises:
        TransientSyncError: Another process still had it after ``wait`` seconds.
    """
    overlay.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _lock(overlay.folder, wait=wait)
    try:
        lock.acquire()
    except Timeout as error:
        raise TransientSyncError(
            "another process is running Meltano for this connector",
            place=str(overlay.folder),
            fix="Try again when it has ended.",
        ) from error
    try:
        _clean(overlay.system)
        clean_overlays(overlay.folder.parent)
        _write_overlay(overlay)
        yield overlay.folder
    finally:
        _clean(overlay.system)
        lock.release()


def clean_overlays(folder: Path) -> None:
    """Remove what killed runs left in the overlays of ``folder``; those in use stay as they are.

    Meltano's configuration files hold secrets, and after a kill nobody else removes them.
    """
    for system in folder.glob("*/.meltano"):
        if any((system / name).exists() for name in _LEFT_BEHIND):
            with lock_overlay(system.parent) as ours:
                if ours:
                    _clean(system)


@contextmanager
def lock_overlay(folder: Path) -> Iterator[bool]:
    """Take an overlay without waiting; yield whether it is ours."""
    lock = _lock(folder, wait=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _lock(folder: Path, *, wait: float) -> FileLock:
    return FileLock(folder.with_name(f"{folder.name}.lock"), timeout=wait)


def _clean(system: Path) -> None:
    for name in _LEFT_BEHIND:
        shutil.rmtree(system / name, ignore_errors=True)


def _write_overlay(overlay: Overlay) -> None:
    overlay.system.mkdir(mode=0o700, exist_ok=True)
    _link_project(overlay)
    _link_installed(overlay)
    _include_files(overlay)
    target = _write_programs(overlay)
    # JSON is YAML, and means the same to every YAML reader.
    document = json.dumps(
        _build_document(overlay, target=target), ensure_ascii=False, indent=1, default=_to_text
    )
    (overlay.folder / MELTANO_FILE).write_text(document, encoding="utf-8")


def _write_programs(overlay: Overlay) -> Path:
    folders = [str(_PACKAGE_PARENT), *filter(os.path.isabs, sys.path)]
    program = _PROGRAM.format(
        folders=[each for each in folders if each != str(overlay.project.root)]
    )
    text = _TARGET.format(python=shlex.quote(sys.executable), program=shlex.quote(program))
    (overlay.folder / "bin").mkdir(exist_ok=True)
    for name, each in {**overlay.programs, LOADER: text}.items():
        file = overlay.folder / "bin" / name
        file.write_text(each, encoding="utf-8")
        file.chmod(0o755)
    return overlay.folder / "bin" / LOADER


def _build_document(overlay: Overlay, *, target: Path) -> dict[str, Any]:
    known = overlay.environment in overlay.project.environments
    loader = {"name": LOADER, "namespace": "connector_target", "executable": str(target)}
    # Meltano makes one up for a project without, and fails where it may not write it down.
    name = {} if overlay.project.id else {"project_id": "connectors"}
    return {
        **name,
        "include_paths": ["included/*.yml"],
        # Meltano hands over a state only where an environment is active.
        "environments": [] if known else [{"name": overlay.environment}],
        "plugins": {
            "extractors": [overlay.extractor] if overlay.extractor else [],
            "loaders": [loader],
        },
    }


def _include_files(overlay: Overlay) -> None:
    # Copies: Meltano refuses included files that are links to somewhere else.
    folder = overlay.folder / "included"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, file in enumerate(overlay.project.files):
        copy = folder / f"{number:03d}-{file.name}"
        copy.with_suffix(".yml").write_text(read_text_for_include(file), encoding="utf-8")


def _link_project(overlay: Overlay) -> None:
    for entry in overlay.folder.iterdir():
        if entry.is_symlink():
            entry.unlink()
    for entry in overlay.project.root.iterdir():
        link = overlay.folder / entry.name
        if entry.name not in _OWN and not link.exists():
            link.symlink_to(entry)


def _link_installed(overlay: Overlay) -> None:
    for name in _SHARED:
        link = overlay.system / name
        with suppress(FileNotFoundError):
            link.unlink()
        (overlay.project.system / name).mkdir(parents=True, exist_ok=True)
        link.symlink_to(overlay.project.system / name)


def _to_text(value: object) -> str:
    # YAML has dates, JSON and Singer configurations do not.
    return value.isoformat() if isinstance(value, date) else str(value)
