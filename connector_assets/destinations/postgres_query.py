"""A query of a PostgreSQL server read by DuckDB's extension: COPY in binary, batches of Arrow."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from connector_assets.destinations.connect import literal
from connector_assets.destinations.extensions import load_extensions

#: Rows that DuckDB hands over at once: what one of its vectors holds.
_VECTOR = 2048
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
}


def fetch_batches(sql: str, *, conninfo: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a query; connects when it is begun, to read only, and holds few rows.

    Columns have the types that DuckDB reads them as, which are not always exact: NaN in a decimal
    is 0, decimals without declared digits are doubles, char(n) has no blanks at its end.

    Raises:
        OSError: The server refused or failed; its own words, without the query or ``conninfo``.
    """
    connection = duckdb.connect(config=_CONFIG)
    try:
        load_extensions(connection, ("postgres_scanner",))
        connection.execute(f"ATTACH {literal(conninfo)} AS source (TYPE postgres, READ_ONLY)")
        query = f"SELECT * FROM postgres_query('source', {literal(sql)})"
        yield from connection.execute(query).to_arrow_reader(_VECTOR)
    # Arrow's reader raises an OSError of its own, with DuckDB's words. These hold the password
    # where connecting failed: they are not to be in any traceback.
    except (duckdb.Error, OSError) as error:
        raise OSError(_shorten(str(error)) or type(error).__name__) from None
    finally:
        connection.close()


def _shorten(words: str) -> str:
    for before in ("IO Error: ", "ERROR:", "FATAL:", '": ', "from Postgres: "):
        words = words.rsplit(before, maxsplit=1)[-1]
    return next(iter(words.strip().splitlines()), "")
