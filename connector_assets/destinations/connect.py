"""How a destination is opened: one connection, the destination attached under its own name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import duckdb

from connector_assets.credentials.references import fill_references
from connector_assets.destinations.extensions import load_extensions
from connector_assets.destinations.refusals import explain
from connector_assets.errors import ConfigError
from connector_assets.model import Destination, DestinationKind

_CATALOGS = {"duckdb": (), "sqlite": ("sqlite_scanner",), "postgresql": ("postgres_scanner",)}


@contextmanager
def connected(
    destination: Destination, *, secrets: Mapping[str, str], read_only: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the destination for the length of a block, in UTC, with its name as the catalog.

    ``lake.shop.orders`` is thus the same SQL for a DuckDB file and a DuckLake. A transaction left
    open is rolled back.

    Raises:
        FileLocked: Another process has the DuckDB file; names its pid.
        TransientSyncError: The catalog's server does not answer, or others are just making it.
        CredentialError: The server refused the secrets.
        ConfigError: The catalog is of no kind that there is, or its database not there.
        FatalSyncError: DuckDB refused the file or catalog for another reason.
    """
    connection = duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        _attach(connection, destination, secrets=secrets, read_only=read_only)
        yield connection
    finally:
        # Closing with a transaction open leaves a DuckLake's file catalog in a bad state.
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        connection.close()


def is_new(destination: Destination) -> bool:
    """Tell whether the destination's file or local catalog does not exist; opening would make it.

    False for a catalog on a server, which only opening can tell of.
    """
    if destination.kind is DestinationKind.DUCKDB:
        return not Path(destination.path).exists()
    scheme, _, rest = destination.catalog.partition(":///")
    return scheme in ("duckdb", "sqlite") and not Path(rest).exists()


def quoted(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Return a value as an SQL string literal.

    For reading: handed over as a parameter it would have duckdb import pandas, where that is
    installed, which takes longer than everything else of a step.
    """
    return "'" + value.replace("'", "''") + "'"


def _attach(
    connection: duckdb.DuckDBPyConnection,
    destination: Destination,
    *,
    secrets: Mapping[str, str],
    read_only: bool,
) -> None:
    build = _attach_duckdb if destination.kind is DestinationKind.DUCKDB else _attach_ducklake
    name = quoted(destination.name)
    try:
        url, options = build(connection, destination, secrets)
        if read_only:
            options.append("READ_ONLY")
        clause = f" ({', '.join(options)})" if options else ""
        connection.execute(f"ATTACH {literal(url)} AS {name}{clause}")
        connection.execute(f"USE {name}")
    except duckdb.Error as error:
        raise explain(error, destination=destination, secrets=secrets) from error


def _attach_duckdb(
    _connection: duckdb.DuckDBPyConnection, destination: Destination, _secrets: Mapping[str, str]
) -> tuple[str, list[str]]:
    Path(destination.path).parent.mkdir(parents=True, exist_ok=True)
    return destination.path, []


def _attach_ducklake(
    connection: duckdb.DuckDBPyConnection, destination: Destination, secrets: Mapping[str, str]
) -> tuple[str, list[str]]:
    scheme, _, rest = _filled(destination.catalog, secrets).partition(":///")
    if destination.catalog.startswith("postgresql"):
        scheme = "postgresql"
    if scheme not in _CATALOGS:
        raise ConfigError(
            f"a DuckLake catalog cannot be {scheme!r}",
            place=f"destination {destination.name}",
            value=scheme,
            valid=_CATALOGS,
        )
    load_extensions(connection, ("ducklake", *_CATALOGS[scheme]))
    options = [f"DATA_PATH {literal(destination.data_path)}"]
    if scheme == "postgresql":
        # A secret is a part of the URL: a password may have any character.
        escaped = {name: quote(value, safe="") for name, value in secrets.items()}
        url = re.sub(r"^postgresql\+\w+", "postgresql", _filled(destination.catalog, escaped))
        options.append(f"METADATA_SCHEMA {literal('ducklake_' + destination.name)}")
        url = f"postgres:{url}"
    else:
        Path(rest).parent.mkdir(parents=True, exist_ok=True)
        url = f"{scheme}:{rest}" if scheme == "sqlite" else rest
    if scheme == "sqlite":
        options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 5000"]
    if "://" in destination.data_path:
        _use_object_storage(connection, destination, secrets)
    else:
        Path(destination.data_path).mkdir(parents=True, exist_ok=True)
    return f"ducklake:{url}", options


def _use_object_storage(
    connection: duckdb.DuckDBPyConnection, destination: Destination, secrets: Mapping[str, str]
) -> None:
    load_extensions(connection, ("httpfs",))
    fields = ["TYPE s3"]
    for key, value in destination.storage.items():
        text = _filled(str(value), secrets)
        fields.append(f"{quoted(key)} {literal(text)}")
    connection.execute(f"CREATE SECRET connectors_storage ({', '.join(fields)})")


def _filled(text: str, secrets: Mapping[str, str]) -> str:
    return str(fill_references(text, values=secrets))
