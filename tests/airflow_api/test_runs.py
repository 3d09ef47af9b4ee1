"""How a sync names the DAG run that it belongs to."""

from __future__ import annotations

import pytest

from connector_assets.airflow_api.runs import find_run, make_root, run_url


def test_run_is_found_again_whatever_stands_in_its_id() -> None:
    run = "scheduled__2026-11-26T02:00:00+00:00"

    assert find_run(make_root("shop", run)) == ("shop", run)


@pytest.mark.parametrize("root", ["", "3f2a", "airflow", "airflow:shop", "dagster:shop:1"])
def test_other_roots_are_of_no_run(root: str) -> None:
    assert find_run(root) is None


def test_page_of_a_run_is_quoted() -> None:
    found = run_url("http://127.0.0.1:8080/", dag="shop", run="a:b+c/d")

    assert found == "http://127.0.0.1:8080/dags/shop/runs/a%3Ab%2Bc%2Fd"
