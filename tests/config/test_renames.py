"""``renamed_from`` in connector files, and the files of a project after a rename."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connector_assets.errors import ConfigError
from connector_assets.lock import Lock, LockedStream, follow_streams
from connector_assets.naming import follow_name, list_renamed
from connector_assets.project import load_project
from connector_assets.rename_files import plan_rename, written

from .folder import PROJECT, SHOP, ProjectFolder, shown


@pytest.mark.parametrize(
    ("said", "names"),
    [("old", ("old",)), ("[newer, older]", ("newer", "older"))],
    ids=["text", "list"],
)
def test_old_names_are_one_or_several(
    folder: ProjectFolder, said: str, names: tuple[str, ...]
) -> None:
    text = SHOP.replace("orders: {", f"orders: {{renamed_from: {said}, ")

    connector = folder.connector(f"{text}renamed_from: {said}\n")

    assert connector.renamed_from == names
    assert list_renamed(connector) == dict.fromkeys(names, "orders")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{SHOP}renamed_from: shop\n", "cannot be renamed from its own name"),
        (f"{SHOP}renamed_from: [a, a]\n", "'a' stands in it twice"),
        (f"{SHOP}renamed_from: Not So\n", "cannot be used"),
        (f"{SHOP}environments: {{prod: {{renamed_from: a}}}}\n", "cannot be different"),
        (
            SHOP.replace("orders: {", "x: {renamed_from: orders, write: replace}\n  orders: {"),
            "the stream 'x' is renamed from 'orders', which the connector has",
        ),
        (
            SHOP.replace(
                "orders: {",
                "x: {renamed_from: a, write: replace}\n  y: {renamed_from: a, write: replace}\n"
                "  orders: {",
            ),
            "the streams 'x' and 'y' are renamed from 'a'",
        ),
    ],
    ids=["own", "twice", "no name", "environment", "stream still there", "two streams"],
)
def test_names_that_cannot_be_followed_are_refused(
    folder: ProjectFolder, text: str, problem: str
) -> None:
    assert problem in shown(folder.refused(text))


def test_connector_that_is_still_there_is_no_old_name(folder: ProjectFolder) -> None:
    folder.write("connectors/one.yaml", SHOP)
    more = SHOP.replace("name: shop", "name: store\nrenamed_from: shop")
    folder.write("connectors/two.yaml", more.replace("lake.shop", "lake.other"))

    with pytest.raises(ConfigError) as caught:
        folder.load()

    assert "`renamed_from` names 'shop', which is a connector of the project" in shown(caught.value)


def test_child_tables_follow_their_stream_and_declared_streams_do_not() -> None:
    renamed = {"Orders": "Purchases"}

    names = {
        name: follow_name(name, renamed=renamed, declared=["orders__own"])
        for name in ("Orders", "orders__lines", "orders__own", "orders_x", "orders")
    }

    assert names == {
        "Orders": "Purchases",
        "orders__lines": "purchases__lines",
        "orders__own": "orders__own",
        "orders_x": "orders_x",
        "orders": "orders",
    }


def test_lock_has_a_stream_by_its_new_name_unless_it_has_both() -> None:
    old, new = LockedStream(cursor="old"), LockedStream(cursor="new")
    renamed = {"a": "b"}

    followed = follow_streams(
        Lock(connector="shop", streams={"a": old}), renamed=renamed, declared=["b"]
    )
    both = follow_streams(
        Lock(connector="shop", streams={"a": old, "b": new}), renamed=renamed, declared=["b"]
    )

    assert followed.streams == {"b": old}
    assert both.streams["b"] == new


OWN = """\
# Sales of the shop.
name: shop  # known so since 2019
owner: team
engine: dlt
source: python:told:rows
destination: files.shop_data   # stays
streams: {orders: {write: replace}}
"""
OTHER = """\
name: other
owner: team
engine: dlt
source: python:told:rows
destination: files.other_data
depends_on:
  - shop  # first
  - third
streams: {orders: {write: replace}}
environments:
  prod: {depends_on: [shop]}
"""
RULES = 'alerts: {rules: {one: {to: ["env:ONE"], connectors: [other, shop]}}}\n'


@pytest.fixture
def shop(folder: ProjectFolder) -> Path:
    folder.write("connectors.yaml", PROJECT + RULES)
    folder.write("connectors/shop.yaml", OWN)
    folder.write("connectors/other.yaml", OTHER)
    folder.write("connectors/third.yaml", OWN.replace("shop", "third"))
    folder.write("locks/shop.json", json.dumps({"version": 1, "connector": "shop", "streams": {}}))
    return folder.root


def read(root: Path) -> dict[str, str]:
    files = sorted(one for one in root.rglob("*") if one.is_file())
    return {one.relative_to(root).as_posix(): one.read_text() for one in files}


def test_files_of_a_renamed_connector_say_so_and_keep_their_comments(shop: Path) -> None:
    with written(shop, plan_rename(load_project(shop), old="shop", new="store")):
        project = load_project(shop)

    found = read(shop)
    assert found["connectors/store.yaml"] == OWN.replace(
        "name: shop  # known so since 2019",
        "name: store  # known so since 2019\nrenamed_from: shop",
    )
    assert found["connectors/other.yaml"] == OTHER.replace("- shop", "- store").replace(
        "[shop]", "[store]"
    )
    assert "connectors: [other, store]" in found["connectors.yaml"]
    assert json.loads(found["locks/store.json"])["connector"] == "store"
    assert {"connectors/shop.yaml", "locks/shop.json"} & set(found) == set()
    assert project.connector("store").renamed_from == ("shop",)


def test_second_rename_keeps_the_first_name_and_a_rename_back_is_none_of_its_own(
    shop: Path,
) -> None:
    for old, new in (("shop", "store"), ("store", "market"), ("market", "shop")):
        with written(shop, plan_rename(load_project(shop), old=old, new=new)):
            pass
        names = load_project(shop).connector(new).renamed_from
        if new == "market":
            assert names == ("store", "shop")

    assert names == ("market", "store")


def test_files_are_as_they_were_where_something_fails(shop: Path) -> None:
    before = read(shop)

    with (
        pytest.raises(RuntimeError),
        written(shop, plan_rename(load_project(shop), old="shop", new="store")),
    ):
        raise RuntimeError

    assert read(shop) == before


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        ("third", "the project has a connector 'third'"),
        ("Not So", "cannot be used"),
        ("taken", "the file is there already"),
    ],
    ids=["connector", "name", "file"],
)
def test_name_that_cannot_be_taken_is_refused(shop: Path, new: str, problem: str) -> None:
    (shop / "locks" / "taken.json").write_text("{}")
    before = read(shop)

    with pytest.raises(ConfigError, match=problem):
        plan_rename(load_project(shop), old="shop", new=new)

    assert read(shop) == before
