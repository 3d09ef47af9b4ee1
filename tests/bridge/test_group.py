"""The file of a group: the same bytes for the same group, and refused where it is not one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_bridge.group import (
    VERSION,
    Group,
    GroupError,
    GroupSchedule,
    Place,
    fingerprint,
    parse_group,
    render_group,
)
from airflow_bridge.names import stream_asset
from tests.bridge.sample import SHOP, vary

TEXT = render_group(SHOP)
Change = Callable[[dict[str, Any]], object]


def rewrite(change: Change) -> str:
    record = json.loads(TEXT)
    change(record)
    return json.dumps(record)


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(vary(), id="everything"),
        pytest.param(vary(schedule=None, upstream=(stream_asset("a", "b/c"),)), id="upstream"),
        pytest.param(vary(schedule=None, streams=(), tags=(), pool="", doc=""), id="little"),
        pytest.param(vary(place=Place(kind="python", interpreter="/opt/py")), id="python"),
        pytest.param(vary(schedule=GroupSchedule(cron="0 2 * * *", timezone="UTC")), id="cron"),
    ],
)
def test_group_comes_back_as_it_was(group: Group) -> None:
    assert parse_group(render_group(group), file="shop.json") == group


@given(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
def test_any_value_comes_back(text: str, number: int, seconds: float) -> None:
    group = vary(owner=text, doc=text, tags=(text,), retries=number, timeout=seconds)

    assert parse_group(render_group(group), file="shop.json") == group


def test_file_is_sorted_readable_and_ends_with_a_line() -> None:
    record = json.loads(TEXT)

    assert list(record) == sorted({"version", *(one.name for one in fields(Group))})
    assert list(record["schedule"]) == sorted(record["schedule"])
    assert "Größe, 数" in TEXT
    assert TEXT.endswith("}\n")


def test_same_group_has_the_same_bytes_whatever_fingerprint_it_says() -> None:
    assert render_group(replace(SHOP, fingerprint="another")) == TEXT


@pytest.mark.parametrize("name", sorted({one.name for one in fields(Group)} - {"fingerprint"}))
def test_every_key_counts_for_the_fingerprint(name: str) -> None:
    others: dict[str, Any] = {
        "streams": (),
        "schedule": None,
        "upstream": (stream_asset("a", "b"),),
        "tags": (),
        "place": Place(kind="python", interpreter="python"),
    }

    changed = replace(SHOP, **{name: others.get(name, 7)})

    assert fingerprint(changed) != fingerprint(SHOP)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "line 1 is not valid JSON", id="empty"),
        pytest.param(TEXT[: len(TEXT) // 2], "is not valid JSON", id="cut"),
        pytest.param(
            f"<<<<<<< ours\n{TEXT}", "line 1 is not valid JSON: Expecting value", id="conflict"
        ),
        pytest.param("[" * 100_000, "another form", id="nested"),
        pytest.param("[]", "another form", id="list"),
        pytest.param("null", "another form", id="null"),
        pytest.param('"shop"', "another form", id="text"),
        pytest.param("{}", "another form", id="nothing"),
        pytest.param(rewrite(lambda one: one.pop("version")), "another form", id="no-version"),
        pytest.param(
            rewrite(lambda one: one.update(version=VERSION + 1)),
            f"its version is {VERSION + 1}; this installation knows {VERSION}",
            id="version",
        ),
        pytest.param(
            rewrite(lambda one: one.pop("retries")), "one too many: retries", id="lacks-key"
        ),
        pytest.param(
            rewrite(lambda one: one.update(retry=1)), "one too many: retry", id="unknown-key"
        ),
        pytest.param(rewrite(lambda one: one.update(streams=3)), "another form", id="streams"),
        pytest.param(rewrite(lambda one: one.update(streams=["a"])), "another form", id="stream"),
        pytest.param(
            rewrite(lambda one: one["streams"][0]["asset"].pop("uri")), "another form", id="asset"
        ),
        pytest.param(
            rewrite(lambda one: one.update(schedule="daily")), "another form", id="schedule"
        ),
        pytest.param(
            rewrite(lambda one: one["place"].update(image="x")), "another form", id="place"
        ),
        pytest.param(
            rewrite(lambda one: one.update(retries=0)), "changed after it was compiled", id="hand"
        ),
        pytest.param(
            rewrite(lambda one: one["schedule"].update(cron="0 3 * * *")),
            "changed after it was compiled",
            id="hand-schedule",
        ),
        pytest.param(
            rewrite(lambda one: one.update(fingerprint="")),
            "changed after it was compiled",
            id="fingerprint",
        ),
    ],
)
def test_what_is_not_a_groups_file_is_refused(text: str, says: str) -> None:
    with pytest.raises(GroupError) as refused:
        parse_group(text, file="shop.json")

    assert str(refused.value).startswith("shop.json cannot be used: ")
    assert says in str(refused.value)
    assert str(refused.value).endswith("Write it anew: connectors bridge compile")
