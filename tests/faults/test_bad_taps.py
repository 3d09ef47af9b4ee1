"""Taps that break their sync: an error of the right class, and the destination as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import NewShop
from .processes import wait_until_none
from .shop import Shop, end
from .singer import declare_tap

pytestmark = pytest.mark.integration
NewSingerShop = Callable[..., Shop]


@pytest.fixture
def new_singer_shop(new_shop: NewShop, declare_taps: Callable[[Path], None]) -> NewSingerShop:
    """A function that makes a shop with a tap; nothing was loaded yet."""

    def make(tap: str, **options: Any) -> Shop:
        shop = new_shop()
        declare_taps(shop.root)
        return declare_tap(shop, tap, **options)

    return make


@dataclass(frozen=True, kw_only=True)
class Breach:
    """What a tap does, and how it is told: ``words`` stand in problem or place."""

    tap: str
    error: str
    words: tuple[str, ...]
    stream: str = ""
    config: Mapping[str, str] = field(default_factory=dict)


BREACHES = {
    "dies": Breach(
        tap="tap-dies-half-way",
        error="EngineFailed",
        words=("tap-dies-half-way ended with exit code 3", "KeyError: 'next_page'"),
    ),
    "garbage": Breach(
        tap="tap-prints-garbage",
        error="BadRecord",
        # The line itself is masked: it can hold anything.
        words=("not JSON", "tap-prints-garbage, line 3"),
    ),
    "record-first": Breach(
        tap="tap-record-before-schema",
        error="BadRecord",
        stream="orders",
        words=("SCHEMA", "tap-record-before-schema, line 1"),
    ),
    "state-cut": Breach(
        tap="tap-bad-state",
        error="BadRecord",
        words=("not JSON", "tap-bad-state, line 3"),
        config={"kind": "cut"},
    ),
    "state-text": Breach(
        tap="tap-bad-state",
        error="BadRecord",
        words=("STATE", "tap-bad-state, line 3"),
        config={"kind": "text"},
    ),
}


@pytest.mark.parametrize(
    "breach",
    [
        pytest.param(breach, id=name, marks=(pytest.mark.full,) if name == "state-text" else ())
        for name, breach in BREACHES.items()
    ],
)
def test_tap_that_breaks_its_sync_is_told_and_nothing_is_loaded(
    breach: Breach, new_singer_shop: NewSingerShop
) -> None:
    shop = new_singer_shop(breach.tap, config=dict(breach.config))

    code, row = end(shop.start())

    assert (code, row["verdict"]) == (8, "failed")
    told = row["error"]
    assert (told["type"], told["connector"]) == (breach.error, "shop")
    assert told.get("stream", "") == breach.stream
    said = told.get("place", "") + ": " + told["problem"]
    assert all(word in said for word in breach.words), said
    assert not (shop.root / "data").exists()
    wait_until_none(shop.root)


@pytest.mark.fault
def test_tap_that_hangs_is_ended_at_the_timeout_with_all_that_it_started(
    new_singer_shop: NewSingerShop,
) -> None:
    shop = new_singer_shop("tap-hangs", timeout=10)

    code, row = end(shop.start())

    assert (code, row["verdict"]) == (7, "failed")
    assert row["error"]["type"] == "EngineTimeout"
    assert row["error"]["connector"] == "shop"
    assert "10 seconds" in row["error"]["problem"]
    assert not (shop.root / "data").exists()
    wait_until_none(shop.root)


def test_plugin_that_is_not_declared_is_a_config_error(new_singer_shop: NewSingerShop) -> None:
    shop = new_singer_shop("tap-nowhere")

    code, row = end(shop.start())

    assert (code, row["error"]["type"]) == (3, "ConfigError")
    assert "tap-nowhere" in row["error"]["problem"]
    assert row["error"]["connector"] == "shop"
    assert "shop.yaml" in row["error"]["place"] or "meltano.yml" in row["error"]["place"]


def test_plugin_that_is_not_installed_is_a_config_error(new_singer_shop: NewSingerShop) -> None:
    shop = new_singer_shop("tap-absent")
    file = shop.root / "meltano.yml"
    content = yaml.safe_load(file.read_text())
    absent = {"name": "tap-absent", "namespace": "tap_absent", "pip_url": "tap-absent==1.0"}
    content["plugins"]["extractors"].append(absent)
    file.write_text(yaml.safe_dump(content))

    code, row = end(shop.start())

    assert (code, row["error"]["type"]) == (3, "ConfigError")
    assert "meltano install extractor tap-absent" in row["error"]["fix"]
    assert row["error"]["connector"] == "shop"
