"""Paths and URLs of connectors.yaml as absolute ones.

Relative ones are those of the project folder, whatever the working directory is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def resolve_path(path: str, *, root: Path) -> str:
    """Return a local path as an absolute one; a URL as it is."""
    if "://" in path:
        return path
    local = Path(path)
    # `~nobody` is a folder where nobody is a user.
    with suppress(RuntimeError):
        local = local.expanduser()
    return os.path.normpath(root / local)


def resolve_url(url: str, *, root: Path) -> str:
    """Return a database URL with the path of its file absolute: ``sqlite:////srv/shop/x.db``."""
    scheme, separator, path = url.partition(":///")
    if not separator or scheme.partition("+")[0] not in ("sqlite", "duckdb"):
        return url
    return f"{scheme}:///{resolve_path(path, root=root)}"


def resolve_paths(written: Mapping[str, str], *, root: Path) -> dict[str, Any]:
    """Return the absolute paths of a destination, and under ``written`` those that were not."""
    resolve = {"path": resolve_path, "catalog": resolve_url, "data_path": resolve_path}
    paths = {key: resolve[key](path, root=root) if path else "" for key, path in written.items()}
    relative = {key: path for key, path in written.items() if path != paths[key]}
    return {**paths, "written": relative}
