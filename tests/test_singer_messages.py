"""Singer lines: read whole however they arrive, and refused with their place when they are bad."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_assets.errors import BadRecord
from connector_assets.singer.lines import read_blocks
from connector_assets.singer.literals import dump_json, parse_json
from connector_assets.singer.messages import Message, mask, read_messages

SCHEMA = b'{"type":"SCHEMA","stream":"s","schema":{"properties":{}},"key_properties":["id"]}'
RECORD = b'{"type":"RECORD","stream":"s","record":{"id":1}}'

LITERALS = (
    "0.1",
    "-0.0",
    "1E-20",
    "1e-400",
    "1234567890.10",
    "0.8444218515250481",
    "0.3333333333333333333",
    "9223372036854775807",
    "18446744073709551616",
    "12345678901234567890.123456789",
)


class Chunks:
    """A byte source that gives what it was made of, chunk by chunk."""

    def __init__(self, chunks: list[bytes]) -> None:
        """Give ``chunks`` in order."""
        self._chunks = [chunk for chunk in chunks if chunk]

    def read1(self, size: int = -1, /) -> bytes:
        """Return the next chunk; the tests' chunks are all smaller than ``size``."""
        return self._chunks.pop(0) if self._chunks else b""


def split(data: bytes, cuts: list[int]) -> Chunks:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return Chunks([data[a:b] for a, b in pairwise(edges)])


def read(data: bytes) -> list[Message]:
    """Return messages; so few of them are no run."""
    return [one for one in read_messages(io.BytesIO(data)) if isinstance(one, Message)]


@given(
    lines=st.lists(st.text(st.characters(exclude_characters="\n", codec="utf-8"))),
    ending=st.sampled_from(["\n", ""]),
    cuts=st.lists(st.integers(0, 10_000)),
)
def test_lines_are_the_same_however_the_bytes_are_split(
    lines: list[str], ending: str, cuts: list[int]
) -> None:
    data = ("\n".join(lines) + ending).encode()

    blocks = [one.data for one in read_blocks(split(data, cuts), block_bytes=100)]

    assert b"".join(blocks) == data + (b"" if data.endswith(b"\n") or not data else b"\n")
    assert all(block.endswith(b"\n") for block in blocks)


def test_messages_keep_line_numbers_over_blank_lines_and_crlf() -> None:
    data = b"\r\n".join([b"", SCHEMA, b"  ", RECORD])

    messages = read(data)

    assert [(message.type, message.line) for message in messages] == [("SCHEMA", 2), ("RECORD", 4)]


def test_a_line_of_many_megabytes_is_one_message() -> None:
    text = "x" * 12_000_000
    line = json.dumps({"type": "RECORD", "stream": "s", "record": {"t": text}}).encode()

    messages = read(SCHEMA + b"\n" + line)

    assert messages[1].content["record"]["t"] == text


def test_a_line_beyond_the_limit_is_refused_before_it_is_whole() -> None:
    with pytest.raises(BadRecord) as caught:
        list(read_blocks(split(b"a\n" + b"b" * 100, [30, 60, 90]), max_bytes=50))

    assert caught.value.place == "line 2"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(b"Traceback (most recent call last):", "not JSON", id="garbage"),
        pytest.param(RECORD + RECORD, "not JSON", id="two on one line"),
        pytest.param(b'{"type":"RECORD"', "not JSON", id="cut off"),
        pytest.param(RECORD.replace(b"1", b"NaN"), "not JSON", id="NaN"),
        pytest.param(RECORD.replace(b"1", b"1e400"), "not JSON", id="beyond a double"),
        pytest.param(RECORD.replace(b"1", b'"\xff"'), "not JSON", id="invalid UTF-8"),
        pytest.param(b"[1]", "a JSON list", id="no object"),
        pytest.param(b'{"stream":"s"}', "without a type", id="no type"),
        pytest.param(b'{"type":"RECRD"}', "unknown message type", id="unknown type"),
        pytest.param(b'{"type":["RECORD"]}', "unknown message type", id="type is a list"),
        pytest.param(b'{"type":"RECORD","stream":"s"}', "no `record`", id="no record"),
        pytest.param(b'{"type":"RECORD","record":{}}', "names no stream", id="no stream"),
        pytest.param(RECORD.replace(b'"s"', b'"t"'), "before the SCHEMA", id="no schema"),
        pytest.param(b'{"type":"SCHEMA","stream":"s"}', "no `schema`", id="empty schema"),
        pytest.param(b'{"type":"STATE","value":"x"}', "not a JSON object", id="state is text"),
        pytest.param(
            b'{"type":"STATE","value":{"a":[0.12345678901234567890]}}', "STATE", id="digits"
        ),
        pytest.param(b'{"type":"BATCH","stream":"s"}', "no `manifest`", id="batch"),
        pytest.param(
            b'{"type":"BATCH","stream":"s","manifest":[],"encoding":{"format":"csv"}}',
            'encoded as {"format":"csv"}',
            id="form of a batch",
        ),
        pytest.param(
            b'{"type":"BATCH","stream":"t","manifest":[],"encoding":{"format":"jsonl"}}',
            "a BATCH came before the SCHEMA",
            id="batch before schema",
        ),
        pytest.param(
            b'{"type":"ACTIVATE_VERSION","stream":"s","version":"1"}', "`version`", id="version"
        ),
        pytest.param(
            b'{"type":"ACTIVATE_VERSION","stream":"t","version":1}',
            "an ACTIVATE_VERSION came before",
            id="version before schema",
        ),
    ],
)
def test_a_bad_line_is_refused_with_its_number(line: bytes, problem: str) -> None:
    with pytest.raises(BadRecord, match=problem) as caught:
        list(read_messages(io.BytesIO(SCHEMA + b"\n\n" + line)))

    assert caught.value.place == "line 3"
    assert caught.value.fix


def test_a_bad_line_is_shown_masked() -> None:
    with pytest.raises(BadRecord) as caught:
        list(read_messages(io.BytesIO(b"password is hunter2")))

    assert "hunter" not in str(caught.value)
    assert "xxxxxxxx xx xxxxxx9" in caught.value.problem


def test_an_unknown_type_gets_a_did_you_mean() -> None:
    with pytest.raises(BadRecord) as caught:
        list(read_messages(io.BytesIO(b'{"type":"RECRD"}')))

    assert "Did you mean 'RECORD'?" in caught.value.fix


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None))
def test_a_parsed_number_has_the_value_of_its_literal(number: Decimal) -> None:
    try:
        value = parse_json(f'{{"n": {number}}}'.encode())["n"]
    except ValueError:
        return

    assert (value if isinstance(value, Decimal) else Decimal(repr(value))) == number


@pytest.mark.parametrize("text", LITERALS)
def test_json_goes_out_with_the_number_that_came_in(text: str) -> None:
    written = dump_json(parse_json(f'{{"a":[{text}]}}'.encode()))

    assert json.loads(written, parse_float=Decimal, parse_int=Decimal) == {"a": [Decimal(text)]}


@given(st.text())
def test_mask_shows_no_letter_and_no_digit(text: str) -> None:
    shape = mask(text)

    kept = {character for character in shape.split("... (")[0] if character.isalnum()}
    assert all(not character.isdecimal() or character == "9" for character in kept)
