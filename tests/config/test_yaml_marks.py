"""YAML as editors show it, with lines; what is broken or hostile is an error, never a surprise."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.errors import ConfigError
from connector_assets.yaml_marks import MAX_BYTES, load_document, parse_document

from .folder import shown

TEXT = st.text(st.characters(categories=("L", "N", "P", "S")), max_size=12)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXT, below, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("", None),
        ("~", None),
        ("Null", None),
        ("0", 0),
        ("-12", -12),
        ("+1", 1),
        ("010", "010"),
        ("08001", "08001"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        (".", "."),
        ("e", "e"),
        ("12345678901234567890123", 12345678901234567890123),
        ("=", "="),
        ("'true'", "true"),
        ('"1"', "1"),
        ("!!str true", "true"),
        ("!!str 1e3", "1e3"),
        ("! 1", "1"),
    ],
)
def test_plain_value_is_read_as_yaml_1_2_shows_it(text: str, value: object) -> None:
    read = parse_document(f"a: {text}\n", label="x.yaml").values["a"]

    assert (read, type(read)) == (value, type(value))


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_json_is_yaml_with_the_same_values(values: dict[str, Any]) -> None:
    for indent in (None, 2):
        text = json.dumps(values, ensure_ascii=False, indent=indent)
        assert parse_document(text, label="x.yaml").values == values


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("", 1, "does not hold a mapping"),
        ("# nothing\n", 1, "does not hold a mapping"),
        ("- a\n- b\n", 1, "does not hold a mapping"),
        ("just text\n", 1, "does not hold a mapping"),
        ("a: 1\nb: 2\na: 3\n", 3, "'a' stands here twice (first in line 1)"),
        ("a: {b: 1,\n b: 2}\n", 2, "'b' stands here twice (first in line 1)"),
        ("a: 1\r\nb: 2\r\nb: 3\r\n", 3, "(first in line 2)"),
        ("a:\n\tb: 1\n", 2, "a tab indents this line"),
        ("a: 1\n---\nb: 2\n", 2, "more than one document"),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "while parsing a flow sequence (from line 2)"),
        ("a: 1\nb: 'x\nc: 3\n\n", 2, "unexpected end of stream"),
        ("a: 1\nb: \x07\n", 2, "a character that it does not allow"),
        ("a: b\n  c: d\n", 2, "not valid YAML"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, "`<<` is not supported"),
        ("? [a]\n: 1\n", 1, "a key must be text"),
        ("a: 1\n!!int 1: 2\n", 2, "a `!tag` is not supported"),
        ("a: 1\nb: !!int '3'\n", 2, "a `!tag` is not supported"),
        ("a: 1\nb: !python/object [1]\n", 2, "a `!tag` is not supported"),
        ("a: 1\nb: !!set {x: }\n", 2, "a `!tag` is not supported"),
        ("a: *x\n", 1, "names nothing that is complete above it"),
        ("a: &x\n  b: *x\n", 2, "names nothing that is complete above it"),
        ("a: 1\nb: .inf\n", 2, "not a number that JSON can hold"),
        ("a: 1\nb: -.Inf\n", 2, "not a number that JSON can hold"),
        ("a: .NaN\n", 1, "not a number that JSON can hold"),
        ("a: 1e999\n", 1, "not a number that JSON can hold"),
        (f"a: {'9' * 5000}\n", 1, "not a number that JSON can hold"),
        (f"a: {'[' * 100_000}\n", 1, "nested more than 50 deep"),
        (f"a:\n- {'- ' * 60}1\n", 2, "nested more than 50 deep"),
    ],
)
def test_broken_yaml_is_named_with_its_line(text: str, place: int, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_document(text, label="x.yaml")

    assert caught.value.place == f"x.yaml:{place}"
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    "text",
    ["a: *hunter2\n", "a: !hunter2\n", "a: !!hunter2 1\n", "a: 'hunter2\n", "a: [hunter2\nb: 1\n"],
)
def test_broken_yaml_does_not_repeat_what_can_be_a_password(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_document(text, label="x.yaml")

    assert "hunter2" not in shown(caught.value)


def test_alias_stands_for_values_and_lines_of_its_anchor() -> None:
    document = parse_document("a: &x\n  b: [1, {c: 2}]\nd: *x\n", label="x.yaml")

    assert document.values["d"] == {"b": [1, {"c": 2}]}
    assert document.values["d"] is not document.values["a"]
    assert document.place(("d", "b", 1, "c")) == "x.yaml:2"
    assert document.place(("d",)) == "x.yaml:3"


def test_aliases_of_aliases_do_not_grow_without_end() -> None:
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    with pytest.raises(ConfigError, match="more than 50,000 values"):
        parse_document("\n".join(rows), label="x.yaml")


def test_place_is_the_nearest_key_that_is_there() -> None:
    document = parse_document("a: 1\nb:\n  - x\n  - c: 1\n", label="x.yaml")

    assert document.place(("b", 1, "c", "missing")) == "x.yaml:4"
    assert document.place(("b", 7)) == "x.yaml:2"
    assert document.place(("z",)) == "x.yaml:1"


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b"\xef\xbb\xbfa: 1\n", {"a": 1}),
        (b"a: 1\r\nb: |\r\n  x\r\n  y\r\n", {"a": 1, "b": "x\ny\n"}),
        (b"1: one\ntrue: yes\n", {"1": "one", "true": "yes"}),
        (b"a: |\n" + b"  a line of text\n" * 300_000, {"a": "a line of text\n" * 300_000}),
    ],
    ids=["byte order mark", "CRLF", "keys are text", "5 MB in one value"],
)
def test_file_is_read_whatever_wrote_it(tmp_path: Path, raw: bytes, values: object) -> None:
    (tmp_path / "x.yaml").write_bytes(raw)

    assert load_document(tmp_path / "x.yaml", label="x.yaml").values == values


def make_missing(file: Path) -> None:
    assert not file.exists()


def make_loop(file: Path) -> None:
    file.symlink_to(file)


def make_huge(file: Path) -> None:
    with file.open("wb") as opened:
        opened.truncate(MAX_BYTES + 1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (make_missing, "x.yaml: the file does not exist"),
        (Path.mkdir, "x.yaml: this is not a file"),
        (os.mkfifo, "x.yaml: this is not a file"),
        (make_loop, "x.yaml: the file cannot be read: Too many levels of symbolic links"),
        (make_huge, "x.yaml: the file is larger than 10 MB"),
        (lambda file: file.write_bytes("a: ä\n".encode("utf-16")), "x.yaml:1: the file is not"),
        (lambda file: file.write_bytes(b"a: 1\nb: \xe4\n"), "x.yaml:2: the file is not text"),
    ],
    ids=["missing", "folder", "pipe", "loop of links", "huge", "UTF-16", "Latin-1"],
)
def test_file_that_cannot_be_read_is_refused(tmp_path: Path, make: Any, said: str) -> None:
    make(tmp_path / "x.yaml")

    with pytest.raises(ConfigError) as caught:
        load_document(tmp_path / "x.yaml", label="x.yaml")

    assert str(caught.value).startswith(said)
