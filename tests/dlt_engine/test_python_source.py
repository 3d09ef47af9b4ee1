"""Functions that return dlt sources or resources, and how every kind of source is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector_assets.engines.sources import build_source
from connector_assets.errors import ConfigError, FatalSyncError, StreamMissing, TransientSyncError
from connector_assets.model import Connector

from .bench import Bench, connector, stream

pytestmark = pytest.mark.integration

MODULE = """
import dlt

@dlt.resource(primary_key="id")
def orders(first=1, at=dlt.sources.incremental("id", initial_value=3)):
    yield [{"id": n} for n in range(first, 6)]

@dlt.resource
def customers(first=1):
    yield [{"id": n} for n in range(first, 4)]

@dlt.source
def shop(first=1):
    return orders(first), customers(first)

def only_customers():
    return customers

def listed(first=1):
    return [orders(first), customers(first)]

def bound():
    return orders(at=dlt.sources.incremental("id", initial_value=5))

def broken():
    @dlt.resource
    def orders():
        yield {"id": 1}
        raise RuntimeError("no more")
    return orders

def away():
    raise ConnectionRefusedError(111, "Connection refused")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an importable module with sources."""
    name = f"sources_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def python(module: str, function: str, *names: str, **options: object) -> Connector:
    streams = (stream(name, **options) for name in names)
    return connector(f"python:{module}:{function}", {}, *streams)


@pytest.mark.parametrize("function", ["shop", "listed"])
def test_a_source_or_a_list_of_resources_is_staged(
    bench: Bench, module: str, function: str
) -> None:
    config = {"first": 2}
    declared = connector(
        f"python:{module}:{function}", config, stream("orders"), stream("customers")
    )

    staged = bench.stage(declared)

    assert {name: each.emitted for name, each in staged.items()} == {"orders": 4, "customers": 2}
    assert staged["customers"].staged == 2


def test_a_resource_alone_is_staged_and_others_are_left_out(bench: Bench, module: str) -> None:
    assert bench.stage(python(module, "only_customers", "customers"))["customers"].staged == 3
    assert list(bench.stage(python(module, "shop", "customers"))) == ["customers"]


@pytest.mark.parametrize(("function", "expected"), [("shop", 3), ("bound", 1)])
def test_an_incremental_of_the_functions_own_is_kept(
    bench: Bench, module: str, function: str, expected: int
) -> None:
    declared = python(module, function, "orders", cursor="id")

    first = bench.stage(declared)["orders"]
    second = bench.stage(declared)["orders"]

    assert (first.emitted, first.staged, second.staged) == (5, expected, 0)


def test_a_function_that_fails_is_told(bench: Bench, module: str) -> None:
    broken = bench.fail(python(module, "broken", "orders", line=5))
    away = bench.fail(python(module, "away", "orders"))

    assert type(broken) is FatalSyncError
    assert (broken.problem, broken.stream) == ("RuntimeError: no more", "orders")
    assert type(away) is TransientSyncError


@pytest.mark.parametrize("function", ["nothing", "shop.orders"])
def test_a_function_that_cannot_be_imported_is_refused(
    bench: Bench, module: str, function: str
) -> None:
    error = bench.fail(python(module, function, "orders"))

    assert type(error) is ConfigError
    assert "cannot be imported" in error.problem


def test_a_stream_that_the_source_does_not_have_is_refused(bench: Bench, module: str) -> None:
    error = bench.fail(python(module, "shop", "order", line=5))

    assert type(error) is StreamMissing
    assert (error.stream, error.place) == ("order", "connectors/shop.yaml:5")
    assert error.fix == "Did you mean 'orders'? Valid: customers, orders."


def test_a_source_kind_unknown_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'sql_database'"):
        build_source(connector("sql_databse", {}, stream("a")), secrets={})


def test_a_full_disk_is_told(bench: Bench, module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(
        "def full():\n    raise OSError(28, 'No space left on device')\n"
    )

    error = bench.fail(python(module, "full", "orders"))

    assert (type(error), error.problem) == (FatalSyncError, "the disk is full")
