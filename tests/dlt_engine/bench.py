"""Connectors with dlt sources, staged as the worker stages them; what was staged, read back."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connector_assets.destinations.package import StagedStream
from connector_assets.engines.dlt import stage_dlt
from connector_assets.engines.dlt_errors import explain
from connector_assets.engines.staging import open_pipeline
from connector_assets.errors import ConnectorError
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


def connector(source: str, config: dict[str, Any], *streams: Stream, **options: Any) -> Connector:
    return Connector(
        name="shop",
        owner="team",
        engine=Engine.DLT,
        source=source,
        config=config,
        destination=LAKE,
        dataset="shop_data",
        streams=streams,
        file=Path("connectors/shop.yaml"),
        **options,
    )


@dataclass(frozen=True)
class Bench:
    """Stages in ``folder``, each time from the state that the time before left."""

    folder: Path

    def stage(self, declared: Connector, **secrets: str) -> dict[str, StagedStream]:
        """Stage; return the counts by stream."""
        shutil.rmtree(self.folder / "shop" / "load", ignore_errors=True)
        pipeline = open_pipeline(
            self.folder, connector="shop", dataset="shop_data", kind=DestinationKind.DUCKDB
        )
        try:
            staged = stage_dlt(declared, pipeline=pipeline, secrets=secrets)
        except Exception as error:
            raise explain(error, declared) from error
        return {each.stream: each for each in staged.streams}

    def fail(self, declared: Connector, **secrets: str) -> ConnectorError:
        """Stage what cannot be staged; return the error, which names the connector."""
        with pytest.raises(ConnectorError) as caught:
            self.stage(declared, **secrets)
        assert caught.value.connector == "shop"
        return caught.value

    def table(self, name: str) -> pa.Table:
        """Return what is staged of a table, without dlt's own columns."""
        normalized = self.folder / "shop" / "load" / "normalized"
        found = pa.concat_tables(
            pq.read_table(file) for file in sorted(normalized.glob(f"*/new_jobs/{name}.*.parquet"))
        )
        return found.select([each for each in found.column_names if not each.startswith("_dlt")])

    def rows(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.table(name).to_pylist()
        return rows

    def full_rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a table whose files have not all of its columns."""
        normalized = self.folder / "shop" / "load" / "normalized"
        found = [pq.read_table(file) for file in normalized.glob(f"*/new_jobs/{name}.*.parquet")]
        rows = pa.concat_tables(found, promote_options="default").to_pylist()
        return [{key: row[key] for key in row if not key.startswith("_dlt")} for row in rows]
