"""Finding syncs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector_assets.errors import ConfigError
from connector_assets.ledger.records import Closing, NewSync
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict

Make = Callable[..., NewSync]


@pytest.fixture
def filled(ledger: Ledger, new_sync: Make) -> Ledger:
    """Two connectors with two syncs each; one sync of shop is closed."""
    opened = [("7f3a01", "shop", 0), ("7f3b02", "shop", 2), ("91bc03", "stores", 3)]
    for sync_id, connector, hour in [*opened, ("a%bc04", "stores", 1)]:
        ledger.syncs.open_attempt(new_sync(sync_id, connector=connector, hour=hour))
    closing = Closing(verdict=Verdict.SUCCEEDED, cause="", result={}, at=new_sync().at)
    ledger.syncs.close("7f3a01", attempt=1, closing=closing)
    return ledger


@pytest.mark.parametrize("prefix", ["9", "91bc03"])
def test_find_takes_a_unique_prefix(filled: Ledger, prefix: str) -> None:
    assert filled.history.find(prefix).sync_id == "91bc03"


def test_find_prefers_an_exact_id(filled: Ledger, new_sync: Make) -> None:
    filled.syncs.open_attempt(new_sync("91bc"))

    assert filled.history.find("91bc").sync_id == "91bc"


def test_find_refuses_an_ambiguous_prefix(filled: Ledger) -> None:
    with pytest.raises(ConfigError, match=r"ambiguous.*7f3b02, 7f3a01") as caught:
        filled.history.find("7f3")

    assert "more characters" in caught.value.fix


def test_find_suggests_near_ids(filled: Ledger) -> None:
    with pytest.raises(ConfigError, match="no sync starts with") as caught:
        filled.history.find("7f3c")

    assert "7f3a01" in caught.value.fix


def test_find_takes_wildcards_literally(filled: Ledger) -> None:
    assert filled.history.find("a%").sync_id == "a%bc04"
    with pytest.raises(ConfigError):
        filled.history.find("9%")


def test_last_returns_the_newest_sync_of_each_connector(filled: Ledger) -> None:
    rows = filled.history.last(environment="prod")

    assert [row.sync_id for row in rows] == ["7f3b02", "91bc03"]
    assert filled.history.last(environment="dev") == []


def test_last_returns_one_of_two_syncs_with_the_same_start(filled: Ledger, new_sync: Make) -> None:
    filled.syncs.open_attempt(new_sync("92", connector="stores", hour=3))

    assert [row.sync_id for row in filled.history.last(environment="prod")] == ["7f3b02", "92"]


def test_last_keeps_to_the_connectors_asked_for(filled: Ledger) -> None:
    rows = filled.history.last(environment="prod", connectors=["stores", "absent"])

    assert [row.connector for row in rows] == ["stores"]


def test_recent_lists_the_newest_first(filled: Ledger) -> None:
    rows = filled.history.recent(environment="prod", limit=3)

    assert [row.sync_id for row in rows] == ["91bc03", "7f3b02", "a%bc04"]
    assert len(filled.history.recent(environment="prod", connector="shop")) == 2


def test_unfinished_leaves_out_what_has_a_verdict(filled: Ledger) -> None:
    rows = filled.history.unfinished(environment="prod", connector="shop")

    assert [row.sync_id for row in rows] == ["7f3b02"]
