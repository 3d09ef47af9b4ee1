"""Whether syncs can run from here: one examination for a laptop, a worker and a scheduler."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from connector_assets.errors import ConfigError, ConnectorError
from connector_assets.lifecycle.environment import describe_machine
from connector_assets.lifecycle.standing import check_setup
from connector_assets.model import Destination, DestinationKind, Engine
from connector_assets.project import Project

#: Below so many bytes a load may not find room for its copies.
_ROOM = 1_000_000_000
_CLOCK_SECONDS = 5.0
_LOCKED = {True: "locked", False: "no lock"}
_NEEDED = ("connector-assets", "dlt", "duckdb", "pyarrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One thing that was looked at: what was found, and what to do where it is not ``ok``.

    ``ok`` is None for a warning: syncs run, but not for long or not all of them.
    """

    name: str
    found: str
    ok: bool | None = True
    fix: str = ""


def examine_all(project: Project, *, open_ledger: Callable[[], object]) -> Iterator[Examined]:
    """Yield what was found, one thing after the other; nothing is changed.

    ``open_ledger`` opens the project's ledger and returns where it is. Destinations are opened for
    reading; a DuckDB file that a sync has open is waited for.
    """
    yield from _examine_machine()
    yield _examine_room(project.root)
    yield _examine_clock(project.root)
    yield _examine_ledger(project, open_ledger)
    for destination in project.destinations.values():
        yield _examine_destination(project, destination)
    for broken in project.broken:
        yield Examined(
            name=f"connector {broken.name or broken.file}",
            found=f"{len(broken.errors)} things to be changed in {broken.file}",
            ok=False,
            fix=f"connectors validate {broken.name}".rstrip(),
        )
    for connector in project.connectors:
        yield _examine_connector(project, connector.name)


def _examine_machine() -> Iterator[Examined]:
    machine = describe_machine()
    yield Examined(name="python", found=f"{machine['python']} on {machine['system']}")
    packages = machine["packages"]
    missing = [name for name in _NEEDED if name not in packages]
    found = ", ".join(f"{name} {version}" for name, version in packages.items())
    yield Examined(
        name="packages",
        found=f"without {', '.join(missing)}" if missing else found,
        ok=not missing,
        fix="Install the project's locked requirements." if missing else "",
    )


def _examine_room(root: Path) -> Examined:
    free = shutil.disk_usage(root).free
    text = f"{free / 1e9:,.1f} GB free"
    if free >= _ROOM:
        return Examined(name="disk", found=text)
    fix = "Free space: a load needs room for what it stages, and for a copy of that."
    return Examined(name="disk", found=text, ok=None, fix=fix)


def _examine_clock(root: Path) -> Examined:
    """Compare the clock with the one of the project's file system, which can be another machine."""
    try:
        with tempfile.NamedTemporaryFile(dir=root, prefix=".doctor-") as file:
            apart = abs(Path(file.name).stat().st_mtime - time.time())
    except OSError as error:
        fix = "Syncs write below `.connectors` there: let them."
        found = f"the folder cannot be written: {error.strerror}"
        return Examined(name="folder", found=found, ok=False, fix=fix)
    if apart <= _CLOCK_SECONDS:
        return Examined(name="clock", found=f"as the file system's, {apart:.1f} s apart")
    fix = "Leases and schedules go by it: have the clocks set by the network."
    return Examined(name="clock", found=f"{apart:,.0f} s apart", ok=None, fix=fix)


def _examine_ledger(project: Project, open_ledger: Callable[[], object]) -> Examined:
    try:
        return Examined(name="ledger", found=f"{open_ledger()}, migrated")
    except ConnectorError as error:
        return _tell("ledger", error)


def _examine_destination(project: Project, destination: Destination) -> Examined:
    from connector_assets.credentials.sources import resolve_secrets
    from connector_assets.destinations.connect import is_new
    from connector_assets.destinations.looking import look_at

    name = f"destination {destination.name}"
    try:
        secrets = resolve_secrets(destination.secrets, of=name, root=project.root)
        folder = _find_folder(destination)
        if folder is not None and not os.access(_nearest(folder), os.W_OK):
            problem = f"{folder} cannot be written"
            return _tell(name, ConfigError(problem, fix="Let the user of the syncs write there."))
        if is_new(destination):
            return Examined(name=name, found="not there yet: the first sync makes it")
        return Examined(name=name, found=look_at(destination, secrets=secrets))
    except ConnectorError as error:
        return _tell(name, error)


def _examine_connector(project: Project, name: str) -> Examined:
    setup = check_setup(project, name)
    label = f"connector {name}"
    if not setup.ok:
        problem, *rest = (*setup.problems, "")
        return Examined(name=label, found=problem or setup.words, ok=False, fix=" ".join(rest))
    connector = project.connector(name)
    if connector.engine is Engine.MELTANO:
        from connector_assets.engines import meltano

        try:
            meltano.check(connector, project_root=project.root)
        except ConfigError as error:
            return _tell(label, error)
    return Examined(name=label, found=f"{connector.engine}, secrets there, {_LOCKED[setup.locked]}")


def _find_folder(destination: Destination) -> Path | None:
    """Return the local folder that a destination's files go to."""
    path = destination.path
    if destination.kind is DestinationKind.DUCKLAKE:
        path = f"{destination.data_path}/x"
    return None if "://" in path else Path(path).parent


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(one for one in (folder, *folder.parents) if one.exists())


def _tell(name: str, error: ConnectorError) -> Examined:
    return Examined(name=name, found=error.problem, ok=False, fix=error.fix)
