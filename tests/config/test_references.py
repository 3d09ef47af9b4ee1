"""``${name}`` in a config: found, filled, escaped; and what looks like a secret itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.credentials.references import (
    fill_references,
    find_plain_secrets,
    find_references,
    hide_password,
)
from connector_assets.engines.meltano_plugin import BACKSLASH, build_extractor, name_variable
from connector_assets.model import Connector, Destination, DestinationKind, Engine

TEXT = st.text(st.sampled_from("ab${}\\_ "), max_size=12)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${a}", "A"),
        ("x${a}y${b}", "xAyB"),
        ("$${a}", "${a}"),
        ("$$${a}", "$${a}"),
        ("$$$${a}", "$$${a}"),
        ("${c}", "${c}"),
        ("$a", "$a"),
        ("{a}", "{a}"),
        ("${a", "${a"),
        ("${${a}}", "${A}"),
        ("${}", "${}"),
        ("\\${a}", "\\A"),
    ],
)
def test_reference_is_filled_and_escape_taken_off(text: str, filled: str) -> None:
    assert fill_references(text, values={"a": "A", "b": "B"}) == filled


@settings(max_examples=20, deadline=None)
@given(TEXT)
def test_every_text_can_be_written(text: str) -> None:
    escaped = re.sub(r"\$\{[^{}]*\}", lambda found: f"${found[0]}", text)

    assert list(find_references(escaped)) == []
    assert fill_references(escaped, values={"a": "A", "": "B"}) == text


def test_value_with_a_reference_in_it_stays_as_it_is() -> None:
    assert fill_references(["${a}"], values={"a": "${b}", "b": "B"}) == ["${b}"]


def test_references_are_found_where_they_stand() -> None:
    config = {"a": ["x", {"b": "${one} ${two}"}], "${key}": 1, "c": "$${no}", "d": 5}

    assert list(find_references(config)) == [
        (("a", 1, "b"), "one"),
        (("a", 1, "b"), "two"),
    ]


@pytest.mark.parametrize(
    "config",
    [
        {"password": "x"},
        {"db": {"Client-Secret": "x"}},
        {"clientSecret": "x"},
        {"github_access_token": "x"},
        {"headers": {"Authorization": "Bearer x"}},
        {"password": "pa$$word"},
        {"list": [{"api_key": "x"}]},
        {"url": "postgresql://me:x@host/db"},
        {"url": "postgresql://:x@host/db"},
        {"url": "postgresql://me:p@ss@host/db"},
        {"url": "postgresql://me:${half}x@host/db"},
        {"url": "https://host/?a=1&api-key=x"},
        {"url": "https://host/?access_token=x#y"},
    ],
)
def test_secret_itself_is_found(config: dict[str, Any]) -> None:
    assert len(list(find_plain_secrets(config))) == 1


@pytest.mark.parametrize(
    "config",
    [
        {"password": "${pw}"},
        {"password": "$PW"},
        {"password": "${PW}"},
        {"password": ""},
        {"token": None, "use_password": True, "secret": 3},
        {"token_path": "a", "primary_key": "id", "next_token_field": "x", "key_id": "k"},
        {"url": "postgresql://me:${pw}@host/db"},
        {"url": "postgresql://${user}:$PW@host/db"},
        {"url": "https://host:8080/a@b"},
        {"url": "https://host/?token=${t}&a=1"},
        {"mail": "a:b@c.example"},
    ],
)
def test_reference_to_a_secret_is_none(config: dict[str, Any]) -> None:
    assert list(find_plain_secrets(config)) == []


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgresql://me:pw@host/db", "postgresql://***@host/db"),
        ("https://host/?token=x&a=1", "https://host/?***&a=1"),
        ("https://host/a", "https://host/a"),
    ],
)
def test_password_of_a_url_is_hidden(text: str, hidden: str) -> None:
    assert hide_password(text) == hidden


@pytest.mark.integration
@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["a", "${a}", "${b-c}", "$", "\\", "{", "}", "x y"]), max_size=7))
def test_both_engines_put_the_same_text_in(parts: list[str]) -> None:
    from meltano.core.utils import expand_env_vars

    text, values = "".join(parts), {"a": "A $HOME ${b}", "b-c": "\\"}
    connector = Connector(
        name="shop",
        owner="team",
        engine=Engine.MELTANO,
        source="tap-x",
        destination=Destination(name="lake", kind=DestinationKind.DUCKDB),
        dataset="shop",
        streams=(),
        config={"text": text},
        secrets=dict.fromkeys(values, "env:X"),
    )
    variables = {name_variable(name): value for name, value in values.items()}

    bound = build_extractor(connector, selection=(), state=None)["config"]["text"]

    by_meltano = expand_env_vars(bound, {**variables, BACKSLASH: "\\"})
    assert by_meltano == fill_references(text, values=values)
