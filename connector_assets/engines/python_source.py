"""Sources in Python of the project's own: a function's, or those of hand-written `@dlt_assets`.

The module of such assets imports Dagster, and what it needs of it; nothing of Dagster runs here.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from connector_assets.errors import ConfigError
from connector_assets.model import Connector

#: Where dagster-dlt keeps both in the metadata of each asset: its `constants`, by their values, as
#: an engine imports no Dagster.
SOURCE_KEY, PIPELINE_KEY = "dagster_dlt/source", "dagster_dlt/pipeline"


def import_target(connector: Connector) -> Any:
    """Return what ``source: KIND:MODULE:FUNCTION`` of a connector names.

    Raises:
        ConfigError: There is no such module, or nothing of the name in it.
    """
    kind, module, name = connector.source.split(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{connector.source!r} cannot be imported: {error}",
            place=str(connector.file),
            fix=f"Write {kind}:package.module:function, importable from the project folder.",
            connector=connector.name,
        ) from error


def find_assets_source(connector: Connector) -> Any:
    """Return the dlt source that a function with ``@dlt_assets`` was decorated with.

    Raises:
        ConfigError: It cannot be imported, is no such function, or is that of another connector.
    """
    found = import_target(connector)
    metadata: Mapping[str, Any] = next((spec.metadata for spec in getattr(found, "specs", ())), {})
    if SOURCE_KEY not in metadata:
        raise ConfigError(
            f"{connector.source!r} is no function with `@dlt_assets`",
            place=str(connector.file),
            fix="Name the decorated function, or write python:module:function for its source.",
            connector=connector.name,
        )
    pipeline = metadata[PIPELINE_KEY].pipeline_name
    if pipeline != connector.name:
        raise ConfigError(
            f"{connector.source!r} has the pipeline {pipeline!r}, which is another connector",
            place=str(connector.file),
            fix=f"Name the function with dlt.pipeline({connector.name!r}).",
            connector=connector.name,
        )
    return metadata[SOURCE_KEY]
