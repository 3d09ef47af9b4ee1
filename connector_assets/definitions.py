"""What workspace.yaml points at: the project of CONNECTORS_PROJECT, or of the working directory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from connector_assets.assets.build import build_definitions
from connector_assets.assets.opening import find_root
from connector_assets.project import load_project


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of the project, as its files are now.

    Raises:
        ConfigError: There is no project, or its connectors.yaml breaks a rule.
    """
    project = load_project(find_root(), tolerate=True)
    with _kept():
        return build_definitions(project, stand_ins=True)


@contextmanager
def _kept() -> Iterator[None]:
    """Have the garbage collector pass by what is made here: it lives as long as the process.

    Looking through it over and over is a third of the time that a thousand connectors take.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
