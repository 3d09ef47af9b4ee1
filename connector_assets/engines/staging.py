"""The working directory of a dlt pipeline: where an engine stages, and a load starts from a copy.

A staged package is immutable. dlt marks jobs as done on disk, so that a second load of the same
directory after a rollback loads nothing and reports success: each load works on a fresh copy.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa

from connector_assets.destinations.atomic import build_destination
from connector_assets.faults import fault_point
from connector_assets.model import DestinationKind

_SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # dlt warns on every batch that a JSON column comes as Arrow text.
    "RUNTIME__LOG_LEVEL": "ERROR",
    # A merge would leave its batch in the staging dataset.
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
    # Also what makes dlt stage its state with the rows; extract by itself restores nothing.
    "RESTORE_FROM_DESTINATION": "true",
    # Otherwise dlt imports all of Airflow, where it is installed: seconds.
    "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
    # Arrow data carries no load id otherwise, and rows are counted by it.
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "LOAD__WORKERS": "1",
    # A reader of Parquet keeps what it has read of a file: one file for all would be all of it.
    "DATA_WRITER__FILE_MAX_ITEMS": "500000",
    # A failed job must end the transaction, not be retried inside it.
    "LOAD__RAISE_ON_FAILED_JOBS": "true",
}


def apply_settings() -> None:
    """Set what dlt reads from the environment, for this process and those that it starts."""
    os.environ.update(_SETTINGS)


def open_pipeline(folder: Path, *, connector: str, dataset: str, kind: DestinationKind) -> Any:
    """Return the connector's dlt pipeline with ``folder`` as its working directory.

    Opens no database. The same folder gives the same pipeline, with its state and schemas.
    """
    apply_settings()
    return dlt.pipeline(
        pipeline_name=connector,
        pipelines_dir=str(folder),
        destination=build_destination(kind, name="destination", folder=folder),
        dataset_name=dataset,
    )


def stage(
    pipeline: Any, source: Any, *, enter: Callable[[str], object] = lambda _: None
) -> dict[str, int]:
    """Extract and normalise a source into parquet; return the rows staged per table.

    Nothing is loaded; the working directory is the staged package. ``enter`` is told each phase.
    """
    enter("extract")
    pipeline.extract(source, loader_file_format="parquet")
    fault_point("end_of_extract")
    enter("normalize")
    fault_point("normalize")
    pipeline.normalize()
    # Arrow keeps what it has used for more; what loads next has memory of its own.
    pa.default_memory_pool().release_unused()
    trace = pipeline.last_trace.last_normalize_info
    return dict(trace.row_counts) if trace else {}


def copy_package(package: Path, *, to: Path) -> Path:
    """Return a fresh working copy of a staged package; parquet files are linked, not copied.

    dlt moves data files and rewrites the small ones, so that only the latter need their own bytes.
    """
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(package, to, copy_function=_link_data)
    return to


def set_aside(package: Path, *, to: Path) -> None:
    """Move a staged package away and leave a working directory that goes on where it ends.

    That has its schemas and its state, and no rows.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    package.rename(to)
    shutil.copytree(to, package, ignore=shutil.ignore_patterns("load", "normalize"))


def _link_data(source: str, target: str) -> str:
    if source.endswith(".parquet"):
        try:
            os.link(source, target)
        except OSError:  # another file system: bytes it is
            shutil.copy2(source, target)
    else:
        shutil.copy2(source, target)
    return target
