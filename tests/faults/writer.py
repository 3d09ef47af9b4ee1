"""A program that loads packages of its own into one table that others load into as well.

``python -m tests.faults.writer CATALOG FILES NAME ROUNDS``: each round merges rows that every
writer has, and rows that only this one has.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt

from connector_assets.destinations.load import LoadTarget, load_package
from connector_assets.destinations.locks import build_patience
from connector_assets.destinations.package import Package, StagedStream
from connector_assets.destinations.restore import restore
from connector_assets.engines.staging import open_pipeline, stage
from connector_assets.model import Destination, DestinationKind, WriteDisposition

DATASET, TABLE = "shared", "items"
COMMON, OWN = 20, 15


def rows(name: str, turn: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a round; of the common ones nobody knows who is last."""
    for number in range(COMMON):
        yield {"id": f"common-{number}", "writer": name, "turn": turn}
    for number in range(OWN):
        yield {"id": f"{name}-{number}", "writer": name, "turn": turn}


def load(destination: Destination, name: str, turn: int, *, folder: Path) -> None:
    """Stage a round and load it in one transaction."""
    pipeline = open_pipeline(
        folder / "staged", connector=name, dataset=DATASET, kind=destination.kind
    )
    for attempt in build_patience():
        with attempt:
            base = restore(pipeline, destination=destination, secrets={}, connector=name)
    resource = dlt.resource(
        rows(name, turn), name=TABLE, write_disposition="merge", primary_key="id"
    )
    staged = stage(pipeline, resource)
    stream = StagedStream(
        stream=TABLE,
        table=TABLE,
        write=WriteDisposition.MERGE,
        primary_key=("id",),
        emitted=COMMON + OWN,
        staged=staged[TABLE],
    )
    package = Package(
        package_id=f"{name}-{turn}",
        sync_id=f"{name}-{turn}",
        connector=name,
        dataset=DATASET,
        folder=folder / "staged",
        base_version=base,
        state_version=base + 1,
        streams=(stream,),
    )
    target = LoadTarget(destination=destination, scratch=folder / "loading", secrets={})
    load_package(package, target)


def main() -> None:
    """Load all rounds."""
    catalog, files, name, rounds = sys.argv[1:]
    destination = Destination(
        name="lake", kind=DestinationKind.DUCKLAKE, catalog=catalog, data_path=files
    )
    for turn in range(int(rounds)):
        with tempfile.TemporaryDirectory() as folder:
            load(destination, name, turn, folder=Path(folder))


if __name__ == "__main__":
    main()
