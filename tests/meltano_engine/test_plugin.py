"""What a connector becomes in Meltano's words: config, selection, metadata."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_assets.engines.meltano_plugin import (
    build_extractor,
    name_variable,
    quote_metadata,
    quote_selection,
    select,
)
from connector_assets.errors import ConfigError

from .bench import connector, stream

# The one of Meltano that keeps dots for itself, and what fnmatch has for patterns.
NAMES = st.text(st.sampled_from("ab.*?[]!\\- ü"), min_size=1).filter(lambda name: "\\" not in name)


@given(name=NAMES, other=NAMES)
def test_a_quoted_name_selects_that_stream_and_no_other(name: str, other: str) -> None:
    pattern = re.split(r"(?<!\\)\.", quote_selection(name) + ".*", maxsplit=1)[0]
    pattern = pattern.replace(r"\.", ".")

    assert fnmatchcase(name, pattern)
    assert fnmatchcase(other, pattern) is (other == name)


@given(name=NAMES)
def test_a_quoted_name_of_metadata_has_no_dot_and_matches_its_stream(name: str) -> None:
    pattern = quote_metadata(name)

    assert "." not in pattern
    assert fnmatchcase(name, pattern)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param([], ["orders.*"], id="no rule"),
        pytest.param(["*.*"], ["orders.*"], id="everything"),
        pytest.param(["orders"], ["orders.*"], id="the stream"),
        pytest.param(["orders.id", "orders.a.b"], ["orders.id", "orders.a.b"], id="properties"),
        pytest.param(["*.*", "!orders.card"], ["orders.*", "!orders.card"], id="all but one"),
        pytest.param(["ord*.id"], ["orders.id"], id="a pattern"),
        pytest.param(["customers.*"], ["orders.*"], id="another stream"),
        pytest.param(["!orders.*"], ["orders.*"], id="excluded as a whole"),
    ],
)
def test_rules_of_the_project_narrow_properties_and_not_streams(
    rules: list[str], expected: list[str]
) -> None:
    assert list(select(stream("orders"), rules=rules)) == expected


def test_an_extractor_inherits_and_holds_no_secret() -> None:
    declared = connector(
        "tap-shop",
        stream("orders", cursor="at", config={"note": "${token}"}),
        stream("shop.items"),
        config={"url": "https://${host}/", "n": 1},
        secrets={"host": "env:H", "token": "env:T", "auth.password": "env:P"},
    )

    entry = build_extractor(declared, selection=(), state=None)

    assert entry == {
        "name": "tap-shop--shop",
        "inherit_from": "tap-shop",
        "config": {
            "url": "https://${CONNECTORS_SECRET_host}/",
            "n": 1,
            "auth.password": "${CONNECTORS_SECRET_auth_2E_password}",
        },
        "select": ["orders.*", r"shop\.items.*"],
        "metadata": {
            "orders": {
                "replication-method": "INCREMENTAL",
                "replication-key": "at",
                "note": "${CONNECTORS_SECRET_token}",
            },
            "shop?items": {"replication-method": "FULL_TABLE"},
        },
    }


def test_the_config_of_a_stream_comes_before_what_the_cursor_says() -> None:
    wal = stream("orders", cursor="at", config={"replication-method": "LOG_BASED"})

    entry = build_extractor(connector("tap-shop", wal), selection=(), state=None)

    assert entry["metadata"]["orders"]["replication-method"] == "LOG_BASED"


def test_a_setting_that_is_null_is_refused_with_its_name() -> None:
    declared = connector("tap-shop", config={"client": {"proxy": None}})

    with pytest.raises(ConfigError, match=r"client\.proxy is null") as caught:
        build_extractor(declared, selection=(), state=None)

    assert (caught.value.connector, caught.value.fix) == ("shop", "Leave the key out.")


@given(first=st.text(min_size=1), second=st.text(min_size=1))
def test_no_two_secrets_share_a_variable(first: str, second: str) -> None:
    names = re.sub(r"[^A-Za-z0-9_.-]", "", first), re.sub(r"[^A-Za-z0-9_.-]", "", second)

    assert (name_variable(names[0]) == name_variable(names[1])) is (names[0] == names[1])
    assert all(re.fullmatch(r"\w+", name_variable(name)) for name in names)
