"""A group's DAG as a person reads it."""

from __future__ import annotations

from airflow_bridge.group import Place
from airflow_bridge.names import stream_asset
from airflow_bridge.text import render_text
from tests.bridge.sample import vary


def test_text_says_steps_schedule_retries_and_outlets() -> None:
    shown = vary()

    assert render_text(shown).splitlines() == [
        "shop  dlt  env prod  owner ada@shop.example",
        "  start_dag -> run_dlt -> finalize_dag -> final_status",
        "  due      30 2 * * * Europe/Berlin",
        "  retries  3 of the run step, the first after 45 s; at most 1800 s each",
        "  runs     in the interpreter of Airflow",
        "  pool     shop_api",
        "  outlet   shop/orders -> lake.shop.orders",
        "  outlet   shop/stores -> lake.shop.stores",
        f"  plan     a41fa41fa41f  fingerprint {shown.fingerprint[:12]}",
    ]


def test_text_says_what_a_group_waits_for() -> None:
    upstream = (stream_asset("shop", "orders"), stream_asset("shop", "stores"))

    text = render_text(vary(schedule=None, upstream=upstream))

    assert "  due      after shop/orders, shop/stores\n" in text


def test_text_of_a_group_with_little() -> None:
    text = render_text(vary(schedule=None, owner="", retries=0, pool=""))

    assert "owner nobody\n" in text
    assert "  due      when somebody starts it\n" in text
    assert "  retries  0 of the run step; at most 1800 s each\n" in text
    assert "pool" not in text


def test_text_names_another_interpreter() -> None:
    text = render_text(vary(place=Place(kind="python", interpreter="/opt/platform/bin/python")))

    assert "  runs     /opt/platform/bin/python\n" in text
