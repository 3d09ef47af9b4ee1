"""Every id of the Dagster view, each made in one place."""

from __future__ import annotations

from dagster import AssetKey

from connector_assets.assets.systems import System

SOURCES = "sources"


def asset_key(connector: str, stream: str) -> AssetKey:
    """Return the key of a stream's asset: the connector's name and the stream's, as they are."""
    return AssetKey([connector, stream])


def source_key(system: System) -> AssetKey:
    """Return the key of the external asset that stands for a source system."""
    return AssetKey([SOURCES, *system.path])


def broken_key(file: str) -> AssetKey:
    """Return the key of the asset that stands for a connector file which cannot be used."""
    return AssetKey(["broken", file])
