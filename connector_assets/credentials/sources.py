"""Where secrets come from: a variable, a file, a command, a connection. Nothing is logged here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connector_assets.credentials.commands import MAX_BYTES, MissingError, fetch_output
from connector_assets.credentials.connections import KIND, connection_variable, read_field
from connector_assets.credentials.env_file import FILE, read_variables
from connector_assets.errors import CredentialError
from connector_assets.model import Connector

COMMAND_SECONDS = 30.0


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
        fix = f"Write env:NAME, file:PATH, command:WORDS or {KIND}:ID.FIELD."
        raise CredentialError(f"{of}: the secret {name!r} has no source", fix=fix)
    try:
        value = _decode(fetch(where, root))
    except MissingError as error:
        problem = f"{of}: the secret {name!r} is not there: {mask_source(source)}: {error.reason}"
        raise CredentialError(problem, fix=error.fix) from None
    if not value.strip():
        problem = f"{of}: the secret {name!r} is empty: {mask_source(source)}"
        raise CredentialError(problem, fix="Give it a value where it comes from.")
    return value


def _decode(raw: bytes) -> str:
    try:
        # Editors end a file with a newline that is not part of the secret, as commands do.
        value = raw.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        raise MissingError("it is not text in UTF-8", fix="Write it as text.") from None
    if "\0" in value:
        # No process can be handed it: it ends a variable.
        raise MissingError("it holds a NUL character", fix="Write it as text.")
    return value


def mask_source(source: str) -> str:
    """Return a source for a message; of a command the first word: the others can hold a token."""
    kind, _, where = source.partition(":")
    words = where.split()
    if kind != "command" or not words:
        return source
    first = "..." if "=" in words[0] else words[0]
    return f"command:{first} ..." if len(words) > 1 else f"command:{first}"


def find_variable(name: str, *, root: Path) -> bytes | None:
    """Return the value of a variable: of this process, else of the project's ``.env``.

    Raises:
        MissingError: It is not in this process, and ``.env`` cannot be read.
    """
    value = os.environb.get(name.encode())
    if value is not None:
        return value
    written = read_variables(root).get(name)
    return None if written is None else written.encode(errors="surrogateescape")


def _fetch_variable(names: str, root: Path) -> bytes:
    # Behind a bar is what the variable was called before: see docs/credentials.md.
    for name in names.split("|"):
        value = find_variable(name, root=root)
        if value is not None:
            return value
    name = names.partition("|")[0]
    fix = f"Set it: export {name}=..., or write it into {FILE} of the project."
    raise MissingError("the variable is not set", fix=fix)


def _fetch_connection(where: str, root: Path) -> bytes:
    name, _, _ = where.partition(".")
    variable = connection_variable(name)
    text = find_variable(variable, root=root)
    if text is None:
        reason = "Airflow's connections cannot be read here"
        fix = f"Let Airflow run the connector, or set {variable} here too."
        raise MissingError(reason, fix=fix)
    return read_field(where, text=text.decode(errors="replace")).encode()


def _fetch_file(path: str, root: Path) -> bytes:
    try:
        file = root / Path(path).expanduser()
        if file.exists() and not file.is_file():
            # A pipe would keep us waiting for ever.
            raise MissingError("this is not a file", fix="Name a file.")
        with file.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except OSError as error:
        fix = f"Create it, or correct the path: {path}, in {root}"
        raise MissingError(f"{error.strerror}", fix=fix) from None
    except (RuntimeError, ValueError):
        raise MissingError("this is no path", fix="Correct the path.") from None
    if len(raw) > MAX_BYTES:
        raise MissingError("the file is too large for a secret", fix="Name another file.")
    return raw


def _fetch_from_command(command: str, root: Path) -> bytes:
    return fetch_output(command, folder=root, seconds=COMMAND_SECONDS)


_SOURCES = {
    "env": _fetch_variable,
    "file": _fetch_file,
    "command": _fetch_from_command,
    KIND: _fetch_connection,
}
