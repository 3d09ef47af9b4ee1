"""Counts from where its state ends up to what a file says, with a STATE after every 100 records.

Config: ``file`` names JSON with ``rows``, and what happens on the way: ``fails_at`` is the record
at which the tap dies, ``coupon_at`` the one from which on there is a further column, ``version``
the version of all RECORDs, and with ``unsorted`` a bookmark is no position until the end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from _tap import parse_arguments, send

EVERY = 100


def main() -> None:
    options = parse_arguments()
    told = json.loads(Path(options.config["file"]).read_text(encoding="utf-8"))
    if options.discover:
        facts = {"inclusion": "available", "table-key-properties": ["id"]}
        stream = {
            "tap_stream_id": "orders",
            "stream": "orders",
            "schema": make_schema("coupon_at" in told),
            "key_properties": ["id"],
            "metadata": [{"breadcrumb": [], "metadata": facts}],
        }
        json.dump({"streams": [stream]}, sys.stdout)
        return
    began = options.state.get("bookmarks", {}).get("orders", {}).get("replication_key_value", 0)
    coupon_at = told.get("coupon_at", told["rows"] + 1)
    describe(began >= coupon_at)
    version = {"version": told["version"]} if "version" in told else {}
    for number in range(began + 1, told["rows"] + 1):
        if number == told.get("fails_at"):
            sys.exit("the source is odd")
        if number == coupon_at:
            describe(True)
        coupon = {"coupon": f"C{number}"} if number >= coupon_at else {}
        record = {"id": number, "total": number * 2, **coupon}
        send(type="RECORD", stream="orders", record=record, **version)
        if number % EVERY == 0:
            tell_position(number, sorted_=not told.get("unsorted"))
    tell_position(told["rows"], sorted_=True)


def describe(coupon: bool) -> None:
    send(type="SCHEMA", stream="orders", schema=make_schema(coupon), key_properties=["id"])


def make_schema(coupon: bool) -> dict[str, Any]:
    more = {"coupon": {"type": ["string", "null"]}} if coupon else {}
    properties = {"id": {"type": "integer"}, "total": {"type": "integer"}, **more}
    return {"type": "object", "properties": properties}


def tell_position(number: int, *, sorted_: bool) -> None:
    mark: dict[str, Any] = {"replication_key": "id", "replication_key_value": number}
    if not sorted_:
        mark = {"progress_markers": mark}
    send(type="STATE", value={"bookmarks": {"orders": mark}})


if __name__ == "__main__":
    main()
