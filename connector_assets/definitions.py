"""What workspace.yaml points at: the project of CONNECTORS_PROJECT, or of the working directory."""

from __future__ import annotations

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
    return build_definitions(load_project(find_root(), tolerate=True))
