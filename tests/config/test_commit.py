"""`commit:` of a connector file: when a sync is committed on the way, and where it cannot be."""

from __future__ import annotations

import pytest

from connector_assets.commit import Commit
from connector_assets.connector_json import parse_connector, render_connector

from .folder import ProjectFolder, lines, shown

TAP = """\
name: one
owner: team
engine: meltano
source: tap-shop
destination: lake.shop_data
commit: %s
streams: {orders: {write: %s, primary_key: id}}
"""
DLT = """\
name: one
owner: team
engine: dlt
source: %s
destination: lake.shop_data
commit: {every: 15m}
streams: {orders: {write: append, %s}}
"""


@pytest.mark.parametrize(
    ("written", "commit"),
    [
        ("{every_rows: 1000}", Commit(every_rows=1000)),
        ("{every: 15m}", Commit(every=900.0)),
    ],
)
def test_commit_is_as_written_in_the_plan_too(
    folder: ProjectFolder, written: str, commit: Commit
) -> None:
    connector = folder.connector(TAP % (written, "append"))

    record = render_connector(connector, root=folder.root)

    assert connector.commit == commit
    assert parse_connector(record, root=folder.root).commit == commit


@pytest.mark.parametrize("written", ["{}", "{every: 15m, every_rows: 10}"])
def test_commit_is_one_of_the_two(folder: ProjectFolder, written: str) -> None:
    error = folder.refused(TAP % (written, "append"))

    assert "`commit` is one of `every_rows` and `every`" in shown(error)


def test_stream_that_is_replaced_is_committed_as_a_whole(folder: ProjectFolder) -> None:
    error = folder.refused(TAP % ("{every: 15m}", "replace"))

    assert "the stream 'orders' is replaced: it can only be committed as a whole" in shown(error)
    assert error.place == "connectors/one.yaml:6"


@pytest.mark.parametrize(
    ("source", "stream"),
    [
        ("sql_database", ""),
        ("filesystem", "cursor: id"),
        ("rest_api", "cursor: id"),
        ("dlt_assets:shop.assets:orders", ""),
    ],
)
def test_source_that_could_not_go_on_is_refused(
    folder: ProjectFolder, source: str, stream: str
) -> None:
    told = " ".join([*lines(folder.refused(DLT % (source, stream))), ""])

    assert "could go on where it stopped" in told or "committed as a whole" in told


@pytest.mark.parametrize(
    ("source", "stream"),
    [
        ("sql_database", "cursor: id"),
        ("python:shop.source:orders", ""),
        ("rest_api", "config: {path: x, incremental: {cursor_path: id, row_order: asc}}"),
    ],
)
def test_source_that_comes_in_order_can_have_checkpoints(
    folder: ProjectFolder, source: str, stream: str
) -> None:
    assert folder.connector(DLT % (source, stream)).commit == Commit(every=900.0)


def test_checkpoint_is_due_after_rows_or_seconds_and_never_without_rows() -> None:
    rows, seconds = Commit(every_rows=100), Commit(every=60)

    assert [rows.is_due(rows=one, seconds=1e6) for one in (0, 99, 100)] == [False, False, True]
    assert [seconds.is_due(rows=one, seconds=60) for one in (0, 1)] == [False, True]
    assert not seconds.is_due(rows=10**9, seconds=59)
