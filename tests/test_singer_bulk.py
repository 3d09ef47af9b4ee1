"""Runs of records read as a whole: the same tables, and the same refusals, as line by line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_assets.errors import BadRecord
from connector_assets.model import NaiveTimes, Stream, WriteDisposition
from connector_assets.singer.batches import Assembler
from connector_assets.singer.bulk import build_reader
from connector_assets.singer.layouts import build_layout
from connector_assets.singer.lines import RecordRun
from connector_assets.singer.messages import parse_message, read_messages

NEVER = 10**9
PROPERTIES: dict[str, Any] = {
    "id": {"type": "integer"},
    "n": {"type": ["number", "null"]},
    "d": {"type": ["number", "null"], "multipleOf": 0.01, "maximum": 9999999999.99},
    "t": {"type": ["string", "null"]},
    "b": {"type": ["boolean", "null"]},
    "at": {"type": ["string", "null"], "format": "date-time"},
    "day": {"type": ["string", "null"], "format": "date"},
    "clock": {"type": ["string", "null"], "format": "time"},
}
#: Each as it stands in the line.
LITERALS = (
    *("null", "true", "0", "-0", "-0.0", "1", "1.0", "1.5", "1e3", "1E-5", "1.005", "12.10"),
    *("9007199254740991", "9007199254740993", "9223372036854775807", "9223372036854775808"),
    *("0.1", "0.30000000000000004", "0.3333333333333333333", "123456789012345678901", "1e22"),
    *("1e-5", "1e-300", "1e-308", "1e-310", "1e-400", "1e300", "1e400", "0.000000000000000001"),
    *("NaN", "Infinity", "-Infinity", "nan", "+1", "01", "1.", ".5", "'1'", "[1]", '{"a": 1}'),
    *('""', '"x"', '"1"', '"1.5"', '"0.1234567890123456789"', '"a\\u0000b"', '"\\ud800"'),
    *('"\\ud83d\\ude00"', '"\\x"', '"\\n"', '"\t"', '"é"', '"2026-01-02"', '"12:30:00"'),
    *('"2026-01-02T03:04:05"', '"2026-01-02T03:04:05Z"', '"2026-01-02T03:04:05.1234567Z"'),
    *('"2026-01-02T03:04:05.123456+05:30"', '"0000-01-01"', '"24:00:00"', '"12:30:00Z"'),
)


def build_schema(properties: dict[str, Any] = PROPERTIES, **more: Any) -> str:
    declared = {"properties": properties, **more}
    return json.dumps({"type": "SCHEMA", "stream": "s", "schema": declared, "key_properties": []})


def build_record(values: str, more: str = "") -> str:
    return f'{{"type":"RECORD","stream":"s","record":{{{values}}}{more}}}'


def assemble(
    lines: Iterable[str | bytes], *, min_run: int, write: str = "append", **rules: Any
) -> tuple[Any, ...]:
    """Return the rows and the counts, or how they are refused, of one Singer stream."""
    texts = [line if isinstance(line, bytes) else line.encode("utf-8") for line in lines]
    source = io.BytesIO(b"\n".join(texts) + b"\n")
    stream = Stream(name="s", table="s", write=WriteDisposition(write), **rules)
    assembler = Assembler(resolve=lambda _name, _key: stream, normalize=str.lower)
    try:
        batches = list(assembler.batches(read_messages(source, min_run=min_run)))
    except BadRecord as error:
        return (error.problem, error.place, error.stream)
    tables = [batch.table for batch in batches if batch.table.num_rows]
    types = {field.name: field.type for table in tables for field in table.schema}
    rows = [row for table in tables for row in table.to_pylist()]
    # A batch without undeclared properties has no column for them.
    filled = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return (types, filled, dict(assembler.emitted), assembler.state)


def read_both(lines: list[str | bytes], **more: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return what comes of a stream whose records are read as runs, and line by line."""
    as_runs, by_line = (assemble(lines, min_run=number, **more) for number in (1, NEVER))
    return as_runs, by_line


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_literal_is_what_it_is_in_a_line_of_its_own(name: str) -> None:
    good = build_record('"id":1')
    for literal in LITERALS:
        odd = build_record(f'"{name}":{literal}')
        as_runs, by_line = read_both([build_schema(), good, good, odd, good])
        assert as_runs == by_line, literal


@given(
    st.lists(
        st.dictionaries(st.sampled_from([*PROPERTIES, "more"]), st.sampled_from(LITERALS)),
        max_size=6,
    )
)
def test_any_records_are_the_same_as_line_by_line(records: list[dict[str, str]]) -> None:
    lines = [build_record(",".join(f'"{k}":{v}' for k, v in one.items())) for one in records]
    as_runs, by_line = read_both([build_schema(), build_record('"id":1'), *lines])

    assert as_runs == by_line


