"""What workspace.yaml points at: the project of CONNECTORS_PROJECT, or of the working directory."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from connector_assets.assets.build import build_definitions
from connector_assets.project import find_project, load_project


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of the project, as its files are now.

    Raises:
        ConfigError: There is no project, or its connectors.yaml breaks a rule.
    """
    named = os.environ.get("CONNECTORS_PROJECT")
    root = Path(named) if named else find_project(Path.cwd())
    with _kept():
        return build_definitions(load_project(root, tolerate=True))


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
