"""The cases as sources: a dlt source, and the lines of a tap."""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dlt
import pyarrow as pa

from .case import Case, Sent, Way
from .cases import BY_NAME, find

Given = Iterable[tuple[Case, Sent]]


def contract() -> Any:
    """Return a dlt source of all that arrives: per policy a stream of rows and one of a table."""
    made = [
        make_resource(f"{way.name.lower()}_{stream}", cases, way=way)
        for way in (Way.ROWS, Way.TABLE)
        for stream, cases in by_stream(find(way, arrives=True)).items()
    ]
    return dlt.source(lambda: made, name="contract")()


def single(name: str, way: str, stream: str = "only") -> Any:
    """Return a dlt source of one case."""
    case = BY_NAME[name]
    made = make_resource(stream, [(case, case.sent[Way(way)])], way=Way(way))
    return dlt.source(lambda: made, name="contract")()


@dataclass
class Order:
    """A row as a dataclass."""

    id: int
    total: Any


def objects(total: float) -> Any:
    """Return a dlt source of rows that are no plain dictionaries; the last has ``total``."""
    rows = [OrderedDict(id=1, total=1.5), Order(2, 2.5), Order(3, total)]
    return dlt.source(lambda: dlt.resource(rows, name="only"), name="contract")()


def by_stream(given: Given) -> Mapping[str, list[tuple[Case, Sent]]]:
    """Return cases by the stream that they are columns of."""
    found: dict[str, list[tuple[Case, Sent]]] = defaultdict(list)
    for case, sent in given:
        found[case.stream].append((case, sent))
    return found


def make_resource(name: str, given: Given, *, way: Way) -> Any:
    """Return a resource whose columns are the cases; ``id`` counts rows from 0."""
    given = list(given)
    if way is Way.TABLE:
        return dlt.resource([_build_table(given)], name=name)
    columns: Any = {
        column: {"name": column, **sent.kind}
        for case, sent in given
        if sent.kind
        for column in case.columns
    }
    return dlt.resource(list(_build_rows(given)), name=name, columns=columns)


def render_messages(streams: Mapping[str, Given]) -> Iterator[bytes]:
    """Yield the lines of a tap: each stream's SCHEMA, then its records."""
    for stream, listed in streams.items():
        given = list(listed)
        properties = {column: sent.kind for case, sent in given for column in case.columns}
        schema = {"type": "object", "properties": {"id": {"type": "integer"}, **properties}}
        message = {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": ["id"]}
        yield json.dumps(message).encode() + b"\n"
        for number, fields in enumerate(_transpose(given)):
            texts = [f'"id":{number}'.encode()]
            texts += [json.dumps(name).encode() + b":" + value for name, value in fields.items()]
            start = f'{{"type":"RECORD","stream":"{stream}","record":{{'.encode()
            yield start + b",".join(texts) + b"}}\n"


def _build_rows(given: Given) -> Iterator[dict[str, Any]]:
    for number, fields in enumerate(_transpose(given)):
        yield {"id": number, **fields}


def _transpose(given: Given) -> list[dict[str, Any]]:
    listed = list(given)
    rows: list[dict[str, Any]] = [{} for _ in range(max(len(sent.values) for _, sent in listed))]
    for case, sent in listed:
        for row, value in zip(rows, sent.values, strict=False):
            row.update(dict.fromkeys(case.columns, value))
    return rows


def _build_table(given: Given) -> pa.Table:
    listed = list(given)
    height = max(len(sent.values) for _, sent in listed)
    names, arrays = ["id"], [pa.array(range(height))]
    for case, sent in listed:
        short = pa.nulls(height - len(sent.values), sent.values.type)
        for column in case.columns:
            names.append(column)
            arrays.append(pa.concat_arrays([sent.values, short]))
    return pa.table(arrays, names=names)
