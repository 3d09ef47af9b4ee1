"""Connectors that sync completely or touch nothing: Meltano and dlt under one lifecycle.

Importing this package loads none of Dagster, Airflow, dlt, Meltano and DuckDB.
"""

from connector_assets.errors import (
    ConfigError,
    ConnectorError,
    CredentialError,
    DriftBlocked,
    EnvironmentMismatch,
    FatalSyncError,
    SyncError,
    TransientSyncError,
)

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "ConnectorError",
    "CredentialError",
    "DriftBlocked",
    "EnvironmentMismatch",
    "FatalSyncError",
    "SyncError",
    "TransientSyncError",
    "__version__",
]
