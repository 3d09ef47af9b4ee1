"""Where secrets come from: an environment variable, a file, a command. Nothing is logged here."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connector_assets.errors import CredentialError
from connector_assets.model import Connector

COMMAND_SECONDS = 30.0
MAX_FILE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The values of a connector's secrets and of its destination's, by name; never shown."""

    connector: Mapping[str, str] = field(default_factory=dict, repr=False)
    destination: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def values(self) -> frozenset[str]:
        """All values, for redaction."""
        return frozenset((*self.connector.values(), *self.destination.values()))


def resolve_connector(connector: Connector, *, root: Path) -> Secrets:
    """Return the values of every secret that a sync of the connector needs.

    Raises:
        CredentialError: One is not there; names it and its source.
    """
    destination = connector.destination
    return Secrets(
        connector=resolve_secrets(connector.secrets, of=f"connector {connector.name}", root=root),
        destination=resolve_secrets(
            destination.secrets, of=f"destination {destination.name}", root=root
        ),
    )


def resolve_secrets(sources: Mapping[str, str], *, of: str, root: Path) -> dict[str, str]:
    """Return the value of each secret; ``of`` says whose they are, files are relative to ``root``.

    Raises:
        CredentialError: One is not there; names it and its source, never a value.
    """
    return {name: _resolve(name, source, of=of, root=root) for name, source in sources.items()}


def check_secrets(
    sources: Mapping[str, str], *, of: str, root: Path
) -> tuple[CredentialError, ...]:
    """Return what keeps secrets from being resolved: empty if each is there.

    Commands are run too: a vault that is locked is what this is to find.
    """
    errors = []
    for name, source in sources.items():
        try:
            _resolve(name, source, of=of, root=root)
        except CredentialError as error:
            errors.append(error)
    return tuple(errors)


def resolve_text(text: str, *, of: str, root: Path) -> str:
    """Return a text that may be written as a source: a ledger's URL, an alert's.

    Raises:
        CredentialError: It is a source, and has no value.
    """
    if text.partition(":")[0] not in _SOURCES:
        return text
    return _resolve("url", text, of=of, root=root)


def _resolve(name: str, source: str, *, of: str, root: Path) -> str:
    kind, _, where = source.partition(":")
    fetch = _SOURCES.get(kind)
    if fetch is None:
        # Not repeated: it could be the secret itself.
        fix = "Write env:NAME, file:PATH or command:WORDS."
        raise CredentialError(f"{of}: the secret {name!r} has no source", fix=fix)
    try:
        value = fetch(where, root)
    except _MissingError as error:
        problem = f"{of}: the secret {name!r} is not there: {_show(source)}: {error.reason}"
        raise CredentialError(problem, fix=error.fix) from None
    if not value:
        problem = f"{of}: the secret {name!r} is empty: {_show(source)}"
        raise CredentialError(problem, fix="Give it a value where it comes from.")
    return value


def _show(source: str) -> str:
    """Return a source for a message; of a command the first word: the others can hold a token."""
    kind, _, where = source.partition(":")
    words = where.split()
    return f"{kind}:{words[0]} ..." if kind == "command" and len(words) > 1 else source


class _MissingError(Exception):
    """A source has no value; ``reason`` and ``fix`` hold nothing of it."""

    def __init__(self, reason: str, *, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


def _fetch_variable(name: str, _root: Path) -> str:
    value = os.environ.get(name)
    if value is None:
        raise _MissingError("the variable is not set", fix=f"Set it: export {name}=...")
    return value


def _fetch_file(path: str, root: Path) -> str:
    file = root / Path(path).expanduser()
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise _MissingError("the file is too large for a secret", fix="Name another file.")
        # Editors end a file with a newline that is not part of the secret.
        return file.read_text(encoding="utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise _MissingError("the file is not text in UTF-8", fix="Name another file.") from None
    except OSError as error:
        fix = f"Create it, or correct the path: {file}"
        raise _MissingError(f"{error.strerror}", fix=fix) from None


def _fetch_from_command(command: str, root: Path) -> str:
    try:
        words = shlex.split(command)
        done = subprocess.run(
            words, cwd=root, stdin=-3, capture_output=True, timeout=COMMAND_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        reason = f"the command did not answer within {COMMAND_SECONDS:.0f} seconds"
        raise _MissingError(reason, fix="Run it by hand: does it ask for something?") from None
    except (OSError, ValueError, IndexError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be split into words"
        raise _MissingError(f"{reason}", fix="Check the command and the PATH.") from None
    if done.returncode:
        # Neither output is shown: tools print secrets on both.
        reason = f"the command ended with exit code {done.returncode}"
        raise _MissingError(reason, fix="Run it by hand in the project folder.")
    return done.stdout.decode("utf-8", "replace").strip()


_SOURCES = {"env": _fetch_variable, "file": _fetch_file, "command": _fetch_from_command}
