"""Reads a destination for people: one SELECT, read-only, every value exact or as its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import duckdb
import tenacity

from connector_assets.destinations.connect import connected, is_new
from connector_assets.destinations.locks import file_lock
from connector_assets.destinations.query_values import is_numeric, value_expression, value_parser
from connector_assets.destinations.refusals import explain
from connector_assets.errors import ConfigError, FatalSyncError, FileLocked, TransientSyncError
from connector_assets.model import Destination

POLL_SECONDS = 0.2
_OURS = re.compile(r"\n\nLINE \d+: SELECT (CAST\(|to_json\()?#1\b.*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A SELECT, how many rows of it at most, and how long to wait for the destination's file."""

    sql: str
    limit: int | None = None
    wait: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a query found: JSON values; ``cut`` tells that there are more rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool
    numeric: tuple[bool, ...]


def fetch_answer(destination: Destination, query: Query, *, secrets: Mapping[str, str]) -> Answer:
    """Return what a SELECT finds in a destination, which it cannot change.

    Integers up to 2^53 are numbers, larger ones and decimals texts. Instants are ISO 8601 in UTC,
    dates and times ISO 8601 too, blobs base64, nested values objects and lists as DuckDB's
    ``to_json`` has them, everything else is DuckDB's text.

    Raises:
        ConfigError: There is nothing to read yet, or the SQL is wrong or more than a SELECT.
        FileLocked: The wait was over; names who has the file.
        SyncError: The destination cannot be read.
    """
    if is_new(destination):
        raise _refuse_empty(destination)
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_locked),
        stop=tenacity.stop_after_delay(query.wait),
        wait=tenacity.wait_fixed(POLL_SECONDS),
        reraise=True,
    )
    deadline = monotonic() + query.wait
    try:
        answer: Answer = retrying(_fetch, destination, query, secrets=secrets, deadline=deadline)
    except FileLocked as error:
        if "is in use by" in error.problem:
            error.fix = "A sync holds it for its load only: wait longer, --wait 120."
        raise
    except FatalSyncError as error:
        # What DuckLake says where a catalog's server has no lake yet.
        if "creating a new DuckLake is explicitly disabled" in error.problem:
            raise _refuse_empty(destination) from error
        raise
    return answer


def _refuse_empty(destination: Destination) -> ConfigError:
    file = destination.path or destination.catalog.partition(":///")[2]
    where = f": {file} does not exist" if file else ""
    return ConfigError(
        f"nothing was ever loaded into {destination.name}{where}",
        place=f"destination {destination.name}",
        fix="Sync a connector into it: connectors sync NAME",
    )


def _is_locked(error: BaseException) -> bool:
    """Tell whether somebody has the file; a server that does not answer is not waited for."""
    if isinstance(error, FileLocked):
        return True
    return isinstance(error, TransientSyncError) and "locked" in error.problem


def _fetch(
    destination: Destination, query: Query, *, secrets: Mapping[str, str], deadline: float
) -> Answer:
    # The platform's own lock first: a sync waits for it, and does not fail.
    left = max(0.0, deadline - monotonic())
    with (
        file_lock(destination, purpose="connectors query", wait=left),
        connected(destination, secrets=secrets, read_only=True) as connection,
    ):
        try:
            return _select(connection, query)
        except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError) as error:
            problem = _tell(str(error), secrets)
            raise ConfigError(problem, place=f"the SQL for {destination.name}") from error
        except duckdb.Error as error:
            raise explain(error, destination=destination, secrets=secrets) from error


def _select(connection: duckdb.DuckDBPyConnection, query: Query) -> Answer:
    _check_reads(connection, query.sql)
    relation = connection.sql(query.sql)
    types = [str(kind.id) for kind in relation.types]
    # By position: a name can be there twice.
    found = relation.project(
        ", ".join(value_expression(number, kind) for number, kind in enumerate(types, start=1))
    )
    rows = found.fetchall() if query.limit is None else found.fetchmany(query.limit + 1)
    kept = rows if query.limit is None else rows[: query.limit]
    parsers = [value_parser(kind) for kind in types]
    return Answer(
        columns=_unique(relation.columns),
        rows=tuple(_parse_row(row, parsers) for row in kept),
        cut=len(kept) < len(rows),
        numeric=tuple(is_numeric(kind) for kind in types),
    )


def _check_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    # Read-only is the destination, not the machine: COPY would write a file.
    kinds = [statement.type for statement in connection.extract_statements(sql)]
    if kinds != [duckdb.StatementType.SELECT]:
        found = " and ".join(kind.name for kind in kinds) or "nothing"
        raise ConfigError(
            f"a query is one SELECT, and this is {found}",
            place="the SQL",
            fix="SELECT, FROM, WITH, DESCRIBE, SUMMARIZE and SHOW read; nothing else is run.",
        )


def _parse_row(row: Sequence[Any], parsers: Sequence[Callable[[Any], Any]]) -> tuple[Any, ...]:
    pairs = zip(row, parsers, strict=True)
    return tuple(None if value is None else parse(value) for value, parse in pairs)


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, a number after each that was there before: a JSON object holds one."""
    taken: dict[str, int] = {}
    unique = []
    for name in names:
        taken[name] = taken.get(name, 0) + 1
        unique.append(name if taken[name] == 1 else f"{name}_{taken[name]}")
    return tuple(unique)


def _tell(text: str, secrets: Mapping[str, str]) -> str:
    """Return DuckDB's message without secrets, and without the SQL that is ours."""
    text = _OURS.sub("", text)
    for value in secrets.values():
        text = text.replace(value, "***") if value else text
    return text
