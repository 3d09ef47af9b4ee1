"""Errors: their words, their order, and their way across a process boundary."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets import errors
from connector_assets.errors import (
    ConfigError,
    ConfigErrors,
    ConnectorError,
    CredentialError,
    FailureClass,
    FatalSyncError,
)

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ConnectorError)
]


def across(error: ConnectorError) -> ConnectorError:
    """The error as it comes out of another process."""
    return ConnectorError.from_record(json.loads(json.dumps(error.to_record())))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_error_crosses_a_process_boundary_as_it_is(kind: type[ConnectorError]) -> None:
    error = kind("p", place="a.yaml:1", fix="f", connector="shop", stream="orders")

    for back in (across(error), pickle.loads(pickle.dumps(error))):
        assert type(back) is kind
        assert str(back) == str(error) == "a.yaml:1: p\n  f"
        assert back.to_record() == error.to_record()


def test_several_errors_cross_a_process_boundary() -> None:
    found = [ConfigError("two", place="a.yaml:2"), ConfigError("one", place="a.yaml:1", fix="f")]

    back = across(ConfigErrors.collect(found))

    assert isinstance(back, ConfigErrors)
    assert [one.problem for one in back.errors] == ["one", "two"]
    assert str(back) == "2 things must be changed\na.yaml:1: one\n  f\na.yaml:2: two"


def test_error_of_a_newer_installation_is_fatal() -> None:
    back = ConnectorError.from_record({"type": "MeltdownError", "problem": "hot"})

    assert (type(back), back.problem) == (FatalSyncError, "hot")
    assert ConnectorError.from_record({}).problem == "unknown problem"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 120)), unique=True, min_size=2))
def test_collected_errors_are_in_the_order_of_files_and_lines(places: list[Any]) -> None:
    found = [ConfigError("x", place=f"{file}.yaml:{line}") for file, line in places]
    nested = ConfigErrors.collect([ConfigErrors.collect(found[1:]), found[0], found[0]])

    assert [one.place for one in ConfigErrors.split(nested)] == [
        f"{file}.yaml:{line}" for file, line in sorted(places)
    ]


def test_one_error_is_itself_and_said_once() -> None:
    error = ConfigError("x", place="--env")

    assert ConfigErrors.collect([error, ConfigError("x", place="--env")]).place == "--env"
    assert ConfigErrors.split(error) == (error,)


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        ("ordres", "Did you mean 'orders'? Valid: orders, stores."),
        ("xyz", "Valid: orders, stores."),
    ],
)
def test_near_miss_becomes_a_question(value: str, fix: str) -> None:
    assert ConfigError("x", value=value, valid=["orders", "stores"]).fix == fix


def test_context_fills_in_what_is_missing_and_changes_nothing_else() -> None:
    error = ConfigError("x", connector="shop").with_context(connector="y", stream="s", place="p")

    assert (error.connector, error.stream, error.place) == ("shop", "s", "p")


def test_classes_that_need_a_person_are_not_retried() -> None:
    for kind in KINDS:
        retried = kind.failure_class is FailureClass.TRANSIENT
        assert retried == issubclass(kind, errors.TransientSyncError)
        assert retried == (kind.exit_code in (7, 9))
    assert CredentialError.failure_class is FailureClass.ACTION_REQUIRED


def test_tree_in_the_docstring_has_every_class() -> None:
    assert [kind.__name__ for kind in KINDS if kind.__name__ not in str(errors.__doc__)] == []
