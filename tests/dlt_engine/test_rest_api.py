"""Streams of an HTTP API: pages, a token, a cursor, and what an answer means."""

from __future__ import annotations

from typing import Any

import pytest

from connector_assets.errors import (
    ConfigError,
    ConnectorError,
    CredentialError,
    FatalSyncError,
    StreamMissing,
    TransientSyncError,
)
from connector_assets.model import Connector, Stream

from .bench import Bench, connector, stream
from .server import TOKEN, Shop

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("_impatient")]

ORDERS = stream(
    "orders",
    cursor="updated_at",
    primary_key=("id",),
    line=9,
    config={"path": "orders", "data_selector": "data", "params": {"since": "${cursor}"}},
)


def api(shop: Shop, *streams: Stream, **client: Any) -> Connector:
    config = {
        "client": {
            "base_url": shop.url,
            "auth": {"type": "bearer", "token": "${token}"},
            "paginator": {"type": "json_link", "next_url_path": "next"},
            **client,
        }
    }
    return connector("rest_api", config, *(streams or (ORDERS,)), secrets={"token": "env:T"})


def fill(shop: Shop, first: int, last: int) -> None:
    shop.tables.setdefault("orders", []).extend(
        {"id": number, "updated_at": f"2024-{number:04}"} for number in range(first, last + 1)
    )


def test_all_pages_are_read_with_the_token(bench: Bench, shop: Shop) -> None:
    fill(shop, 1, 35)

    staged = bench.stage(api(shop), token=TOKEN)

    assert (staged["orders"].emitted, staged["orders"].staged) == (35, 35)
    assert [row["id"] for row in bench.rows("orders")] == list(range(1, 36))
    assert len(shop.requests) == 4


def test_the_cursor_starts_where_the_last_sync_ended(bench: Bench, shop: Shop) -> None:
    fill(shop, 1, 12)
    bench.stage(api(shop), token=TOKEN)
    fill(shop, 13, 15)

    staged = bench.stage(api(shop), token=TOKEN)

    assert shop.requests[0] == "/orders"
    assert shop.requests[2] == "/orders?since=2024-0012"
    assert (staged["orders"].emitted, staged["orders"].staged) == (4, 3)
    assert [row["id"] for row in bench.rows("orders")] == [13, 14, 15]


def test_an_initial_value_is_what_a_first_sync_asks_for(bench: Bench, shop: Shop) -> None:
    fill(shop, 1, 12)
    params = {"filter": "from ${cursor}", "since": "${cursor}"}
    config = {**ORDERS.config, "params": params, "initial_value": "2024-0010"}
    orders = stream("orders", cursor="updated_at", config=config)

    bench.stage(api(shop, orders), token=TOKEN)

    assert shop.requests == ["/orders?filter=from+2024-0010&since=2024-0010"]
    assert [row["id"] for row in bench.rows("orders")] == [10, 11, 12]


def test_a_cursor_inside_a_text_needs_an_initial_value(bench: Bench, shop: Shop) -> None:
    config = {**ORDERS.config, "params": {"filter": "updated_at >= ${cursor}"}}

    error = bench.fail(api(shop, stream("orders", cursor="updated_at", config=config, line=9)))

    assert type(error) is ConfigError
    assert (error.stream, error.place) == ("orders", "connectors/shop.yaml:9")
    assert "no value in a first sync" in error.problem
    assert "initial_value" in error.fix


def test_a_secret_reaches_a_request_whatever_is_in_it(bench: Bench, shop: Shop) -> None:
    fill(shop, 1, 1)
    config = {"path": "orders", "data_selector": "data", "params": {"key": "${key}"}}

    bench.stage(api(shop, stream("orders", config=config)), token=TOKEN, key="a{b}&c")

    assert shop.requests == ["/orders?key=a%7Bb%7D%26c"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ConfigError),
        (403, CredentialError),
        (404, StreamMissing),
        (429, TransientSyncError),
        (500, TransientSyncError),
        (503, TransientSyncError),
    ],
)
def test_an_answer_has_its_class_and_names_the_stream(
    bench: Bench, shop: Shop, status: int, kind: type[ConnectorError]
) -> None:
    shop.failing["orders"] = status

    error = bench.fail(api(shop), token=TOKEN)

    assert type(error) is kind
    assert (error.stream, error.place) == ("orders", "connectors/shop.yaml:9")
    assert f"/orders answered {status}" in error.problem


def test_a_refused_token_is_a_credential_error_without_the_token(bench: Bench, shop: Shop) -> None:
    config = {"path": "orders", "params": {"api_key": "${token}"}}

    error = bench.fail(api(shop, stream("orders", config=config)), token="wrong-and-secret")

    assert type(error) is CredentialError
    assert "answered 401 Unauthorized" in error.problem
    assert "wrong-and-secret" not in str(error)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://no-such-host.invalid/"])
def test_a_host_that_does_not_answer_is_transient(bench: Bench, shop: Shop, url: str) -> None:
    config = {"path": "orders", "params": {"api_key": "${token}"}}
    declared = api(shop, stream("orders", config=config), base_url=url)

    error = bench.fail(declared, token="secret-in-the-url")

    assert type(error) is TransientSyncError
    assert "/orders does not answer" in error.problem
    assert "secret-in-the-url" not in str(error)


def test_an_address_that_is_none_is_a_config_error(bench: Bench, shop: Shop) -> None:
    assert type(bench.fail(api(shop, base_url="shop.example"), token=TOKEN)) is ConfigError


@pytest.mark.parametrize(
    ("client", "config", "words"),
    [
        pytest.param(
            {"auth": {"type": "beerer", "token": "s3cret-token"}}, {}, "'bearer'", id="auth"
        ),
        pytest.param({"paginator": {"type": "pages"}}, {}, "not one of", id="paginator"),
        pytest.param({}, {"paramz": {"key": "s3cret-token"}}, "paramz", id="endpoint key"),
        pytest.param({"auth": {"type": "bearer"}}, {}, "the config lacks `token`", id="no token"),
    ],
)
def test_a_config_that_dlt_refuses_is_told_without_its_values(
    bench: Bench, shop: Shop, client: dict[str, Any], config: dict[str, Any], words: str
) -> None:
    declared = api(shop, stream("orders", config={"path": "orders", **config}), **client)

    error = bench.fail(declared)

    assert type(error) is ConfigError
    assert words in error.problem
    assert "s3cret-token" not in str(error)


def test_a_cursor_that_no_row_has_is_a_config_error(bench: Bench, shop: Shop) -> None:
    fill(shop, 1, 3)
    config = {"path": "orders", "data_selector": "data"}

    error = bench.fail(api(shop, stream("orders", cursor="changed", config=config)), token=TOKEN)

    assert type(error) is ConfigError
    assert "no field 'changed'" in error.problem
    assert error.stream == "orders"


def test_a_row_without_a_value_of_the_cursor_is_told(bench: Bench, shop: Shop) -> None:
    shop.tables["orders"] = [{"id": 1, "changed": None, "private": "s3cret"}]
    config = {"path": "orders", "data_selector": "data"}

    error = bench.fail(api(shop, stream("orders", cursor="changed", config=config)), token=TOKEN)

    assert type(error) is FatalSyncError
    assert "no value in 'changed'" in error.problem
    assert "s3cret" not in str(error)
