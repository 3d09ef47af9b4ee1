"""The environment stamp: which project and environment a destination belongs to.

Written by the first load, inside its transaction, and compared at every start: a laptop whose
configuration points at production is stopped before it extracts.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from connector_assets.errors import EnvironmentMismatch
from connector_assets.model import Destination

TABLE = "_connectors_stamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A project, by its id, and one of its environments."""

    project_id: str
    environment: str


def fetch_stamp(connection: duckdb.DuckDBPyConnection) -> Stamp | None:
    """Return the stamp of the attached destination; None before its first load."""
    found = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
        f" AND schema_name = 'main' AND table_name = '{TABLE}'"
    ).fetchone()
    if not found or not found[0]:
        return None
    row = connection.execute(f"SELECT project_id, environment FROM main.{TABLE}").fetchone()
    return Stamp(project_id=row[0], environment=row[1]) if row else None


def check_stamp(
    connection: duckdb.DuckDBPyConnection, wanted: Stamp, *, destination: Destination
) -> bool:
    """Compare the destination's stamp; return whether it has one.

    Raises:
        EnvironmentMismatch: It belongs to another project or environment.
    """
    found = fetch_stamp(connection)
    if found is None or found == wanted:
        return found is not None
    raise EnvironmentMismatch(
        f"{destination.name} belongs to project {found.project_id!r}, environment"
        f" {found.environment!r}; this is project {wanted.project_id!r}, environment"
        f" {wanted.environment!r}",
        place=f"destination {destination.name}",
        fix="Choose the environment with --env or CONNECTORS_ENV, or correct the destination "
        "in connectors.yaml. Nothing was extracted or loaded.",
    )


def ensure_stamp(
    connection: duckdb.DuckDBPyConnection, wanted: Stamp, *, destination: Destination
) -> None:
    """Stamp a destination that has no stamp yet, inside the open transaction.

    Raises:
        EnvironmentMismatch: It belongs to another project or environment.
    """
    if check_stamp(connection, wanted, destination=destination):
        return
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS main.{TABLE} (project_id VARCHAR, environment VARCHAR,"
        " stamped_at TIMESTAMPTZ)"
    )
    connection.execute(
        f"INSERT INTO main.{TABLE} VALUES (?, ?, now())", [wanted.project_id, wanted.environment]
    )
