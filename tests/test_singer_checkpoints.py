"""Where a Singer stream is cut: at a STATE that covers the rows before it, and no row after it."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connector_assets.commit import Commit
from connector_assets.model import Stream, WriteDisposition
from connector_assets.singer.batches import Assembler
from connector_assets.singer.checkpoints import Checkpoints
from connector_assets.singer.messages import read_messages
from connector_assets.singer.stage import build_normalize

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}}


def read_parts(
    lines: list[dict[str, Any]], *, every: int, write: WriteDisposition, min_run: int
) -> list[tuple[list[int], Any]]:
    """Return the ids and the last STATE of each part of a stream."""
    checkpoints = Checkpoints(Commit(every_rows=every))
    assembler = Assembler(
        resolve=lambda name, _: Stream(name=name, table=name, write=write, primary_key=("id",)),
        normalize=build_normalize(),
        checkpoints=checkpoints,
    )
    source = BytesIO(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    messages = read_messages(source, min_run=min_run, keep_order=checkpoints.keep_order)
    parts = []
    while True:
        batches = list(assembler.batches(messages))
        ids = [one for batch in batches for one in batch.table["id"].to_pylist()]
        parts.append((ids, assembler.state))
        if not assembler.cut:
            return parts


def tell(number: int, **mark: Any) -> dict[str, Any]:
    mark = mark or {"replication_key_value": number}
    return {"type": "STATE", "value": {"bookmarks": {"orders": mark}, "number": number}}


SIZES = st.lists(st.integers(0, 40), max_size=30)


@given(sizes=SIZES, every=st.integers(1, 60), min_run=st.sampled_from([5, 10**9]))
def test_each_part_ends_with_the_state_of_its_last_row(
    sizes: list[int], every: int, min_run: int
) -> None:
    lines: list[dict[str, Any]] = [
        {"type": "SCHEMA", "stream": "orders", "schema": SCHEMA, "key_properties": ["id"]}
    ]
    number = 0
    for size in sizes:
        for _ in range(size):
            number += 1
            lines.append({"type": "RECORD", "stream": "orders", "record": {"id": number}})
        lines.append(tell(number))

    parts = read_parts(lines, every=every, write=WriteDisposition.APPEND, min_run=min_run)

    assert [one for ids, _ in parts for one in ids] == list(range(1, number + 1))
    for ids, state in parts[:-1]:
        assert len(ids) >= every
        assert state["number"] == ids[-1]
    assert all(len(ids) < every + 40 for ids, _ in parts)


def make_lines(*states: dict[str, Any]) -> list[dict[str, Any]]:
    schema = {"type": "SCHEMA", "stream": "orders", "schema": SCHEMA, "key_properties": ["id"]}
    lines = [schema]
    for number, state in enumerate(states, 1):
        lines += [{"type": "RECORD", "stream": "orders", "record": {"id": number}}, state]
    return lines


def test_appended_rows_are_not_cut_at_a_state_that_is_no_position_of_theirs() -> None:
    states = [
        tell(1, progress_markers={"replication_key_value": 1}),
        tell(2, replication_key="id", replication_key_value=None),
        {"type": "STATE", "value": {"bookmarks": {"others": {"id": 3}}}},
        {"type": "STATE", "value": {"position": 4}},
        tell(5, replication_key="id", replication_key_value=5),
        tell(6),
    ]

    parts = read_parts(make_lines(*states), every=1, write=WriteDisposition.APPEND, min_run=200)

    assert [ids for ids, _ in parts] == [[1, 2, 3, 4, 5], [6], []]


def test_merged_rows_are_cut_at_any_state() -> None:
    states = [{"type": "STATE", "value": {"position": number}} for number in (1, 2)]

    parts = read_parts(make_lines(*states), every=1, write=WriteDisposition.MERGE, min_run=200)

    assert [ids for ids, _ in parts] == [[1], [2], []]
