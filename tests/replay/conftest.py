"""The API, and a project per engine and destination that has synced it once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector_assets.model import Verdict

from .api import Api, fill, serve
from .shop import Shop, Start

Build = Callable[[str, str], Start]


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with serve() as running:
        fill(running)
        yield running


@pytest.fixture(scope="module")
def starts(
    api: Api, tmp_path_factory: pytest.TempPathFactory, declare_taps: Callable[[Path], None]
) -> Build:
    """A function that returns the project of an engine and a destination: one per module."""
    known: dict[tuple[str, str], Start] = {}

    def start(engine: str, destination: str) -> Start:
        if (engine, destination) not in known:
            folder = tmp_path_factory.mktemp(f"{engine}-{destination}")
            fill(api)
            shop = Shop(folder / "project", api, engine=engine, destination=destination)
            declare_taps(shop.root)
            first = shop.sync()
            assert first.verdict is Verdict.SUCCEEDED, first.cause
            known[engine, destination] = Start(shop, folder / "kept")
        return known[engine, destination]

    return start
