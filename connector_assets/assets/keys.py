"""Every id of the Dagster view, each made in one place."""

from __future__ import annotations

import re

from dagster import AssetKey

from connector_assets.assets.systems import System

SOURCES = "sources"


def asset_key(connector: str, stream: str) -> AssetKey:
    """Return the key of a stream's asset: the connector's name and the stream's, as they are."""
    return AssetKey([connector, stream])


def source_key(system: System) -> AssetKey:
    """Return the key of the external asset that stands for a source system."""
    return AssetKey([SOURCES, *system.path])


def source_group(system: System) -> str:
    """Return the group of a source system: one for all systems of a kind.

    One group for all of them would be a node that every connector hangs on; one for each system
    would be as many nodes again.
    """
    return f"{SOURCES}_{re.sub('[^A-Za-z0-9]', '_', system.kind)}"


def broken_key(file: str) -> AssetKey:
    """Return the key of the asset that stands for a connector file which cannot be used."""
    return AssetKey(["broken", file])
