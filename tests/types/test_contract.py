"""Each case of the type contract, really run: what arrives is what was sent, or nothing does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pytest

from connector_assets.destinations.connect import connected, is_new, quoted
from connector_assets.engines.dlt import stage_dlt
from connector_assets.engines.dlt_errors import explain
from connector_assets.engines.staging import open_pipeline
from connector_assets.errors import ConnectorError
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
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

from .case import Arrives, Case, Refused, Sent, Way
from .cases import BY_NAME, find
from .sources import by_stream, render_messages

pytestmark = pytest.mark.integration

PROJECT = """\
version: 1
project_id: contract
defaults: {owner: team, write: append, retries: {max: 0}}
destinations:
  file: {type: duckdb, path: data/file.duckdb}
  lake: {type: ducklake, catalog: "duckdb:///data/lake.ducklake", data_path: data/lake}
"""
CONNECTOR = """\
name: contract
engine: {engine}
source: {source}
config: {config}
destination: {destination}.contract
streams:
"""
DESTINATIONS = ("file", "lake")
LAKE = Destination(name="lake", kind=DestinationKind.DUCKLAKE)


class Contract:
    """A project with one connector, which gets all the cases that arrive."""

    def __init__(self, root: Path, destination: str) -> None:
        self.root, self.destination = root, destination
        (root / "connectors").mkdir()
        (root / "connectors.yaml").write_text(PROJECT)
        code = "from tests.types.sources import contract, single\n"
        (root / "contract_source.py").write_text(code)

    def sync(self, engine: Engine, *, source: str, config: str, streams: list[str]) -> SyncRow:
        """Sync streams, each named after the policy that it ends with."""
        text = CONNECTOR.format(
            engine=engine, source=source, config=config, destination=self.destination
        )
        for stream in streams:
            policy = stream.partition("_")[2]
            rules = "{}" if policy == "unsaid" else f"{{naive_times: {policy}}}"
            text += f"  {stream}: {rules}\n"
        (self.root / "connectors" / "contract.yaml").write_text(text)
        project = load_project(self.root)
        with Ledger.open(f"sqlite:///{self.root / '.connectors' / 'ledger.db'}") as ledger:
            setting = Setting(project=project, ledger=ledger)
            request = StartRequest(root_run_id=uuid4().hex)
            return run_sync(setting, project.connector("contract"), request=request)

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        destination = load_project(self.root).destination(self.destination)
        with connected(destination, secrets={}, read_only=True) as connection:
            yield connection


@pytest.fixture(scope="module", params=DESTINATIONS)
def of_dlt(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    contract = Contract(tmp_path_factory.mktemp("dlt"), request.param)
    streams = [
        f"{way.name.lower()}_{stream}"
        for way in (Way.ROWS, Way.TABLE)
        for stream in by_stream(find(way, arrives=True))
    ]
    source = "python:contract_source:contract"
    row = contract.sync(Engine.DLT, source=source, config="{}", streams=streams)
    assert row.verdict is Verdict.SUCCEEDED, row.cause
    with contract.opened() as connection:
        yield connection


@pytest.fixture(scope="module", params=DESTINATIONS)
def of_tap(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    declare_taps: Callable[[Path], None],
) -> Iterator[duckdb.DuckDBPyConnection]:
    contract = Contract(tmp_path_factory.mktemp("tap"), request.param)
    declare_taps(contract.root)
    row = send(contract, find(Way.TAP, arrives=True))
    assert row.verdict is Verdict.SUCCEEDED, row.cause
    with contract.opened() as connection:
        yield connection


def send(contract: Contract, given: list[tuple[Case, Sent]]) -> SyncRow:
    """Sync cases through the tap that prints them."""
    streams = {f"tap_{stream}": cases for stream, cases in by_stream(given).items()}
    (contract.root / "lines.jsonl").write_bytes(b"".join(render_messages(streams)))
    return contract.sync(
        Engine.MELTANO, source="tap-verbatim", config="{file: lines.jsonl}", streams=[*streams]
    )


def ids(given: list[tuple[Case, Sent]]) -> list[str]:
    return [case.name for case, _ in given]


def cases(way: Way, *, arrives: bool) -> pytest.MarkDecorator:
    """Parametrise over the names of cases."""
    return pytest.mark.parametrize("name", ids(find(way, arrives=arrives)))


@cases(Way.TAP, arrives=True)
def test_value_of_a_tap_arrives(of_tap: duckdb.DuckDBPyConnection, name: str) -> None:
    check_arrival(of_tap, BY_NAME[name], Way.TAP)


@cases(Way.ROWS, arrives=True)
def test_value_of_a_row_arrives(of_dlt: duckdb.DuckDBPyConnection, name: str) -> None:
    check_arrival(of_dlt, BY_NAME[name], Way.ROWS)


@cases(Way.TABLE, arrives=True)
def test_value_of_a_table_arrives(of_dlt: duckdb.DuckDBPyConnection, name: str) -> None:
    check_arrival(of_dlt, BY_NAME[name], Way.TABLE)


def check_arrival(connection: duckdb.DuckDBPyConnection, case: Case, way: Way) -> None:
    expected = case.sent[way].outcome
    assert isinstance(expected, Arrives)
    table = f"{way.name.lower()}_{case.stream}"
    column = expected.column or case.name
    order = "id"
    if column.endswith("[]"):
        table, column, order = f"{table}__{column[:-2]}", "value", "_dlt_list_idx"
    found = connection.execute(
        f"SELECT {quoted(column)}, typeof({quoted(column)}) FROM contract.{quoted(table)}"
        f" ORDER BY {order} LIMIT {len(expected.values)}"
    ).fetchall()
    assert [show(value) for value, _ in found] == [show(value) for value in expected.values]
    assert {kind for _, kind in found} == {expected.type}


def show(value: Any) -> tuple[str, Any]:
    """Return what tells values apart that == does not: NaN and NaN, 0.0 and -0.0, 1 and 1.0."""
    if isinstance(value, datetime) and value.tzinfo:
        value = value.astimezone(UTC)
    return type(value).__name__, repr(value) if isinstance(value, float) else value


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


def refuse(case: Case, way: Way, folder: Path) -> ConnectorError:
    """Return the error of staging one case as dlt's engine does."""
    declared = Connector(
        name="contract",
        owner="team",
        engine=Engine.DLT,
        source="python:tests.types.sources:single",
        config={"name": case.name, "way": str(way)},
        destination=LAKE,
        dataset="contract",
        streams=(build_stream(case),),
    )
    pipeline = open_pipeline(folder, connector="contract", dataset="contract", kind=LAKE.kind)
    try:
        stage_dlt(declared, pipeline=pipeline, secrets={})
    except Exception as error:
        return explain(error, declared)
    pytest.fail("it was staged")


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
