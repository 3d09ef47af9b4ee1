"""Pools: named with their slots in connectors.yaml, used by connector files."""

from __future__ import annotations

import pytest

from .folder import PROJECT, SHOP, ProjectFolder, lines, shown


def test_connector_is_in_the_pool_that_its_file_names(folder: ProjectFolder) -> None:
    folder.write("connectors.yaml", f"{PROJECT}pools: {{shop_db: 2}}\n")

    connector = folder.connector(f"{SHOP}pool: shop_db\n")

    assert connector.pool == "shop_db"
    assert folder.load().pools == {"shop_db": 2}


def test_environment_can_have_other_slots(folder: ProjectFolder) -> None:
    more = PROJECT.replace("prod: }", "prod: {pools: {shop_db: 8, new: 1}}}")
    folder.write("connectors.yaml", f"{more}pools: {{shop_db: 2}}\n")

    assert folder.load("prod").pools == {"shop_db": 8, "new": 1}


def test_unknown_pool_is_refused_with_the_known_ones(folder: ProjectFolder) -> None:
    folder.write("connectors.yaml", f"{PROJECT}pools: {{shop_db: 2, api: 1}}\n")

    error = folder.refused(f"{SHOP}pool: shopdb\n")

    assert "the pool 'shopdb' is not one of connectors.yaml" in shown(error)
    assert "'shop_db'" in shown(error)
    assert error.place == "connectors/one.yaml:10"


def test_pool_without_any_says_how_one_is_made(folder: ProjectFolder) -> None:
    error = folder.refused(f"{SHOP}pool: shop_db\n")

    assert "Add `pools: {shop_db: 2}` to connectors.yaml." in shown(error)


@pytest.mark.parametrize(
    ("pools", "problem"),
    [
        pytest.param("{shop_db: 0}", "greater than or equal to 1", id="none"),
        pytest.param("{shop_db: two}", "whole number", id="word"),
        pytest.param("{default_pool: 2}", "Airflow has for everything else", id="airflows"),
    ],
)
def test_slots_that_cannot_be_are_refused(folder: ProjectFolder, pools: str, problem: str) -> None:
    folder.write("connectors.yaml", f"{PROJECT}pools: {pools}\n")

    assert problem in " ".join([*lines(folder.refused()), shown(folder.refused())])
