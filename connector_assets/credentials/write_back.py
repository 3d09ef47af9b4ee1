"""Puts the new value of a rotated secret where the old one was: compare and swap, or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from connector_assets.credential_use import SOURCE
from connector_assets.credentials import env_file
from connector_assets.credentials.commands import MAX_BYTES, MissingError, fetch_output
from connector_assets.credentials.sources import COMMAND_SECONDS, mask_source, resolve_secrets
from connector_assets.errors import CredentialError
from connector_assets.files import replace_file

_LOCK_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A secret that got a new value: where it comes from, where that goes, both values."""

    name: str
    source: str
    store: str
    old: str = field(repr=False)
    new: str = field(repr=False)

    @property
    def place(self) -> str:
        """Where the new value goes, as a source of secrets is written."""
        return self.source if self.store == SOURCE else self.store


def check_store(name: str, *, source: str, store: str, root: Path) -> None:
    """Check before anything is rotated that a new value would be found where the old one was.

    Raises:
        CredentialError: A variable of the environment hides what is written into ``.env``.
    """
    variables = _variables(source) if store == SOURCE else ()
    set_here = next((one for one in variables if one in os.environ), None)
    if set_here:
        problem = f"a new value of {name!r} would not be seen: {set_here} is set in the environment"
        fix = f"Take {set_here} out of the environment and write it into {env_file.FILE}."
        raise CredentialError(problem, fix=fix)


def write_back(rotation: Rotation, *, of: str, root: Path) -> None:
    """Store a rotated value, if the store still has the one that it replaces; then read it back.

    A store that has the new value already is left alone, so that this can be done again.

    Raises:
        CredentialError: The store has a third value, cannot be written, or does not give the new
            value back. Nothing of the value is in the message.
    """
    check_store(rotation.name, source=rotation.source, store=rotation.store, root=root)
    try:
        with _locked(root):
            current = _read(rotation, of=of, root=root)
            if current == rotation.new:
                return
            if current != rotation.old:
                raise MissingError(
                    "somebody changed it meanwhile",
                    fix="The new value is kept: see docs/credentials.md, rotated secrets.",
                )
            _store(rotation, root=root)
            if _read(rotation, of=of, root=root) != rotation.new:
                fix = "Does the command store what it reads, where the other one looks?"
                raise MissingError("it gives another value back", fix=fix)
    except MissingError as error:
        place = mask_source(rotation.place)
        problem = f"{of}: the new value of {rotation.name!r} is not stored: {place}: {error.reason}"
        raise CredentialError(problem, fix=error.fix) from None


def _read(rotation: Rotation, *, of: str, root: Path) -> str:
    return resolve_secrets({rotation.name: rotation.source}, of=of, root=root)[rotation.name]


def _store(rotation: Rotation, *, root: Path) -> None:
    if len(rotation.new.encode()) > MAX_BYTES:
        raise MissingError("it is too large for a secret", fix="Is it the right setting?")
    kind, _, where = rotation.place.partition(":")
    if kind == "env":
        known = env_file.read_variables(root)
        name = next((one for one in _variables(rotation.source) if one in known), where)
        env_file.replace_value(root, name, value=rotation.new)
    elif kind == "file":
        _replace(root / Path(where).expanduser(), rotation.new)
    else:
        fetch_output(where, folder=root, seconds=COMMAND_SECONDS, given=rotation.new.encode())


def _replace(file: Path, value: str) -> None:
    # A link stays one: its file is replaced.
    file = file.resolve()
    try:
        replace_file(file, value + "\n", mode=stat.S_IMODE(file.stat().st_mode), durable=True)
    except OSError as error:
        raise MissingError(f"{error.strerror}", fix="Let this user write the file.") from None


def _variables(source: str) -> tuple[str, ...]:
    kind, _, names = source.partition(":")
    return tuple(names.split("|")) if kind == "env" else ()


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Let one process at a time change the stores of a project."""
    home = root / ".connectors"
    home.mkdir(exist_ok=True)
    try:
        with FileLock(home / "credentials.lock", timeout=_LOCK_SECONDS):
            yield
    except Timeout:
        raise MissingError("another process is writing", fix="Try again.") from None
