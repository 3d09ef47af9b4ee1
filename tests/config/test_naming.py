"""What may be called how; the table of a stream is the one that dlt would make."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector_assets.naming import is_dataset_name, is_name, snake_case, table_name

WORDS = st.text(st.sampled_from("abzAZ09_-+*@| .$/ÄéßΩ中"), min_size=1, max_size=14)


@pytest.mark.parametrize("name", ["a", "shop", "shop_2", "a" * 63])
def test_name_is_taken(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name", ["", "Shop", "2shop", "_shop", "shop-eu", "shop.eu", "späti", "a\n", "a" * 64]
)
def test_name_is_refused(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("name", ["shop__eu", "shop_", "information_schema", "pg_catalog", "S"])
def test_dataset_that_dlt_or_duckdb_would_change_is_refused(name: str) -> None:
    assert not is_dataset_name(name)


@pytest.mark.parametrize(
    ("stream", "table"),
    [
        ("orders", "orders"),
        ("OrderItems", "order_items"),
        ("public-orders", "public_orders"),
        ("orders__items", "orders__items"),
        ("2024", "_2024"),
        ("Straße", "stra_e"),
        ("__", ""),
        (" ", ""),
    ],
)
def test_table_name_is_that_of_dlt(stream: str, table: str) -> None:
    assert table_name(stream) == table


@pytest.mark.integration
@settings(max_examples=300, deadline=None)
@given(WORDS)
@example("a__b__C")
@example("ID_")
@example("HTTPServer2")
def test_naming_equals_the_naming_of_dlt(word: str) -> None:
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    naming = NamingConvention()

    if word.strip():
        assert snake_case(word) == naming.normalize_identifier(word)
    if table_name(word):
        assert table_name(word) == naming.normalize_tables_path(word)
