"""A plain dlt pipeline, as one writes it: ``plain_dlt.py [--folder NAME] [--killed]``.

``--killed`` kills it when the first table of its load is there.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any, cast

import dlt
from dlt.common.runtime.collector import NullCollector

# The source lies in the project's folder, as with a pipeline of one's own.
sys.path.insert(0, str(Path.cwd()))


class Killer(NullCollector):
    """Gets to know of each job that is done; ends the process once one was not dlt's own."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = Path(folder)

    def update(self, name: str, inc: int = 1, *_: Any, **named: Any) -> None:
        # The order of the jobs is that of the folder's files: dlt's state may be the first.
        done = self._folder.glob("**/completed_jobs/*.parquet")
        if name == "Jobs" and any(not file.name.startswith("_dlt") for file in done):
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    from shop_source import source  # type: ignore[import-not-found] # it is in the working folder

    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", default="pipelines", help="dlt's working folder")
    parser.add_argument("--killed", action="store_true")
    options = parser.parse_args()
    pipeline = dlt.pipeline(
        "shop",
        pipelines_dir=options.folder,
        destination=dlt.destinations.duckdb("warehouse.duckdb"),
        dataset_name="shop_data",
        # Without one it is None, which dlt's own type leaves out.
        progress=cast(Any, Killer(options.folder) if options.killed else None),
    )
    pipeline.run(source(), loader_file_format="parquet")


if __name__ == "__main__":
    main()
