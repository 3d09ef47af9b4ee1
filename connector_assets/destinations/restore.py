"""Brings a connector's state and schemas from the destination into a fresh working directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import duckdb

from connector_assets.destinations.atomic import shared_connection
from connector_assets.destinations.bookkeeping import fetch_version
from connector_assets.destinations.connect import connected
from connector_assets.destinations.refusals import explain

if TYPE_CHECKING:
    from dlt import Pipeline

    from connector_assets.model import Destination


def restore(
    pipeline: Pipeline, *, destination: Destination, secrets: Mapping[str, str], connector: str
) -> int:
    """Restore dlt's state and schemas; return the state version they belong to, 0 for none.

    The version is the base of whatever is staged next in this working directory. Writes nothing to
    the destination; the caller holds the file lock.

    Raises:
        FileLocked: Another process has the DuckDB file.
        TransientSyncError: The destination is not reached.
    """
    with connected(destination, secrets=secrets) as connection:
        try:
            with shared_connection(connection):
                pipeline.sync_destination()
            _forget_not_null(pipeline)
            return fetch_version(connection, dataset=pipeline.dataset_name, connector=connector)
        except duckdb.Error as error:
            raise explain(error, destination=destination, secrets=secrets) from error


def _forget_not_null(pipeline: Pipeline) -> None:
    """Let every column be NULL until the source declares it again.

    dlt fills up what a batch has not with NULL, and fails where the column was NOT NULL once. What
    it was stands in the lock.
    """
    for name in pipeline.schemas.list_schemas():
        schema = pipeline.schemas[name]
        for table in schema.data_tables(include_incomplete=True):
            for column, definition in table["columns"].items():
                if not column.startswith("_dlt_"):
                    definition["nullable"] = True
        pipeline.schemas.save_schema(schema)
