"""What a source may do between two syncs, and what is to be told of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from connector_assets.model import Verdict

from .api import INTEGER, NUMBER, TEXT, Api, Table, nested

GOOD, DRIFTED, BLOCKED = (
    Verdict.SUCCEEDED,
    Verdict.SUCCEEDED_WITH_DRIFT,
    Verdict.BLOCKED,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A change of the API; ``told`` are the events as ``place kind policy``, by engine.

    ``cause`` is a part of the verdict's sentence. ``arrives`` are the rows per table after the
    change, or after the approval and the release of what was blocked.
    """

    name: str
    change: Callable[[Api], object]
    verdict: Verdict
    told: frozenset[str] = frozenset()
    by_tap: frozenset[str] | None = None
    cause: str = ""
    arrives: dict[str, int] = field(default_factory=dict)
    #: Nothing can be merged without a key: of that there is no package to release.
    held: bool = True

    def expected(self, engine: str) -> set[str]:
        return set(self.by_tap if engine == "meltano" and self.by_tap is not None else self.told)


def _number(api: Api) -> None:
    api.tables["orders"].change(lambda row: {"total": row["total"] + 0.5})
    api.tables["orders"].fields["total"] = NUMBER


def _object(api: Api) -> None:
    api.tables["orders"].change(lambda row: {"customer": {"name": row["customer"]}})
    api.tables["orders"].fields["customer"] = nested(name=TEXT)


def _some_objects(api: Api) -> None:
    orders = api.tables["orders"]
    orders.change(lambda row: {"customer": {"name": "x"}} if row["id"] == 7 else {})
    orders.fields["customer"] = {"type": ["string", "object", "null"]}


def _deeper(api: Api) -> None:
    orders = api.tables["orders"]
    orders.change(lambda row: {"address": {"city": row["address"]["city"], "zip": "12345 A"}})
    orders.fields["address"] = nested(city=TEXT, zip=TEXT)


def _inner_gone(api: Api) -> None:
    orders = api.tables["orders"]
    orders.change(lambda row: {"address": {"city": row["address"]["city"]}})
    orders.fields["address"] = nested(city=TEXT)


def _null(api: Api) -> None:
    api.tables["orders"].change(lambda _: {"coupon": None})


def _field(api: Api) -> None:
    api.tables["orders"].change(lambda row: {"extra": row["id"]})
    api.tables["orders"].fields["extra"] = INTEGER


def _stream(api: Api) -> None:
    api.tables["refunds"] = Table([{"id": 1}], {"id": INTEGER})


def _key(api: Api) -> None:
    api.tables["events"].key = []
    api.tables["events"].touch()


def _key_field(api: Api) -> None:
    api.tables["stores"].key = []
    api.tables["stores"].drop("id")


def _null_key(api: Api) -> None:
    events = api.tables["events"]
    events.key = []
    events.change(lambda row: {"id": None} if row["id"] == 7 else {})


def _merge_key(api: Api) -> None:
    api.tables["orders"].key = []
    api.tables["orders"].drop("id")


def _half(api: Api) -> None:
    del api.tables["stores"].rows[:20]


def _shuffled(api: Api) -> None:
    chance = random.Random(7)
    for table in api.tables.values():
        table.touch()
        table.rows = [dict(chance.sample([*row.items()], k=len(row))) for row in table.rows]
        chance.shuffle(table.rows)
        table.fields = dict(chance.sample([*table.fields.items()], k=len(table.fields)))


def _repeated(api: Api) -> None:
    api.repeated = {"orders", "events"}
    api.tables["orders"].touch()
    api.tables["events"].touch()


