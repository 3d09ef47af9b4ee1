"""What a database or its driver said, as one of our errors."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy.exc as sql

from connector_assets.errors import (
    BadRecord,
    ConfigError,
    ConnectorError,
    CredentialError,
    FatalSyncError,
    StreamMissing,
    TransientSyncError,
)

_REFUSED = re.compile(
    r"authentication failed|access denied|permission denied|password|login failed|not authorized"
    r"|role \"[^\"]*\" does not exist|role \"[^\"]*\" is not permitted",
    re.IGNORECASE,
)
_NOT_THERE = re.compile(
    r"does not exist|no such (table|column)|unknown (database|table|column)|doesn't exist"
    r"|unable to open database file|invalid object name|not a database",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"'[^']*'")
_CURSOR = re.compile(r"Cursor column `(?P<cursor>[^`]*)` does not exist in table `(?P<table>.*)`")


def explain_database(error: sql.SQLAlchemyError) -> ConnectorError | None:
    """Return our error, with the first line that the driver wrote; it holds no password."""
    if isinstance(error, sql.DBAPIError):
        return _explain_driver(error)
    if isinstance(error, sql.NoSuchTableError):
        return StreamMissing(
            f"the database has no table or view {str(error)!r}",
            fix="Correct the stream's name, or give it `config: {table: NAME, schema: NAME}`.",
        )
    if isinstance(error, sql.NoSuchModuleError):
        return ConfigError(
            "the kind of database that `credentials` names is not known",
            fix="Write it like postgresql+psycopg://user:${password}@host/database.",
        )
    if isinstance(error, sql.ArgumentError):
        return ConfigError(
            "`credentials` is no database URL",
            fix="Write it like postgresql+psycopg://user:${password}@host/database.",
        )
    return None


def explain_key(error: KeyError) -> ConfigError | None:
    """Return our error for a cursor that is no column of its table; dlt raises a KeyError."""
    found = _CURSOR.search(str(error))
    if not found:
        return None
    return ConfigError(
        f"the table {found['table']!r} has no column {found['cursor']!r}, the stream's cursor"
    )


def _explain_driver(error: sql.DBAPIError) -> ConnectorError:
    words = _first_line(error.orig)
    if _REFUSED.search(words):
        return CredentialError(
            f"the database refused the access: {words}",
            fix="Check the secrets of this connector, and what its account may read.",
        )
    if _NOT_THERE.search(words):
        return ConfigError(f"the database lacks what was asked for: {words}")
    if isinstance(error, sql.DataError):
        problem = f"the driver cannot give a value unchanged: {_QUOTED.sub('***', words)}"
        return BadRecord(problem, fix="Leave the column out with `excluded_columns`, or cast it.")
    if isinstance(error, sql.OperationalError | sql.InterfaceError):
        return TransientSyncError(f"the database does not answer: {words}", fix="Try again later.")
    return FatalSyncError(f"the database refused the query: {words}")


def _first_line(original: Any) -> str:
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    return lines[0] if lines else type(original).__name__
