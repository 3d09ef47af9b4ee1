"""Names: what may be called how, and which table a stream gets."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector_assets.model import Connector

# 63: what PostgreSQL, file systems and Airflow all take, with something added to it.
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
NAME_REASON = (
    "It becomes a part of table, task and asset names: lower-case letters, digits and "
    "underscores, a letter first, at most 63."
)
RESERVED_PREFIXES = ("_dlt_", "_connectors_")
RESERVED_DATASETS = ("information_schema", "pg_catalog")
RESERVED_DESTINATIONS = ("main", "memory", "system", "temp")

_REPLACED = str.maketrans("+-*@|", "x_xal")
_OTHER = re.compile(r"[^a-zA-Z\d_]+")
_WORD_START = re.compile(r"([^_])([A-Z][a-z]+)")
_CAPITALS_END = re.compile(r"([a-z0-9])([A-Z])")


def is_name(text: str) -> bool:
    """Tell whether a connector, destination or environment may be called so."""
    return NAME.fullmatch(text) is not None


def is_dataset_name(text: str) -> bool:
    """Tell whether a dataset may be called so: a name that dlt does not change."""
    return is_name(text) and snake_case(text) == text and text not in RESERVED_DATASETS


def table_name(stream: str) -> str:
    """Return the table of a stream: what dlt's default naming makes of its name.

    Two underscores are kept: they separate a child table from its parent. Empty where the name
    has nothing to make a table of.
    """
    parts = (part for part in stream.split("__") if part.strip())
    return "__".join(snake_case(part) for part in parts)


def column_name(path: str) -> str:
    """Return the column that a field becomes; one inside of others as dlt flattens them.

    ``meta.updatedAt`` is ``meta__updated_at``; a path that starts with ``$.`` as well.
    """
    whole = path.removeprefix("$.").replace(".", "__")
    parts = (part for part in whole.split("__") if part.strip())
    return "__".join(snake_case(part) for part in parts)


def list_renamed(connector: Connector) -> dict[str, str]:
    """Return the names that the connector's streams had, the newest first, each with its stream."""
    return {old: one.name for one in connector.streams for old in one.renamed_from}


def follow_name(name: str, *, renamed: Mapping[str, str], declared: Collection[str] = ()) -> str:
    """Return what a stream, or a child table that stands for one, is called now.

    A child table has the name of its stream's table before its own. What is ``declared`` is called
    so already.
    """
    if name in renamed:
        return renamed[name]
    if name in declared:
        return name
    for old, new in renamed.items():
        above = f"{table_name(old)}__"
        if name.startswith(above):
            return f"{table_name(new)}__{name.removeprefix(above)}"
    return name


def snake_case(name: str) -> str:
    """Return a column, dataset or part of a table name as dlt's naming ``snake_case`` has it.

    Ours, because importing dlt takes a second; a test holds the two together. ``name`` has at
    least one character that is not a space.
    """
    reduced = _OTHER.sub("_", name.strip().translate(_REPLACED))
    snake = _CAPITALS_END.sub(r"\1_\2", _WORD_START.sub(r"\1_\2", reduced)).lower()
    if snake[:1].isdigit():
        snake = f"_{snake}"
    stripped = snake.rstrip("_")
    return re.sub("__+", "_", stripped + "x" * (len(snake) - len(stripped)))
