"""Which streams a source was seen to offer."""

from __future__ import annotations

from connector_assets.ledger.store import Ledger


def test_what_was_never_seen_is_not_known(ledger: Ledger) -> None:
    assert ledger.offers.find("shop", environment="dev") is None


def test_the_last_word_counts_by_connector_and_environment(ledger: Ledger) -> None:
    ledger.offers.save("shop", environment="dev", streams=["orders", "stores"])
    ledger.offers.save("shop", environment="prod", streams=[])
    ledger.offers.save("shop", environment="dev", streams=["stores", "events"])

    assert ledger.offers.find("shop", environment="dev") == ["events", "stores"]
    assert ledger.offers.find("shop", environment="prod") == []
