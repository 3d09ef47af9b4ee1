"""Odd SCHEMAs, names, values and lines: what is in the tables, or what the refusal says."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector_assets.destinations.bookkeeping import LOADS_TABLE
from connector_assets.destinations.connect import connected
from connector_assets.errors import BadRecord, ConfigError
from connector_assets.model import Destination
from connector_assets.singer.settings import Settings, load_config
from connector_assets.singer.standalone import load_stream

KINDS = {
    "duckdb": {"destination": "duckdb:///x.duckdb"},
    "ducklake": {"destination": "ducklake:sqlite:///catalog.sqlite", "data_path": "files"},
}
INTEGER = {"type": "integer"}
LONG = "x" * 200
#: Columns that say nothing of a case.
OURS = ("_dlt_load_id", "_dlt_id", "_singer_sequence")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A stream, its records, and its table's rows; without a name they are called as the case."""

    properties: Mapping[str, Any]
    records: Iterable[Mapping[str, Any]]
    rows: list[dict[str, Any]]
    stream: str | None = None
    table: str | None = None
    key: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


CASES = {
    "reference": Case(
        properties={"id": {"$ref": "#/definitions/id"}},
        more={"definitions": {"id": INTEGER}},
        records=[{"id": 1}],
        rows=[{"id": 1}],
    ),
    "any_of_null": Case(
        properties={"n": {"anyOf": [INTEGER, {"type": "null"}]}},
        records=[{"n": 1}, {"n": None}, {}],
        rows=[{"n": 1}, {"n": None}, {"n": None}],
    ),
    "one_of_two": Case(
        properties={"v": {"oneOf": [{"type": "object"}, {"type": "string"}]}},
        records=[{"v": {"a": [1.50]}}, {"v": "a"}],
        rows=[{"v": '{"a":[1.5]}'}, {"v": '"a"'}],
    ),
    "types": Case(
        properties={"v": {"type": ["null", "integer", "string"]}},
        records=[{"v": 1}, {"v": "1"}],
        rows=[{"v": "1"}, {"v": '"1"'}],
    ),
    "formats": Case(
        properties={
            "u": {"type": "string", "format": "uuid"},
            "s": {"type": "string", "format": "singer.decimal"},
            "d": {"type": "string", "format": "date"},
        },
        records=[{"u": "A-b", "s": "1.10", "d": "2026-01-02"}],
        rows=[{"u": "A-b", "s": "1.10", "d": "2026-01-02"}],
    ),
    "encoded": Case(
        properties={
            "b64": {"type": "string", "contentEncoding": "base64"},
            "b16": {"type": "string", "contentEncoding": "base16"},
        },
        records=[{"b64": "AP8=", "b16": "00fF"}],
        rows=[{"b64": "AP8=", "b16": "00fF"}],
    ),
    "multiple": Case(
        properties={"p": {"type": "number", "multipleOf": 0.01, "maximum": 9999999999}},
        records=[{"p": 12345678.91}, {"p": "0.10"}, {"p": 3}],
        rows=[{"p": Decimal("12345678.91")}, {"p": Decimal("0.10")}, {"p": Decimal("3.00")}],
    ),
    "large": Case(
        properties={"i": INTEGER, "d": {"type": "number", "multipleOf": 1}, "j": {}},
        records=[{"i": 2**63 - 1, "d": 10**37, "j": 10**30}, {"i": -(2**63), "d": -1, "j": None}],
        rows=[
            {"i": 2**63 - 1, "d": Decimal(10**37), "j": str(10**30)},
            {"i": -(2**63), "d": Decimal(-1), "j": None},
        ],
    ),
    "no_properties": Case(
        properties={},
        records=[{"a": 1, "b": {"c": None}}, {}],
        rows=[{"_undeclared": '{"a":1,"b":{"c":null}}'}, {"_undeclared": None}],
    ),
    "undeclared": Case(
        properties={"id": INTEGER},
        records=[{"id": 1}, {"id": 2, "more": [1]}],
        rows=[{"id": 1, "_undeclared": None}, {"id": 2, "_undeclared": '{"more":[1]}'}],
    ),
    "nested": Case(
        properties={"o": {"type": "object", "properties": {"at": {"type": "string"}}}, "a": {}},
        records=[{"o": {"at": "x", "n": {"m": []}}, "a": [{"b": 1}, None]}],
        rows=[{"o": '{"at":"x","n":{"m":[]}}', "a": '[{"b":1},null]'}],
    ),
    "select": Case(
        properties={"table": INTEGER, "group": INTEGER, "rowid": INTEGER, "count": INTEGER},
        records=[{"table": 1, "group": 2, "rowid": 3, "count": 4}],
        rows=[{"table": 1, "group": 2, "rowid": 3, "count": 4}],
    ),
    "long": Case(
        properties={LONG: INTEGER, LONG + "y": INTEGER},
        records=[{LONG: 1, LONG + "y": 2}],
        rows=[{LONG: 1, LONG + "y": 2}],
        stream=LONG,
        table=LONG,
    ),
    "other_scripts": Case(
        properties={"größe_a": INTEGER, "名前1": INTEGER, "имя 2": INTEGER},
        records=[{"größe_a": 1, "名前1": 2, "имя 2": 3}],
        rows=[{"gr_e_a": 1, "_1": 2, "_2": 3}],
        stream="Größe A",
        table="gr_e_a",
    ),
    "marks": Case(
        properties={"a.b:c/d": INTEGER, 'q"uote': INTEGER, "semi;colon": INTEGER, "%s": INTEGER},
        records=[{"a.b:c/d": 1, 'q"uote': 2, "semi;colon": 3, "%s": 4}],
        rows=[{"a_b_c_d": 1, "q_uote": 2, "semi_colon": 3, "_s": 4}],
    ),
    "two_keys": Case(
        properties={"a": INTEGER, "b": {"type": "string"}, "n": INTEGER},
        records=[
            {"a": 1, "b": "x", "n": 1},
            {"a": 1, "b": "y", "n": 2},
            {"a": 1, "b": "x", "n": 3},
        ],
        rows=[{"a": 1, "b": "x", "n": 3}, {"a": 1, "b": "y", "n": 2}],
        key=("a", "b"),
    ),
    "same_twice": Case(
        properties={"id": INTEGER},
        records=[{"id": 1}, {"id": 1}],
        rows=[{"id": 1}, {"id": 1}],
    ),
    "all_of": Case(
        properties={"v": {"allOf": [{"$ref": "#/definitions/text"}]}},
        more={"definitions": {"text": {"type": "string"}}},
        records=[{"v": "x"}],
        rows=[{"v": "x"}],
    ),
    "parts_of_d": Case(
        properties={"id": INTEGER, "d": {}, "s": {}},
        records=[{"id": 1, "d": {"id": 2}, "s": {"id": 3}}],
        rows=[{"id": 1, "d": '{"id":2}', "s": '{"id":3}'}],
        key=("id",),
    ),
}


