"""Drift in words, as every view shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector_assets.audit.drift import Drift


def describe(drift: Drift) -> str:
    """Return a drift in one line: ``orders.total type_changed: decimal(12,2) -> text``."""
    return f"{drift.place} {drift.kind}{describe_change(drift.old, drift.new)}"


def describe_change(old: Any, new: Any) -> str:
    """Return ``: bigint -> text``, or what there is of it."""
    before, after = _show(old), _show(new)
    if before and after:
        return f": {before} -> {after}"
    return f": {before or after}" if before or after else ""


def _show(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("type", ""))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
