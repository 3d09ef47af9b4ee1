"""A position without rows: the state of a tap that was run by somebody else, loaded as a sync's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from connector_assets.destinations.bookkeeping import LoadRecord
from connector_assets.destinations.load import LoadTarget, load_package
from connector_assets.destinations.package import Package
from connector_assets.destinations.restore import restore
from connector_assets.engines.progress import Progress
from connector_assets.errors import StateDivergence
from connector_assets.model import Connector
from connector_assets.singer.batches import Assembler
from connector_assets.singer.spec import StageSpec
from connector_assets.singer.stage import build_normalize, build_pipeline, stage

if TYPE_CHECKING:
    from dlt import Pipeline


def load_position(
    connector: Connector,
    *,
    state: Mapping[str, Any],
    sync_id: str,
    folder: Path,
    target: LoadTarget,
) -> LoadRecord:
    """Make ``state`` the connector's first state, in one transaction; return its record.

    The next sync hands it to the tap. ``folder`` is for the package, which has no rows; the caller
    holds the file lock.

    Raises:
        StateDivergence: The connector has a state, or got one meanwhile; nothing was changed.
        EnvironmentMismatch: The destination belongs to another project or environment.
        TransientSyncError: The destination is locked or not reached.
    """
    pipeline, spec = _open(connector, folder=folder)
    base = restore(
        pipeline,
        destination=connector.destination,
        secrets=target.secrets,
        connector=spec.connector,
    )
    if base:
        problem = f"{connector.target} has a state already, of version {base}"
        place = f"destination {connector.destination.name}"
        fix = "Nothing was changed. A sync goes on from that state."
        raise StateDivergence(problem, connector=connector.name, place=place, fix=fix)
    message = BytesIO(json.dumps({"type": "STATE", "value": state}).encode())
    assembler = Assembler(resolve=spec.resolve, normalize=build_normalize())
    stage(message, pipeline=pipeline, assembler=assembler, progress=Progress(None))
    return load_package(
        _build_package(connector, sync_id=sync_id, folder=spec.pipelines_dir), target
    )


def _build_package(connector: Connector, *, sync_id: str, folder: Path) -> Package:
    return Package(
        package_id=f"{sync_id}-1-{uuid4().hex[:8]}",
        sync_id=sync_id,
        connector=connector.name,
        dataset=connector.dataset,
        folder=folder,
        base_version=0,
        state_version=1,
        streams=(),
    )


def _open(connector: Connector, *, folder: Path) -> tuple[Pipeline, StageSpec]:
    spec = StageSpec(
        connector=connector.name,
        dataset=connector.dataset,
        kind=connector.destination.kind,
        pipelines_dir=folder / "staged",
        manifest=folder / "manifest.json",
        progress=None,
        streams=connector.streams,
    )
    return build_pipeline(spec), spec
