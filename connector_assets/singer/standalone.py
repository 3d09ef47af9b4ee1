"""``connector-target --config FILE``: a person's own pipe, loaded as the platform loads."""

from __future__ import annotations

import tempfile
import uuid
from functools import partial
from pathlib import Path
from typing import Any

from connector_assets.destinations.load import LoadTarget, load_package
from connector_assets.destinations.package import Package, StagedStream
from connector_assets.destinations.restore import restore
from connector_assets.engines.progress import Progress
from connector_assets.model import OldVersions
from connector_assets.singer.batches import Assembler
from connector_assets.singer.lines import ByteSource
from connector_assets.singer.settings import NAME, Settings
from connector_assets.singer.spec import StageSpec
from connector_assets.singer.stage import (
    build_normalize,
    build_pipeline,
    find_known,
    stage,
)


def load_stream(source: ByteSource, *, settings: Settings) -> dict[str, Any] | None:
    """Stage ``source``, load it in one transaction, and return the last STATE value.

    Raises:
        BadRecord: A message or value cannot be loaded faithfully.
        StateDivergence: Another process loaded into the dataset meanwhile.
        TransientSyncError: The destination is locked or not reached. In every case nothing was
            loaded.
    """
    with tempfile.TemporaryDirectory(prefix="connector-target-") as folder:
        staged = Path(folder) / "staged"
        pipeline = build_pipeline(_build_spec(settings, folder=staged))
        base_version = restore(
            pipeline, destination=settings.destination, secrets={}, connector=NAME
        )
        normalize = build_normalize()
        assembler = Assembler(
            resolve=partial(settings.resolve, normalize=normalize),
            normalize=normalize,
            known=find_known(pipeline),
        )
        manifest = stage(source, pipeline=pipeline, assembler=assembler, progress=Progress(None))
        if pipeline.list_normalized_load_packages():
            package = Package(
                package_id=uuid.uuid4().hex,
                sync_id=uuid.uuid4().hex,
                connector=NAME,
                dataset=settings.dataset,
                folder=staged,
                base_version=base_version,
                state_version=base_version + 1,
                streams=_list_streams(assembler, manifest=manifest),
            )
            load_package(
                package,
                LoadTarget(
                    destination=settings.destination, secrets={}, scratch=Path(folder) / "loading"
                ),
            )
    return assembler.state


def _build_spec(settings: Settings, *, folder: Path) -> StageSpec:
    return StageSpec(
        connector=NAME,
        dataset=settings.dataset,
        kind=settings.destination.kind,
        pipelines_dir=folder,
        manifest=folder / "manifest.json",
        progress=None,
        streams=(),
    )


def _list_streams(assembler: Assembler, *, manifest: dict[str, Any]) -> tuple[StagedStream, ...]:
    return tuple(
        StagedStream(
            stream=name,
            table=layout.stream.table,
            write=layout.stream.write,
            primary_key=tuple(column.name for column in layout.key),
            emitted=manifest["streams"][name]["emitted"],
            staged=manifest["streams"][name]["staged"],
            version=manifest["streams"][name]["version"],
            old_versions=layout.stream.old_versions or OldVersions.MARK,
        )
        for name, layout in assembler.layouts.items()
    )
