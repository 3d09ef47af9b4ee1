"""Each case of the type contract that is refused: the error says where, and nothing arrives."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from connector_assets.destinations.connect import is_new
from connector_assets.engines.dlt import Staged, stage_dlt
from connector_assets.engines.dlt_errors import explain
from connector_assets.engines.staging import open_pipeline
from connector_assets.errors import BadRecord, ConnectorError
from connector_assets.ledger.records import SyncRow
from connector_assets.model import (
    Connector,
    Destination,
    DestinationKind,
    Engine,
    Stream,
    Verdict,
    WriteDisposition,
)
from connector_assets.project import load_project
from connector_assets.singer.batches import Assembler
from connector_assets.singer.messages import read_messages
from connector_assets.singer.stage import build_normalize

from .case import Case, Refused, Way
from .cases import BY_NAME
from .project import Contract, cases, send
from .sources import render_messages

pytestmark = pytest.mark.integration


LAKE = Destination(name="lake", kind=DestinationKind.DUCKLAKE)


@cases(Way.TAP, arrives=False)
def test_value_of_a_tap_is_refused(name: str) -> None:
    case = BY_NAME[name]
    lines = BytesIO(b"".join(render_messages({"only": [(case, case.sent[Way.TAP])]})))
    stream = build_stream(case)
    assembler = Assembler(resolve=lambda _name, _key: stream, normalize=build_normalize())

    with pytest.raises(ConnectorError) as caught:
        list(assembler.batches(read_messages(lines)))

    check_refusal(caught.value, case, Way.TAP)


@cases(Way.ROWS, arrives=False)
def test_value_of_a_row_is_refused(name: str, tmp_path: Path) -> None:
    check_refusal(refuse(BY_NAME[name], Way.ROWS, tmp_path), BY_NAME[name], Way.ROWS)


@cases(Way.TABLE, arrives=False)
def test_value_of_a_table_is_refused(name: str, tmp_path: Path) -> None:
    check_refusal(refuse(BY_NAME[name], Way.TABLE, tmp_path), BY_NAME[name], Way.TABLE)


def test_rows_of_other_kinds_are_checked_too(tmp_path: Path) -> None:
    stream = Stream(name="only", table="only", write=WriteDisposition.APPEND)

    good = stage("objects", {"total": 3.5}, stream=stream, folder=tmp_path / "good")
    with pytest.raises(BadRecord, match="NULL") as caught:
        stage("objects", {"total": float("nan")}, stream=stream, folder=tmp_path / "bad")

    assert [each.staged for each in good.streams] == [3]
    assert caught.value.place == "row 3"


def refuse(case: Case, way: Way, folder: Path) -> ConnectorError:
    """Return the error of staging one case as dlt's engine does."""
    config = {"name": case.name, "way": str(way)}
    with pytest.raises(ConnectorError) as caught:
        stage("single", config, stream=build_stream(case), folder=folder)
    return caught.value


def stage(function: str, config: dict[str, Any], *, stream: Stream, folder: Path) -> Staged:
    """Stage a source of this folder as dlt's engine does."""
    declared = Connector(
        name="contract",
        owner="team",
        engine=Engine.DLT,
        source=f"python:tests.type_contract.sources:{function}",
        config=config,
        destination=LAKE,
        dataset="contract",
        streams=(stream,),
    )
    pipeline = open_pipeline(folder, connector="contract", dataset="contract", kind=LAKE.kind)
    try:
        return stage_dlt(declared, pipeline=pipeline, secrets={})
    except Exception as error:
        raise explain(error, declared) from error


def check_refusal(error: ConnectorError, case: Case, way: Way) -> None:
    """Check that the error names stream, row, column and the masked value."""
    expected = case.sent[way].outcome
    assert isinstance(expected, Refused)
    assert expected.reason in error.problem
    assert repr(expected.masked)[1:-1] in error.problem
    assert any(column in error.problem for column in case.columns)
    assert error.stream == "only"
    assert error.fix
    assert not expected.masked or error.place.startswith(("row ", "line "))


def test_refused_value_of_a_tap_leaves_nothing(
    tmp_path: Path, declare_taps: Callable[[Path], None]
) -> None:
    contract = Contract(tmp_path, "lake")
    declare_taps(tmp_path)
    case = BY_NAME["beyond_int64"]

    row = send(contract, [(case, case.sent[Way.TAP])])

    assert row.verdict is Verdict.FAILED
    check_error(row, place="tap-verbatim, line 2 of its output", stream="tap_unsaid")
    assert not find_tables(contract)


def test_refused_value_of_dlt_leaves_nothing(tmp_path: Path) -> None:
    contract = Contract(tmp_path, "file")

    row = contract.sync(
        Engine.DLT,
        source="python:contract_source:single",
        config="{name: infinity, way: 'dlt, rows', stream: rows_unsaid}",
        streams=["rows_unsaid"],
    )

    assert row.verdict is Verdict.FAILED
    check_error(row, place="row 1", stream="rows_unsaid")
    assert not find_tables(contract)


def check_error(row: SyncRow, **expected: str) -> None:
    error = row.result["error"]
    assert error["type"] == "BadRecord"
    assert {key: error[key] for key in expected} == expected


def find_tables(contract: Contract) -> list[Any]:
    if is_new(load_project(contract.root).destination(contract.destination)):
        return []
    with contract.opened() as connection:
        found: list[Any] = connection.execute("SHOW ALL TABLES").fetchall()
        return found


def build_stream(case: Case) -> Stream:
    return Stream(
        name="only", table="only", write=WriteDisposition.APPEND, naive_times=case.naive_times
    )
