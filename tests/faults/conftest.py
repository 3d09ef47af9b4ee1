"""Projects that are broken on purpose; whatever of them still runs after a test is ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from .killing import Undisturbed, build_undisturbed, copy_database
from .shop import Shop

NewShop = Callable[..., Shop]
NewKillShop = Callable[[Mapping[str, str]], tuple[Shop, Mapping[str, Any]]]


@pytest.fixture
def new_shop(tmp_path: Path, lake_of: Callable[..., dict[str, Any]]) -> Iterator[NewShop]:
    """A function that makes a project; ``kind`` is duckdb or ducklake (catalog on PostgreSQL)."""
    made: list[Shop] = []

    def make(kind: str = "duckdb", *, folder: str = "shop", **options: Any) -> Shop:
        destination = options.pop("destination", None) or lake_of(kind, tmp_path)
        shop = Shop(root=tmp_path / folder, destination=destination, **options).create()
        made.append(shop)
        return shop

    yield make
    for shop in made:
        shop.close()


@pytest.fixture(scope="session")
def lake_of(new_postgres_database: Callable[[], str]) -> Callable[..., dict[str, Any]]:
    """A function that returns a new destination, as connectors.yaml says it."""

    def make(kind: str, folder: Path) -> dict[str, Any]:
        if kind == "duckdb":
            return {"type": "duckdb", "path": "data/shop.duckdb"}
        catalogs: dict[str, Callable[[], str]] = {
            "ducklake": new_postgres_database,
            "ducklake-sqlite": lambda: "sqlite:///data/catalog.sqlite",
            "ducklake-duckdb": lambda: "duckdb:///data/catalog.ducklake",
        }
        files = str(folder / "files")
        return {"type": "ducklake", "catalog": catalogs[kind](), "data_path": files}

    return make


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, lake_of: Callable[..., dict[str, Any]]
) -> Callable[[str, str], Undisturbed]:
    """A function that returns the run that nobody disturbs, by destination and disposition."""
    made: dict[tuple[str, str], Undisturbed] = {}
    numbers = count(1)

    def make(kind: str, write: str) -> Undisturbed:
        if (kind, write) not in made:
            folder = tmp_path_factory.mktemp(f"undisturbed-{kind}-{write}")
            shop = Shop(root=folder / "shop", destination=lake_of(kind, folder), write=write)
            made[kind, write] = build_undisturbed(
                shop.create(),
                twin=folder / "twin",
                copy_database=lambda url: copy_database(url, name=f"twin_{next(numbers)}"),
            )
        return made[kind, write]

    return make


@pytest.fixture
def new_kill_shop(
    tmp_path: Path,
    new_shop: NewShop,
    undisturbed: Callable[[str, str], Undisturbed],
) -> Iterator[NewKillShop]:
    """A function that returns the shop of a case of the kill matrix, and what it must become."""
    shops: list[Shop] = []

    def make(case: Mapping[str, str]) -> tuple[Shop, Mapping[str, Any]]:
        twin = undisturbed(case["destination"], case["write"])
        if case["history"] == "first":
            return new_shop(case["destination"], write=case["write"]), twin.first
        name = f"killed_{uuid4().hex}"
        shop = twin.copy(tmp_path / "shop", copy_database=lambda url: copy_database(url, name=name))
        shops.append(shop)
        return shop, twin.later

    yield make
    for shop in shops:
        shop.close()
