"""What dlt, its sources and their libraries raise, as one of our errors."""

from __future__ import annotations

from connector_assets.errors import ConnectorError, FatalSyncError
from connector_assets.model import Connector


def explain(error: Exception, connector: Connector) -> ConnectorError:
    """Return our error for one that dlt raised while it staged a connector."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        if isinstance(cause, ConnectorError):
            return cause
        cause = cause.__cause__ or cause.__context__ or cause
    if isinstance(cause, ConnectorError):
        return cause
    return FatalSyncError(f"{type(cause).__name__}: {cause}", connector=connector.name)
