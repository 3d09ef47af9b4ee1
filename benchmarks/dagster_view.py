"""Loads 1,000 connectors of five streams into Dagster: ours from a project, or bare multi-assets.

``python -m benchmarks.dagster_view make|ours|bare FOLDER``, each in a process of its own.

(Dagster reads annotations as objects: no `from __future__ import annotations` here.)
"""

import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connector_assets.lock import Lock, LockedColumn, LockedStream, save_lock

CONNECTORS, STREAMS, COLUMNS = 1_000, 5, 8
_PROJECT = """\
version: 1
project_id: bench
destinations:
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
defaults: {owner: bench, write: append}
"""
_CONNECTOR = """\
name: %(name)s
schedule: {cron: "%(minute)d %(hour)d * * *"}
engine: dlt
source: rest_api
config: {client: {base_url: "https://%(name)s.example/"}}
destination: lake.%(name)s
streams:
%(streams)s
"""


def make(folder: Path) -> None:
    """Write the project: its connector files, and a lock for each."""
    (folder / "connectors").mkdir(parents=True)
    (folder / "connectors.yaml").write_text(_PROJECT)
    columns = {f"column_{number}": LockedColumn(type="text") for number in range(COLUMNS)}
    streams = {f"stream_{number}": LockedStream(columns=columns) for number in range(STREAMS)}
    lines = "\n".join(f"  {name}: {{config: {{path: {name}}}}}" for name in streams)
    for number in range(CONNECTORS):
        name = f"connector_{number}"
        at = {"minute": number % 60, "hour": number % 24}
        text = _CONNECTOR % {"name": name, "streams": lines, **at}
        (folder / "connectors" / f"{name}.yaml").write_text(text)
        save_lock(Lock(connector=name, streams=streams), root=folder)


def ours(folder: Path) -> None:
    """Load the project as the web server, the daemon and each run do."""
    os.environ["CONNECTORS_PROJECT"] = str(folder)
    from connector_assets.definitions import defs

    defs().get_repository_def().load_all_definitions()


def bare(_folder: Path) -> None:
    """Load as many multi-assets, with nothing but their names."""
    import dagster as dg

    def build(name: str) -> dg.AssetsDefinition:
        outs = {
            f"stream_{number}": dg.AssetOut(key=[name, f"stream_{number}"], is_required=False)
            for number in range(STREAMS)
        }

        @dg.multi_asset(name=name, outs=outs, group_name=name, can_subset=True)
        def assets() -> Iterator[Any]:
            yield from ()

        return assets

    found = [build(f"connector_{number}") for number in range(CONNECTORS)]
    dg.Definitions(assets=found).get_repository_def().load_all_definitions()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    {"make": make, "ours": ours, "bare": bare}[sys.argv[1]](Path(sys.argv[2]))
    # What Python takes down at its end is not what a person waits for.
    os._exit(0)
