"""A connector-target that loses the last record of each batch; LIE is what it tells of that."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from connector_assets.singer import stage

_whole_mark, _whole_manifest = stage._mark, stage._build_manifest


def _mark(batch: Any) -> Any:
    return _whole_mark(replace(batch, table=batch.table.slice(0, batch.table.num_rows - 1)))


def _build_manifest(assembler: Any, *, staged: Any) -> dict[str, Any]:
    manifest = _whole_manifest(assembler, staged=staged)
    if os.environ["LIE"] == "says that all are staged":
        for entry in manifest["streams"].values():
            entry["staged"] = entry["emitted"]
    return manifest


stage._mark, stage._build_manifest = _mark, _build_manifest
if os.environ["LIE"] == "says nothing":
    stage.check_counts = lambda manifest: manifest
