"""Records become tables with the columns of their SCHEMA, and every record is in exactly one."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.errors import BadRecord, ConfigError
from connector_assets.model import Stream, WriteDisposition
from connector_assets.singer.batches import Assembler, Batch, Limits
from connector_assets.singer.messages import read_messages

PROPERTIES = {"id": {"type": "integer"}, "Name": {"type": "string"}, "tags": {"type": "array"}}


def schema(properties: dict[str, Any] | None = None, *, stream: str = "s", **more: Any) -> Any:
    declared = {"properties": PROPERTIES if properties is None else properties, **more}
    return {"type": "SCHEMA", "stream": stream, "schema": declared, "key_properties": ["id"]}


def record(stream: str = "s", **values: Any) -> Any:
    return {"type": "RECORD", "stream": stream, "record": values}


def build_assembler(
    *, write: str = "append", primary_key: tuple[str, ...] = (), limits: Limits | None = None
) -> Assembler:
    def resolve(name: str, _: tuple[str, ...]) -> Stream:
        return Stream(name=name, table=name, write=WriteDisposition(write), primary_key=primary_key)

    return Assembler(resolve=resolve, normalize=str.lower, limits=limits)


def run(assembler: Assembler, *messages: Any) -> list[Batch]:
    lines = "\n".join(json.dumps(message) for message in messages)
    return list(assembler.batches(read_messages(io.BytesIO(lines.encode()))))


def test_a_batch_has_the_declared_columns_under_their_column_names() -> None:
    (batch,) = run(build_assembler(), schema(), record(id=1, Name="x", tags=[1]), record(id=2))

    assert batch.table.to_pylist() == [
        {"id": 1, "name": "x", "tags": "[1]"},
        {"id": 2, "name": None, "tags": None},
    ]
    assert batch.primary_key == ("id",)
    assert batch.hints == {"tags": {"data_type": "json"}}


def test_a_stream_without_records_is_an_empty_batch_with_its_columns() -> None:
    assembler = build_assembler()

    (batch,) = run(assembler, schema())

    assert (batch.table.num_rows, batch.table.column_names) == (0, ["id", "name", "tags"])
    assert assembler.emitted["s"] == 0


def test_merged_records_are_numbered_across_batches() -> None:
    assembler = build_assembler(write="merge", limits=Limits(rows=2))

    batches = run(assembler, schema(), *(record(id=1) for _ in range(5)))

    numbers = [n for batch in batches for n in batch.table["_singer_sequence"].to_pylist()]
    assert numbers == [0, 1, 2, 3, 4]
    assert batches[0].hints["_singer_sequence"] == {"dedup_sort": "desc"}


def test_the_largest_buffer_is_flushed_when_all_together_are_full() -> None:
    assembler = build_assembler(limits=Limits(total_bytes=2_000))
    small, large = schema(stream="small"), schema(stream="large")

    batches = run(
        assembler, small, large, record("small", id=1), record("large", id=2, Name="x" * 3_000)
    )

    assert [batch.stream.name for batch in batches] == ["large", "small"]


def test_undeclared_properties_are_kept_as_json() -> None:
    (batch,) = run(build_assembler(), schema(), record(id=1), record(id=2, extra=[1.5], x=None))

    assert batch.table["_undeclared"].to_pylist() == [None, '{"extra":[1.5],"x":null}']
    assert batch.hints["_undeclared"] == {"data_type": "json"}


def test_an_undeclared_property_is_refused_where_the_schema_is_closed() -> None:
    closed = schema(additionalProperties=False)

    with pytest.raises(BadRecord, match="'extra'") as caught:
        run(build_assembler(), closed, record(id=1), record(id=2, extra=1))

    assert caught.value.place == "line 3"


def test_records_of_a_stream_without_properties_are_not_lost() -> None:
    empty = schema({}) | {"key_properties": []}

    (batch,) = run(build_assembler(), empty, record(), record(a=1))

    assert batch.table["_undeclared"].to_pylist() == [None, '{"a":1}']


def test_a_second_schema_may_add_and_drop_properties() -> None:
    wider = schema({"id": {"type": "integer"}, "new": {"type": "string"}})

    first, second = run(build_assembler(), schema(), record(id=1), wider, record(id=2, new="n"))

    assert first.table.column_names == ["id", "name", "tags"]
    assert second.table.to_pylist() == [{"id": 2, "new": "n"}]


def test_a_repeated_schema_does_not_cut_a_batch() -> None:
    (batch,) = run(build_assembler(), schema(), record(id=1), schema(), record(id=2))

    assert batch.table.num_rows == 2


def test_a_second_schema_that_changes_a_type_is_refused() -> None:
    with pytest.raises(BadRecord, match="from integer to text") as caught:
        run(build_assembler(), schema(), schema({"id": {"type": "string"}}))

    assert (caught.value.stream, caught.value.place) == ("s", "line 2")


@pytest.mark.parametrize("values", [{}, {"id": None}], ids=["missing", "null"])
def test_a_record_without_its_key_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BadRecord, match="part of the key") as caught:
        run(build_assembler(), schema(), record(id=1), record(**values))

    assert caught.value.place == "line 3"


def test_a_key_that_is_no_property_is_refused_with_a_did_you_mean() -> None:
    with pytest.raises(ConfigError, match="'Nam'") as caught:
        run(build_assembler(primary_key=("Nam",)), schema())

    assert "Did you mean 'Name'?" in caught.value.fix


def test_a_merge_without_any_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="key"):
        run(build_assembler(write="merge"), schema() | {"key_properties": []})


def test_the_last_state_and_the_versions_are_remembered() -> None:
    assembler = build_assembler()
    states = [{"type": "STATE", "value": {"n": n}} for n in range(3)]

    versions = [{"type": "ACTIVATE_VERSION", "stream": "s", "version": n} for n in (2, 1)]

    run(assembler, schema(), *states, *versions)

    assert assembler.state == {"n": 2}
    assert assembler.activated == {"s": 2}


@settings(max_examples=50)
@given(
    streams=st.lists(st.sampled_from("abc"), max_size=40),
    rows=st.integers(1, 5),
    total=st.integers(1, 500),
)
def test_every_record_is_in_exactly_one_batch_and_in_order(
    streams: list[str], rows: int, total: int
) -> None:
    assembler = build_assembler(limits=Limits(rows=rows, total_bytes=total))
    declared = [schema(stream=name) for name in "abc"]

    batches = run(assembler, *declared, *(record(s, id=n) for n, s in enumerate(streams)))

    for name in "abc":
        found = [n for b in batches if b.stream.name == name for n in b.table["id"].to_pylist()]
        assert found == [n for n, stream in enumerate(streams) if stream == name]
        assert assembler.emitted[name] == len(found)