@given(st.lists(st.text(), max_size=5), st.floats(), st.integers(), st.datetimes())
def test_any_values_are_the_same_as_line_by_line(
    texts: list[str], number: float, whole: int, moment: Any
) -> None:
    values = {"n": number, "id": whole, "at": moment.isoformat()}
    records = [json.dumps({"t": text, **values}, ensure_ascii=False)[1:-1] for text in texts]
    lines = [build_record(one).encode("utf-8", "surrogatepass") for one in records]
    as_runs, by_line = read_both([build_schema(), build_record('"id":1'), *lines])

    assert as_runs == by_line


@pytest.mark.parametrize(
    "line",
    [
        build_record('"id":2') * 2,
        build_record('"id":2') + ",",
        build_record('"id":2')[:-1],
        build_record('"id":2,"id":3'),
        build_record('"\\u0069d":2'),
        build_record('"more":{"a":[1]}'),
        build_record('"id":2', ',"time_extracted":"2026-01-01T00:00:00Z"'),
        build_record('"id":2', ',"version":7'),
        build_record('"id":2', ',"type":"STATE"'),
        build_record('"id":2', ',"record":null'),
        build_record("") + "\r",
        "  " + build_record('"id":2'),
        '{"stream":"s","type":"RECORD","record":{"id":2}}',
        '{"type": "RECORD", "stream": "s", "record": {"id": 2}}',
        '{"type":"STATE","value":{"a":1}}',
        '{"type":"STATE","value":3}',
        '{"type":"STATE"',
        "",
        "   ",
        b'{"type":"RECORD","stream":"s","record":{"t":"\xff"}}',
    ],
)
@pytest.mark.parametrize("write", ["append", "merge"])
def test_an_odd_line_among_others_is_the_same(line: str | bytes, write: str) -> None:
    good = [build_record(f'"id":{number}') for number in range(3)]
    lines = [build_schema(), *good, line, *good, *good]
    as_runs, by_line = read_both(lines, write=write, primary_key=("id",))

    assert as_runs == by_line


def test_a_record_that_names_two_streams_is_refused() -> None:
    good, bad = build_record('"id":1'), build_record('"id":2', ',"stream":"other"')

    for min_run in (1, NEVER):
        found = assemble([build_schema(), good, bad, good], min_run=min_run)
        assert found[1] == "line 3"


def test_naive_times_are_what_the_stream_says() -> None:
    lines: list[str | bytes] = [
        build_schema(),
        *(build_record(f'"id":1,"at":"2026-01-0{day}T00:00:00"') for day in range(1, 5)),
    ]
    for naive_times in (None, *NaiveTimes):
        as_runs, by_line = read_both(lines, naive_times=naive_times)
        assert as_runs == by_line


def test_a_schema_in_between_begins_other_columns() -> None:
    other = build_schema({"id": {"type": "integer"}, "new": {"type": "string"}})
    as_runs, by_line = read_both(
        [
            build_schema(),
            *(build_record(f'"id":{number}') for number in range(3)),
            other,
            *(build_record(f'"id":{number},"new":"x"') for number in range(3)),
        ]
    )

    assert as_runs == by_line
    assert set(as_runs[0]) == {*PROPERTIES, "new"}


def test_undeclared_properties_are_refused_where_the_schema_says_so() -> None:
    good, bad = build_record('"id":1'), build_record('"id":1,"more":2')
    closed = build_schema(additionalProperties=False)
    as_runs, by_line = read_both([closed, good, good, bad])

    assert as_runs == by_line
    assert "not declared" in as_runs[0]


def test_two_streams_and_states_line_by_line_are_runs_too() -> None:
    def of(stream: str, number: int) -> bytes:
        return build_record(f'"id":{number}').replace('"s"', f'"{stream}"').encode()

    def declare(stream: str) -> bytes:
        return build_schema().replace('"s"', f'"{stream}"').encode()

    lines = [declare("s"), declare("x"), of("s", 0), of("x", 0)]
    for number in range(1, 6):
        state = json.dumps({"type": "STATE", "value": {"at": number}}).encode()
        lines += [of("s", number), of("x", number), state]
    parts = list(read_messages(io.BytesIO(b"\n".join(lines)), min_run=5))

    runs = [part for part in parts if isinstance(part, RecordRun)]
    assert [(run.stream, list(run.numbers)) for run in runs] == [
        ("s", [5, 8, 11, 14, 17]),
        ("x", [6, 9, 12, 15, 18]),
    ]
    assert parts.index(runs[1]) < len(parts) - 5, "a state stands after the records before it"


@pytest.mark.parametrize("row", ['"id":1,"n":1.5,"t":"x"', '"d":12.10,"at":"2026-01-01T00:00:00Z"'])
def test_usual_records_are_read_as_a_whole(row: str) -> None:
    stream = Stream(name="s", table="s", write=WriteDisposition.APPEND)
    schema = parse_message(build_schema().encode(), number=1)
    reader = build_reader(
        build_layout(schema, resolve=lambda _name, _key: stream, normalize=str.lower)
    )
    assert reader is not None

    found = reader.read(RecordRun("s", (build_record(row) + "\n").encode() * 3, range(2, 5)))

    assert found is not None
    assert found.table.num_rows == 3
