"""The dlt source that plain dlt and a connector of ours both run; ``source.json`` says how.

``rows`` is the last id, ``tables`` the names, ``amount`` a value of each row, ``dies_after`` an id
after which the source is gone, ``wait_for`` a file that it waits for before it ends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt

FROM_THE_START = dlt.sources.incremental("id", initial_value=0)


def source() -> list[Any]:
    return [_table(name) for name in _plan().get("tables", ["orders"])]


def _table(name: str) -> Any:
    @dlt.resource(name=name, primary_key="id", write_disposition="append")
    def rows(ids: Any = FROM_THE_START) -> Iterator[Any]:
        plan = _plan()
        for number in range(ids.last_value + 1, plan["rows"] + 1):
            yield {"id": number, "amount": plan.get("amount", 1)}
            if number == plan.get("dies_after"):
                raise ConnectionError("the source is gone")
        if go := plan.get("wait_for"):
            Path(f"{go}.started").touch()
            while not Path(go).exists():
                time.sleep(0.05)

    return rows


def _plan() -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(Path("source.json").read_text(encoding="utf-8"))
    return plan
