"""A target that loses a record: the verdict says so, whatever the target says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import NewShop
from .shop import end
from .singer import declare_tap, ids_of

pytestmark = pytest.mark.integration
LIES = Path(__file__).with_name("lies")
READ = "3 records were read and 2 are staged"
STAGED = "3 rows were staged"


@pytest.mark.parametrize(
    ("lie", "write", "problem"),
    [
        pytest.param("loses one", "append", READ, id="target"),
        pytest.param("says nothing", "append", READ, id="worker"),
        pytest.param("says that all are staged", "append", STAGED, id="append"),
        pytest.param("says that all are staged", "merge", STAGED, id="merge"),
        pytest.param("says that all are staged", "replace", STAGED, id="replace"),
    ],
)
def test_target_that_loses_a_record_loads_nothing(
    new_shop: NewShop,
    declare_taps: Callable[[Path], None],
    lie: str,
    write: str,
    problem: str,
) -> None:
    shop = new_shop()
    declare_taps(shop.root)
    file = shop.root / "messages.jsonl"
    _write_messages(file)
    rules = {"write": write, "primary_key": "id"}
    shop = declare_tap(shop, "tap-verbatim", config={"file": str(file)}, streams={"orders": rules})

    code, row = end(shop.start(PYTHONPATH=str(LIES), LIE=lie))

    assert (code, row["verdict"]) == (8, "failed")
    assert (row["error"]["type"], row["error"]["stream"]) == ("CountMismatch", "orders")
    assert row["error"]["problem"].startswith(problem)
    assert ids_of(shop) == []


def _write_messages(file: Path) -> None:
    schema = {"properties": {"id": {"type": "integer"}}}
    head = {"type": "SCHEMA", "stream": "orders", "schema": schema, "key_properties": ["id"]}
    records = ({"type": "RECORD", "stream": "orders", "record": {"id": n}} for n in range(3))
    file.write_text("".join(json.dumps(one) + "\n" for one in (head, *records)))
