"""One table through both engines has one profile."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from connector_assets.audit.profile import (
    ColumnProfile,
    StreamProfile,
    parse_profiles,
    render_profiles,
)

pytestmark = pytest.mark.integration
ROWS: list[dict[str, Any]] = [
    {"id": 1, "name": "a", "total": 1.5, "paid": True, "note": None},
    {"id": 2, "name": None, "total": 2.5, "paid": False, "note": None},
    {"id": 3, "name": None, "total": None, "paid": None, "note": None},
]
TYPES: dict[str, Any] = {
    "id": {"type": "integer"},
    "name": {"type": ["string", "null"]},
    "total": {"type": ["number", "null"]},
    "paid": {"type": ["boolean", "null"]},
    "note": {"type": ["string", "null"]},
}


def profile_with_dlt(folder: Path, rows: Any, **hints: Any) -> StreamProfile:
    import dlt

    from connector_assets.engines.profile import profile_tables
    from connector_assets.engines.staging import open_pipeline, stage
    from connector_assets.model import DestinationKind

    pipeline = open_pipeline(folder, connector="shop", dataset="d", kind=DestinationKind.DUCKDB)
    stage(pipeline, dlt.resource(rows, name="orders", primary_key="id", **hints))
    return profile_tables(folder)["orders"]


def profile_with_singer(folder: Path) -> StreamProfile:
    from connector_assets.engines.profile import profile_tables
    from connector_assets.engines.progress import Progress
    from connector_assets.model import DestinationKind, Stream, WriteDisposition
    from connector_assets.singer import stage as staging
    from connector_assets.singer.batches import Assembler
    from connector_assets.singer.spec import StageSpec

    declared = Stream(name="orders", table="orders", write=WriteDisposition.APPEND)
    spec = StageSpec(
        connector="shop",
        dataset="d",
        kind=DestinationKind.DUCKDB,
        pipelines_dir=folder,
        manifest=folder / "manifest.json",
        progress=None,
        streams=(declared,),
    )
    head = {
        "type": "SCHEMA",
        "stream": "orders",
        "schema": {"properties": TYPES},
        "key_properties": ["id"],
    }
    records = [{"type": "RECORD", "stream": "orders", "record": row} for row in ROWS]
    text = "\n".join(json.dumps(message) for message in (head, *records))
    pipeline = staging.build_pipeline(spec)
    assembler = Assembler(resolve=spec.resolve, normalize=staging.build_normalize())
    source = io.BytesIO(text.encode())
    staging.stage(source, pipeline=pipeline, assembler=assembler, progress=Progress(None))
    return profile_tables(folder)["orders"]


def test_one_table_has_the_same_profile_through_both_engines(tmp_path: Path) -> None:
    columns: Any = {"note": {"data_type": "text"}}

    by_dlt = profile_with_dlt(tmp_path / "dlt", ROWS, columns=columns)
    by_singer = profile_with_singer(tmp_path / "singer")

    assert by_dlt == by_singer
    assert {name: one.filled for name, one in by_dlt.columns.items()} == {
        "id": 3,
        "name": 1,
        "total": 2,
        "paid": 2,
        "note": 0,
    }


def test_two_types_in_one_batch_are_variants_of_one_column(tmp_path: Path) -> None:
    rows = [{"id": 1, "total": 1}, {"id": 2, "total": 1.5}, {"id": 3, "total": "free"}]

    profile = profile_with_dlt(tmp_path, rows)

    assert profile.columns["total"] == ColumnProfile(
        type="bigint", filled=1, variants=("double", "text")
    )


def test_profile_survives_json(tmp_path: Path) -> None:
    profiles = {"orders": profile_with_dlt(tmp_path, ROWS)}

    assert parse_profiles(json.loads(json.dumps(render_profiles(profiles)))) == profiles
