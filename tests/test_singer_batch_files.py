"""BATCH messages as the Singer SDK writes them: read with the rules that hold for RECORDs."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_sdk.batch import Batcher
from singer_sdk.helpers._batch import BatchConfig

from connector_assets.errors import BadRecord, ConnectorError, FatalSyncError
from connector_assets.model import NaiveTimes, Stream, WriteDisposition
from connector_assets.singer.batches import Assembler
from connector_assets.singer.messages import read_messages

PROPERTIES = {
    "id": {"type": "integer"},
    "price": {"type": ["number", "null"], "multipleOf": 0.01},
    "ratio": {"type": ["number", "null"]},
    "at": {"type": ["string", "null"], "format": "date-time"},
    "name": {"type": ["string", "null"]},
}
NESTED = {**PROPERTIES, "doc": {"type": ["object", "null"]}}
ENCODINGS = {
    "jsonl": {"format": "jsonl", "compression": "gzip"},
    "parquet": {"format": "parquet", "compression": "gzip"},
    "parquet plain": {"format": "parquet"},
}


def schema(properties: Any = None) -> dict[str, Any]:
    declared = {"properties": PROPERTIES if properties is None else properties}
    return {"type": "SCHEMA", "stream": "s", "schema": declared, "key_properties": ["id"]}


def batch(*files: str | Path, encoding: Any = None, **more: Any) -> dict[str, Any]:
    manifest = [file.as_uri() if isinstance(file, Path) else file for file in files]
    form = encoding or {"format": "jsonl", "compression": "none"}
    return {"type": "BATCH", "stream": "s", "encoding": form, "manifest": manifest, **more}


def record(**values: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": "s", "record": values}


def assemble(*messages: Any, **rules: Any) -> tuple[list[dict[str, Any]], Assembler]:
    stream = Stream(name="s", table="s", write=WriteDisposition.APPEND, **rules)
    assembler = Assembler(resolve=lambda _name, _key: stream, normalize=str.lower)
    lines = io.BytesIO("\n".join(map(json.dumps, messages)).encode())
    batches = list(assembler.batches(read_messages(lines)))
    return [row for each in batches for row in each.table.to_pylist()], assembler


def write_batches(records: Any, *, folder: Path, encoding: Any, size: int = 3) -> list[Any]:
    """Write records as the SDK does; return its BATCH messages."""
    content = {"encoding": encoding, "storage": {"root": folder.as_uri()}, "batch_size": size}
    writer = Batcher("tap", "s", BatchConfig.from_dict(content))
    return [batch(*files, encoding=encoding) for files in writer.get_batches(iter(records))]


RECORDS: list[dict[str, Any]] = [
    {"id": n, "price": n / 100, "ratio": n / 3, "at": "2026-01-01T00:00:00+02:00", "name": "ä\n"}
    for n in range(8)
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("properties", [PROPERTIES, NESTED], ids=["flat", "nested"])
def test_batches_of_the_sdk_are_the_same_rows_as_records(
    tmp_path: Path, encoding: str, properties: Any
) -> None:
    records = [{**one, "doc": {"a": [1.5, None]}} for one in RECORDS]
    if properties is PROPERTIES:
        records = RECORDS
    sent = write_batches(iter(records), folder=tmp_path, encoding=ENCODINGS[encoding])
    assert len(sent) == 3

    rows, assembler = assemble(schema(properties), *sent)

    assert rows == assemble(schema(properties), *(record(**one) for one in records))[0]
    assert assembler.emitted == {"s": 8}


def test_records_before_and_after_a_batch_keep_their_order(tmp_path: Path) -> None:
    file = tmp_path / "b.jsonl"
    file.write_text('{"id":2}\r\n\n  \n{"id":3}')

    rows, assembler = assemble(schema(), record(id=1), batch(file, file), record(id=4))

    assert [row["id"] for row in rows] == [1, 2, 3, 2, 3, 4]
    assert assembler.emitted["s"] == 6


def test_an_empty_batch_and_an_empty_file_have_no_records(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").touch()

    rows, assembler = assemble(schema(), batch(), batch(tmp_path / "b.jsonl"))

    assert (rows, assembler.emitted["s"]) == ([], 0)


def test_a_batch_of_many_records_is_read_in_blocks(tmp_path: Path) -> None:
    file = tmp_path / "b.jsonl.gz"
    text = "".join(f'{{"id":{n},"name":"{"x" * 500}"}}\n' for n in range(20_000))
    file.write_bytes(gzip.compress(text.encode(), 1))

    sent = batch(file, encoding=ENCODINGS["jsonl"], version=7)
    rows, _ = assemble(schema(), sent)

    assert [row["id"] for row in rows] == list(range(20_000))
    assert {row["_singer_version"] for row in rows} == {7}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param('{"id":1.5}', "property 'id' is declared integer", id="value"),
        pytest.param('{"id":null}', "part of the key", id="key"),
        pytest.param('{"id":1,"ratio":NaN}', "not JSON", id="NaN"),
        pytest.param('{"id":1} {"id":2}', "not JSON", id="two on one line"),
        pytest.param('{"id":1},"version":{"id":2}', "not JSON", id="more than a record"),
        pytest.param("[1]", "a JSON list", id="list"),
        pytest.param("null", "a JSON NoneType", id="null"),
        pytest.param('{"id":1,"at":"2026-01-01T00:00:00.1234567Z"}', "finer", id="time"),
        pytest.param('{"id":1,"ratio":0.1234567890123456789}', "digits", id="digits"),
        pytest.param('{"id":9223372036854775808}', "64 bits", id="integer"),
    ],
)
@pytest.mark.parametrize("properties", [PROPERTIES, NESTED], ids=["flat", "nested"])
def test_a_bad_record_is_refused_with_its_file_and_line(
    tmp_path: Path, line: str, problem: str, properties: Any
) -> None:
    file = tmp_path / "b.jsonl"
    file.write_text(f'{{"id":1}}\n{line}\n')

    with pytest.raises(BadRecord, match=problem) as caught:
        assemble(schema(properties), batch(file))

    assert (caught.value.place, caught.value.stream) == (f"{file.as_uri()}, line 2", "s")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        pytest.param(gzip.compress(b'{"id":1}\n' * 999)[:-9], ENCODINGS["jsonl"], id="cut off"),
        pytest.param(b'{"id":1}\n', ENCODINGS["jsonl"], id="not packed"),
        pytest.param(b"PAR1", ENCODINGS["parquet"], id="parquet"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes, encoding: Any) -> None:
    file = tmp_path / "b"
    file.write_bytes(content)

    with pytest.raises(BadRecord, match="no whole") as caught:
        assemble(schema(), batch(file, encoding=encoding))

    assert (caught.value.place, caught.value.stream) == (file.as_uri(), "s")


def test_a_file_that_is_not_there_is_refused_without_its_query(tmp_path: Path) -> None:
    url = (tmp_path / "gone.jsonl").as_uri()

    with pytest.raises(FatalSyncError, match="not there") as caught:
        assemble(schema(), batch(f"{url}?signature=secret"))

    assert (caught.value.place, caught.value.stream) == (url, "s")


def test_times_without_an_offset_in_a_batch_are_what_the_stream_says(tmp_path: Path) -> None:
    file = tmp_path / "b.jsonl"
    file.write_text('{"id":1,"at":"2026-01-01T00:00:00"}\n')

    rows, _ = assemble(schema(), batch(file), naive_times=NaiveTimes.KEEP_NAIVE)

    assert rows[0]["at"] == datetime(2026, 1, 1)


def test_parquet_types_become_what_the_schema_declares(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    table = pa.table(
        {
            "id": pa.array([1], pa.uint32()),
            "price": pa.array([Decimal("1.10")]),
            "at": pa.array([moment], pa.timestamp("ns", "UTC")),
            "name": pa.array(["x"]).dictionary_encode(),
            "doc": pa.array([{"day": date(2026, 1, 2), "n": [1]}]),
        }
    )
    pq.write_table(table, tmp_path / "b.parquet")

    sent = batch(tmp_path / "b.parquet", encoding={"format": "parquet"})
    rows, _ = assemble(schema(NESTED), sent)

    expected = {"id": 1, "price": Decimal("1.10"), "ratio": None, "at": moment, "name": "x"}
    assert rows == [{**expected, "doc": '{"day":"2026-01-02","n":[1]}'}]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        pytest.param(pa.array([float("nan")]), "NaN", id="NaN"),
        pytest.param(pa.array([{"a": [float("inf")]}]), "infinity", id="infinity inside"),
        pytest.param(pa.array([b"x"]), "no form in JSON", id="bytes"),
        pytest.param(pa.array([1], pa.timestamp("ns")), "no form in JSON", id="nanosecond"),
    ],
)
def test_what_json_cannot_say_is_refused(tmp_path: Path, values: Any, problem: str) -> None:
    pq.write_table(pa.table({"id": [1], "doc": values}), tmp_path / "b.parquet")

    with pytest.raises(BadRecord, match=problem) as caught:
        assemble(schema(NESTED), batch(tmp_path / "b.parquet", encoding={"format": "parquet"}))

    assert caught.value.stream == "s"


_VALUES = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.fixed_dictionaries({"id": st.integers(0, 9), "ratio": _VALUES}), max_size=9)
)
def test_any_records_are_the_same_in_a_batch(tmp_path: Path, rows: Any) -> None:
    file = tmp_path / "b.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def outcome(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except ConnectorError as error:
            return error.problem

    expected = outcome(lambda: assemble(schema(), *(record(**row) for row in rows))[0])
    assert outcome(lambda: assemble(schema(), batch(file))[0]) == expected