BY_TAP = (
    Case(
        name="key gone, that the tap named",
        change=_key,
        verdict=BLOCKED,
        told=frozenset({"events key_removed block", "events.id nullability_changed warn"}),
        cause="events key_removed: id",
        arrives={"events": 100},
    ),
    Case(
        name="key gone, null in a row",
        change=_null_key,
        verdict=BLOCKED,
        told=frozenset({"events key_removed block", "events.id nullability_changed warn"}),
        cause="events key_removed: id",
        arrives={"events": 100},
    ),
    Case(
        name="key gone with its field",
        change=_key_field,
        verdict=BLOCKED,
        told=frozenset({"stores key_removed block", "stores.id column_removed warn"}),
        cause="stores key_removed: id",
        arrives={"stores": 40},
    ),
)
CASES = (
    Case(
        name="integer to number",
        change=_number,
        verdict=GOOD,
        told=frozenset({"orders.total type_widened allow"}),
        arrives={"orders": 60},
    ),
    Case(
        name="string to object",
        change=_object,
        verdict=BLOCKED,
        told=frozenset({"orders.customer type_changed block"}),
        cause="orders.customer type_changed: text -> json",
        arrives={"orders": 60},
    ),
    Case(
        name="one string of many to object",
        change=_some_objects,
        verdict=BLOCKED,
        told=frozenset({"orders.customer type_changed block"}),
        cause="orders.customer type_changed: text -> json",
        arrives={"orders": 60},
    ),
    Case(
        name="integer to string inside an object",
        change=_deeper,
        verdict=BLOCKED,
        told=frozenset({"orders.address__zip type_changed block"}),
        by_tap=frozenset({"orders.address.zip type_changed block"}),
        cause="zip type_changed: bigint -> text",
        arrives={"orders": 60},
    ),
    Case(
        name="field inside an object gone",
        change=_inner_gone,
        verdict=DRIFTED,
        # Whether a field inside of another is absent or null is not seen in rows.
        told=frozenset({"orders.address__zip column_emptied warn"}),
        by_tap=frozenset({"orders.address.zip column_removed warn"}),
        cause="zip column_",
        arrives={"orders": 60},
    ),
    Case(
        name="field gone",
        change=lambda api: api.tables["orders"].drop("coupon"),
        verdict=DRIFTED,
        told=frozenset({"orders.coupon column_removed warn"}),
        cause="orders.coupon column_removed: text",
        arrives={"orders": 60},
    ),
    Case(
        name="field always null",
        change=_null,
        verdict=DRIFTED,
        told=frozenset({"orders.coupon column_emptied warn"}),
        cause="orders.coupon column_emptied",
        arrives={"orders": 60},
    ),
    Case(
        name="new field",
        change=_field,
        verdict=GOOD,
        told=frozenset({"orders.extra column_added allow"}),
        arrives={"orders": 60},
    ),
    Case(
        name="new stream",
        change=_stream,
        verdict=GOOD,
        # An API of dlt's `rest_api` lists nothing: its endpoints are those of the connector.
        told=frozenset(),
        by_tap=frozenset({"refunds stream_added allow"}),
    ),
    Case(
        name="stream gone",
        change=lambda api: api.tables.pop("stores"),
        verdict=BLOCKED,
        told=frozenset({"stores stream_removed block"}),
        cause="stores stream_removed",
        arrives={"stores": 40},
    ),
    Case(
        name="key gone, that the connector declares",
        change=_merge_key,
        verdict=BLOCKED,
        told=frozenset({"orders key_removed block"}),
        cause="part of",
        held=False,
        arrives={"orders": 60},
    ),
    Case(
        name="cursor gone",
        change=lambda api: api.tables["orders"].drop("updated"),
        verdict=BLOCKED,
        told=frozenset(
            {"orders cursor_removed block", "orders.updated column_removed warn"},
        ),
        cause="orders cursor_removed: updated",
        arrives={"orders": 60},
    ),
    Case(
        name="all rows gone, replaced",
        change=lambda api: api.tables["stores"].rows.clear(),
        verdict=BLOCKED,
        cause="stores is empty, and would empty a table of 40 rows",
        arrives={"stores": 0},
    ),
    Case(
        name="all rows gone, from a cursor",
        change=lambda api: api.tables["orders"].rows.clear(),
        verdict=GOOD,
        arrives={"orders": 60},
    ),
    Case(
        name="half of the rows gone",
        change=_half,
        verdict=BLOCKED,
        cause="stores has 20 rows, 50% of the last 40: below its min_share of 60%",
        arrives={"stores": 20},
    ),
    Case(
        name="order shuffled",
        change=_shuffled,
        verdict=GOOD,
        arrives={"orders": 60, "stores": 40, "events": 100},
    ),
    Case(
        name="page repeated",
        change=_repeated,
        verdict=GOOD,
        arrives={"orders": 60},
    ),
    Case(
        name="permission lost, replaced",
        change=lambda api: api.denied.add("stores"),
        verdict=BLOCKED,
        cause="stores is empty, and would empty a table of 40 rows",
        arrives={"stores": 0},
    ),
    Case(
        name="permission lost, from a cursor",
        change=lambda api: api.denied.add("orders"),
        verdict=GOOD,
        arrives={"orders": 60},
    ),
)