def schema(case: Case, stream: str) -> dict[str, Any]:
    declared = {"properties": case.properties, **case.more}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": declared,
        "key_properties": list(case.key),
    }


def render(cases: Mapping[str, Case]) -> bytes:
    messages: list[Any] = []
    for name, case in cases.items():
        stream = case.stream or name
        messages.append(schema(case, stream))
        messages += ({"type": "RECORD", "stream": stream, "record": one} for one in case.records)
    return "\n".join(map(json.dumps, messages)).encode()


def settle(folder: Path, kind: str = "duckdb") -> Settings:
    path = folder / "config.json"
    path.write_text(json.dumps({"dataset": "shop", **KINDS[kind]}))
    return load_config(path)


def read(destination: Destination, sql: str) -> list[dict[str, Any]]:
    with connected(destination, secrets={}) as connection:
        found = connection.sql(sql)
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


@pytest.fixture(scope="module", params=KINDS)
def destination(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Destination:
    """A destination with the streams of all cases, synced twice: the second sync is the first."""
    settings = settle(tmp_path_factory.mktemp("cases"), request.param)
    load_stream(io.BytesIO(render(CASES)), settings=settings)
    again = {name: case for name, case in CASES.items() if case.key}
    load_stream(io.BytesIO(render(again)), settings=settings)
    return settings.destination


@pytest.mark.integration
@pytest.mark.parametrize("name", CASES)
def test_what_is_sent_is_in_the_table(destination: Destination, name: str) -> None:
    case = CASES[name]

    rows = read(destination, f'SELECT * FROM shop."{case.table or name}"')

    found = [{k: _text(v) for k, v in row.items() if k not in OURS} for row in rows]
    assert sorted(found, key=repr) == sorted(case.rows, key=repr)


@pytest.mark.integration
def test_counts_of_every_case_are_exact(destination: Destination) -> None:
    (first, *_) = read(
        destination, f"SELECT streams FROM shop.{LOADS_TABLE} ORDER BY state_version"
    )

    counts = {each.pop("stream"): each for each in json.loads(first["streams"])}

    for name, case in CASES.items():
        sent, left = len(list(case.records)), len(case.rows)
        expected = {"emitted": sent, "staged": sent, "in_destination": left, "total": left}
        assert counts[case.stream or name] == {"table": case.table or name, **expected}


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, int | Decimal | str) else str(value)


