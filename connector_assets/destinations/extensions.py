"""Where DuckDB's extensions come from: wheels of the same version, never the network."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb

from connector_assets.errors import ConfigError


def extension_file(name: str) -> Path:
    """Return the file of an extension as its wheel ``duckdb-extension-NAME`` ships it.

    Raises:
        ConfigError: The wheel is missing or of another version than DuckDB.
    """
    package = f"duckdb_extension_{name}"
    spec = importlib.util.find_spec(package)
    version = f"v{duckdb.__version__}"
    for folder in (spec.submodule_search_locations or []) if spec else []:
        file = Path(folder) / "extensions" / version / f"{name}.duckdb_extension"
        if file.is_file():
            return file
    wheel = f"{package.replace('_', '-')}=={duckdb.__version__}"
    raise ConfigError(
        f"DuckDB's extension {name} is not installed for {version}", fix=f"Install {wheel}."
    )


def load_extensions(connection: duckdb.DuckDBPyConnection, names: tuple[str, ...]) -> None:
    """Load extensions by file; they stay loaded for the life of the connection's database."""
    for name in names:
        connection.execute(f"LOAD '{extension_file(name)}'")
