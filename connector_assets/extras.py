"""What is installed only with an extra: asked for by name, without importing it."""

from __future__ import annotations

import importlib.util

from connector_assets.errors import ConfigError


def require(module: str, *, name: str, extra: str) -> None:
    """Make sure that a package of an extra is there.

    Raises:
        ConfigError: It is not installed; says which extra has it.
    """
    if importlib.util.find_spec(module) is None:
        raise ConfigError(
            f"{name} is not installed", fix=f"Run: pip install 'connector-assets[{extra}]'"
        )