SCHEMA = {"type": "SCHEMA", "stream": "s", "schema": {"properties": {"id": INTEGER}}}


def declare(properties: Any, *, stream: str = "s", key: Any = (), **more: Any) -> dict[str, Any]:
    declared = {"properties": properties, **more}
    return {**SCHEMA, "stream": stream, "schema": declared, "key_properties": list(key)}


@pytest.mark.integration
@pytest.mark.parametrize(
    ("messages", "problem", "place"),
    [
        pytest.param([declare({"Id": {}, "ID": {}})], "property 'Id'", "line 1", id="case"),
        pytest.param(
            [declare({"a-b": {}, "a_b": {}})], "property 'a-b'", "line 1", id="one column"
        ),
        pytest.param([declare({"名": {}, "имя": {}})], "property '名'", "line 1", id="scripts"),
        pytest.param([declare({"_singer_version": {}})], "of the platform", "line 1", id="ours"),
        pytest.param(
            [SCHEMA, declare({}, stream="S")], "as stream 's' has", "line 2", id="one table"
        ),
        pytest.param(
            [declare({}, stream="_dlt_loads")], "kept for the platform", "line 1", id="dlt's table"
        ),
        pytest.param([{**SCHEMA, "schema": {}}], "no `properties`", "line 1", id="no schema"),
        pytest.param([SCHEMA, declare({"id": {"type": "string"}})], "to text", "line 2", id="type"),
        pytest.param(
            [declare({"id": INTEGER, "k": INTEGER}, key=[one]) for one in ("id", "k")],
            "changes the key from id to k",
            "line 2",
            id="another key",
        ),
        pytest.param(
            [SCHEMA, declare({"id": INTEGER}, key=["id"])],
            "changes the key from none to id",
            "line 2",
            id="a key at last",
        ),
    ],
)
def test_what_cannot_be_loaded_as_it_is_is_refused(
    tmp_path: Path, messages: list[Any], problem: str, place: str
) -> None:
    lines = [*messages, {"type": "RECORD", "stream": "s", "record": {"id": 1}}]
    content = io.BytesIO("\n".join(map(json.dumps, lines)).encode())
    settings = settle(tmp_path)

    with pytest.raises((BadRecord, ConfigError)) as caught:
        load_stream(content, settings=settings)

    assert problem in caught.value.problem
    assert (caught.value.place, caught.value.stream) == (place, messages[-1]["stream"])
    assert read(settings.destination, "SELECT * FROM duckdb_tables()") == []


@pytest.mark.integration
def test_lines_of_any_form_arrive(tmp_path: Path) -> None:
    big = "y" * 10_000_000
    lines = [
        json.dumps(declare({"id": INTEGER, "t": {"type": "string"}})),
        '{"type":"RECORD","stream":"s","record":{"id":1,"t":"crlf"}}\r',
        "",
        f'{{"type":"RECORD","stream":"s","record":{{"id":2,"t":"{big}"}}}}',
        ' { "record" : {"t":"n\\u00f6", "id":3}, "stream":"s", "type":"RECORD" } ',
        '{"type":"RECORD","stream":"s","record":{"id":4,"t":"last"}}',
    ]
    settings = settle(tmp_path)

    load_stream(_Trickle("\n".join(lines).encode()), settings=settings)

    rows = read(settings.destination, "SELECT id, t FROM shop.s ORDER BY id")
    assert [row["t"] for row in rows] == ["crlf", big, "nö", "last"]


class _Trickle:
    """Bytes in pieces that end anywhere, as a pipe gives them."""

    def __init__(self, content: bytes) -> None:
        self._pieces = [content[at : at + 65_521] for at in range(0, len(content), 65_521)]

    def read1(self, size: int = -1, /) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


@pytest.mark.integration
@pytest.mark.parametrize("kind", KINDS)
def test_a_merge_with_a_json_column_named_as_an_alias_replaces_rows(
    tmp_path: Path, kind: str
) -> None:
    settings = settle(tmp_path, kind)
    for number in (1, 2):
        case = Case(
            properties={"id": {"type": "string"}, "d": {}, "s": {}, "n": INTEGER},
            records=[{"id": "1", "d": {"id": "7"}, "s": {"id": "8"}, "n": number}],
            rows=[],
            key=("id",),
        )
        load_stream(io.BytesIO(render({"parts": case})), settings=settings)

    assert read(settings.destination, "SELECT id, n FROM shop.parts") == [{"id": "1", "n": 2}]
