"""The schema lock: the same structure gives the same bytes and hash; a broken file is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.errors import ConfigError
from connector_assets.lock import (
    Lock,
    LockedColumn,
    LockedStream,
    load_lock,
    lock_hash,
    lock_path,
    render_lock,
    save_lock,
)

NAMES = st.text(min_size=1, max_size=6)
COLUMNS = st.builds(
    LockedColumn,
    type=st.sampled_from(["BIGINT", "TEXT"]),
    nullable=st.booleans(),
    description=st.sampled_from(["", "What it is."]),
)
STREAMS = st.builds(
    LockedStream,
    columns=st.dictionaries(NAMES, COLUMNS, max_size=3),
    primary_key=st.lists(NAMES, max_size=2).map(tuple),
    cursor=st.just("") | NAMES,
)
LOCKS = st.builds(
    Lock, connector=st.just("shop"), streams=st.dictionaries(NAMES, STREAMS, max_size=3)
)
SHOP = Lock(
    connector="shop",
    streams={
        "orders": LockedStream(
            columns={"id": LockedColumn(type="BIGINT", nullable=False)},
            primary_key=("id",),
            cursor="updated_at",
        )
    },
)


def reordered(lock: Lock) -> Lock:
    streams = {
        name: LockedStream(
            columns=dict(reversed(list(stream.columns.items()))),
            primary_key=stream.primary_key,
            cursor=stream.cursor,
        )
        for name, stream in reversed(list(lock.streams.items()))
    }
    return Lock(connector=lock.connector, streams=streams)


@settings(max_examples=20, deadline=None)
@given(LOCKS)
def test_lock_survives_the_file_and_its_order_does_not_count(
    tmp_path_factory: pytest.TempPathFactory, lock: Lock
) -> None:
    root = tmp_path_factory.getbasetemp()

    first = save_lock(lock, root=root).read_bytes()
    loaded = load_lock("shop", root=root)

    assert loaded == lock
    assert render_lock(loaded) == render_lock(lock)
    assert lock_hash(loaded) == lock_hash(reordered(lock)) == lock_hash(lock)
    assert save_lock(reordered(lock), root=root).read_bytes() == first


@settings(max_examples=20, deadline=None)
@given(LOCKS, LOCKS)
def test_hash_tells_locks_apart(one: Lock, other: Lock) -> None:
    assert (lock_hash(one) == lock_hash(other)) == (one == other)


def test_no_lock_has_no_hash(tmp_path: Path) -> None:
    assert load_lock("shop", root=tmp_path) is None
    assert lock_hash(None) == ""


def test_saved_lock_leaves_nothing_else_and_is_readable_by_all(tmp_path: Path) -> None:
    path = save_lock(SHOP, root=tmp_path)

    assert path == lock_path("shop", root=tmp_path) == tmp_path / "locks" / "shop.json"
    assert [file.name for file in path.parent.iterdir()] == ["shop.json"]
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.read_text().endswith("}\n")


def test_lock_that_cannot_be_saved_leaves_the_old_one(tmp_path: Path) -> None:
    path = save_lock(SHOP, root=tmp_path)
    odd = Lock(connector="shop", streams={"\ud800": LockedStream()})

    with pytest.raises(UnicodeEncodeError):
        save_lock(odd, root=tmp_path)

    assert load_lock("shop", root=tmp_path) == SHOP
    assert [file.name for file in path.parent.iterdir()] == ["shop.json"]


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        ('"version": 1', '"version": 2', "", "version is 2; this installation knows 1"),
        ('"version": 1', '"version": true', "", "version is True"),
        (', "version": 1', "", "", "version is None"),
        ('"shop"', '"store"', "", "one of the connector 'store'"),
        ('"shop"', "3", "", "`connector` is not text"),
        ('["id"]', '"id"', "", "`orders.primary_key` is not a list"),
        ('["id"]', "[3]", "", "`orders.primary_key` is not text"),
        ('"nullable": false', '"nullable": "no"', "", "`orders.id.nullable` is not true or"),
        ('"nullable": false, ', "", "", "'nullable'"),
        ('"updated_at"', "[]", "", "`orders.cursor` is not text"),
        ('"type": "BIGINT"', '"type": "BIGINT", "rows": 3', "", "one too many: 'rows'"),
        ('{"id":', '{"id": {}, "id":', "", "a key stands in it twice"),
        ('{"connector"', '\n<<<<<<< HEAD\n{"connector"', ":2", "not valid JSON"),
        ('{"connector"', "[" * 100_000, "", "recursion"),
    ],
)
def test_lock_of_another_form_is_refused(
    tmp_path: Path, *, old: str, new: str, place: str, problem: str
) -> None:
    text = json.dumps(render_lock(SHOP), sort_keys=True)
    assert text.count(old) == 1
    save_lock(SHOP, root=tmp_path).write_text(text.replace(old, new))

    with pytest.raises(ConfigError) as caught:
        load_lock("shop", root=tmp_path)

    assert caught.value.place == f"locks/shop.json{place}"
    assert problem in caught.value.problem
    assert "connectors discover shop --lock" in caught.value.fix


def test_lock_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    lock_path("shop", root=tmp_path).mkdir(parents=True)

    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_lock("shop", root=tmp_path)


def test_lock_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = save_lock(SHOP, root=tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    assert load_lock("shop", root=tmp_path) == SHOP
