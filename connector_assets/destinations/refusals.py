"""What DuckDB raises for a destination, as one of our errors: by whom it can be mended."""

from __future__ import annotations

import re
from collections.abc import Mapping

import duckdb

from connector_assets.credentials.redact import Redactor
from connector_assets.errors import (
    ConfigError,
    ConnectorError,
    CredentialError,
    FatalSyncError,
    FileLocked,
    OutOfMemory,
    TransientSyncError,
)
from connector_assets.model import Destination

_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
# Several processes make one catalog at the same moment: all but one are refused.
_RACE = re.compile(
    r"\"?ducklake_\w+\"? already exists|schema \"\w+\" already exists"
    r"|duplicate key value violates unique constraint \"pg_|tuple concurrently updated",
    re.IGNORECASE,
)
_FULL = re.compile(r"no space left|disk is full|disk full|could not extend file", re.IGNORECASE)
_UNKNOWN = re.compile(r"(database|role) \"[^\"]*\" does not exist")
_REFUSED = re.compile(
    r"password authentication failed|no pg_hba\.conf entry|permission denied"
    r"|\b403\b.*forbidden|forbidden.*\b403\b|access ?denied"
    r"|invalidaccesskeyid|signaturedoesnotmatch",
    re.IGNORECASE,
)
_PASSING = re.compile(r"conflict|database is locked|connection|timed out", re.IGNORECASE)


def explain(
    error: duckdb.Error, *, destination: Destination, secrets: Mapping[str, str]
) -> ConnectorError:
    """Return our error for one of DuckDB's, with the holder of a locked file and no secret."""
    text = Redactor(secrets.values()).text(str(error))
    place = f"destination {destination.name}"
    if holder := _HOLDER.search(text):
        return FileLocked(
            f"{destination.path} is open in process {holder['pid']} ({holder['program']})",
            place=place,
            fix="Close it there, or move to DuckLake, where a reader does not block a writer.",
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return OutOfMemory(
            text.partition("\n")[0],
            place=place,
            fix="Give the machine more memory, or sync less at once: `commit: {every_rows: N}`.",
        )
    for signs, kind, fix in _KINDS:
        if signs.search(text):
            problem = f"the disk is full: {text}" if signs is _FULL else text
            return kind(problem, place=place, fix=fix)
    return FatalSyncError(text, place=place)


#: The first that fits: a refusal also says that a connection failed.
_KINDS: tuple[tuple[re.Pattern[str], type[ConnectorError], str], ...] = (
    (_FULL, FatalSyncError, "Free space at the destination, then sync again."),
    (_RACE, TransientSyncError, ""),
    (_UNKNOWN, ConfigError, "Create it, or correct `catalog:` in connectors.yaml."),
    (_REFUSED, CredentialError, "Check the destination's secrets and what they may do."),
    (_PASSING, TransientSyncError, ""),
)
