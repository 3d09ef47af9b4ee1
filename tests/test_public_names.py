"""The public face: every exported name exists, and every public thing says what it is."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest

import airflow_bridge
import connector_assets

PACKAGES = (connector_assets, airflow_bridge)
# Alembic runs these; they are no place to import from.
SCRIPTS = "connector_assets.ledger.migrations"


def module_names() -> Iterator[str]:
    for package in PACKAGES:
        yield package.__name__
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.startswith(SCRIPTS) and not found.name.endswith("__main__"):
                yield found.name


def public_things(module: ModuleType) -> Iterator[tuple[str, object]]:
    """The public classes, their methods, and the functions that a module defines."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing) or inspect.isclass(thing):
            yield name, thing
        if inspect.isclass(thing):
            for method, function in vars(thing).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    yield f"{name}.{method}", function


@pytest.mark.parametrize("name", tuple(module_names()))
def test_module_exports_what_it_names_and_documents_what_is_public(name: str) -> None:
    module = import_module(name)

    exported = getattr(module, "__all__", [])
    undocumented = [name for name, thing in public_things(module) if not inspect.getdoc(thing)]

    assert module.__doc__
    assert [name for name in exported if not hasattr(module, name)] == []
    assert list(exported) == sorted(exported)
    assert undocumented == []


def test_errors_are_exported_at_the_top() -> None:
    tree = {name for name in connector_assets.__all__ if not name.startswith("__")}

    assert all(issubclass(getattr(connector_assets, name), Exception) for name in tree)
