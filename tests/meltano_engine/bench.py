"""A project folder with taps, and what its tests do with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from connector_assets.engines import meltano
from connector_assets.engines.meltano_log import LogLine
from connector_assets.model import (
    Connector,
    Destination,
    DestinationKind,
    Engine,
    Stream,
    WriteDisposition,
)

LAKE = Destination(name="lake", kind=DestinationKind.DUCKDB, path="lake.duckdb")


def stream(name: str, **options: Any) -> Stream:
    return Stream(**{"name": name, "table": name, "write": WriteDisposition.APPEND, **options})


def connector(source: str, *streams: Stream, **options: Any) -> Connector:
    given: dict[str, Any] = {
        "name": "shop",
        "owner": "team",
        "engine": Engine.MELTANO,
        "source": source,
        "destination": LAKE,
        "dataset": "shop_data",
        "streams": streams or (stream("orders"),),
        "file": Path("connectors/shop.yaml"),
    }
    return Connector(**{**given, **options})


@dataclass(frozen=True)
class Bench:
    """Stages connectors of the project at ``root``; ``log`` has what Meltano said."""

    root: Path
    log: list[LogLine] = field(default_factory=list)

    def prepare(self, declared: Connector, **options: Any) -> meltano.MeltanoRun:
        return meltano.prepare(
            declared,
            project_root=self.root,
            **{"environment": "dev", "secrets": {}, "state": None, **options},
        )

    def stage(self, declared: Connector, **options: Any) -> dict[str, Any]:
        """Check, prepare and stage; return the manifest."""
        meltano.check(declared, project_root=self.root)
        run = self.prepare(declared, **options)
        spec = self.write_spec(declared)
        ((manifest, _),) = meltano.stage(run, stage_file=spec, on_event=self.log.append)
        return manifest

    def write_spec(self, declared: Connector) -> Path:
        work = self.work(declared)
        work.mkdir(parents=True, exist_ok=True)
        streams = [
            {"name": each.name, "table": each.table, "write": str(each.write)}
            for each in declared.streams
        ]
        spec = {
            "connector": declared.name,
            "dataset": declared.dataset,
            "destination": "duckdb",
            "pipelines_dir": str(work / "pipelines"),
            "manifest": str(work / "manifest.json"),
            "progress": str(work / "progress.jsonl"),
            "streams": streams,
        }
        (work / "stage.json").write_text(json.dumps(spec))
        return work / "stage.json"

    def work(self, declared: Connector) -> Path:
        # Beside the project: what changes in it is under test.
        return self.root.with_name("work") / declared.name

    def rows(self, declared: Connector, table: str) -> list[dict[str, Any]]:
        """Return the staged rows of a table, in the order of their keys."""
        folder = self.work(declared) / "pipelines" / declared.name / "load" / "normalized"
        files = folder.glob(f"*/new_jobs/{table}.*.parquet")
        found = [row for file in files for row in pq.read_table(file).to_pylist()]
        return sorted(found, key=lambda row: str(row["id"]).zfill(9))

    def state(self, declared: Connector) -> dict[str, Any]:
        """Return the tap's state in the staged package."""
        file = self.work(declared) / "pipelines" / declared.name / "state.json"
        content = json.loads(file.read_text())
        state: dict[str, Any] = content["sources"]["singer"]["singer_state"]
        return state

    def write_state(self, content: Mapping[str, Any]) -> Path:
        file = self.root.with_name("state.json")
        file.write_text(json.dumps(content))
        return file

    def config_of_tap(self) -> dict[str, Any]:
        """Return the configuration that the tap said it got."""
        said = next(line.text for line in self.log if line.text.startswith("config "))
        config: dict[str, Any] = json.loads(said.removeprefix("config "))
        return config
