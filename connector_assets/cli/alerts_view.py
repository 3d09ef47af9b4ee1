"""The tables of ``connectors alerts list``, and how an address is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from connector_assets.cli.times import render_utc
from connector_assets.config_fields import SECRET_SOURCE
from connector_assets.credentials.sources import mask_source

if TYPE_CHECKING:
    from rich.console import RenderableType

    from connector_assets.alerting import AlertRule
    from connector_assets.ledger.alert_records import Alert, Incident

_EVERYTHING = "everything"


def show_target(to: str) -> str:
    """Return where an address comes from, of a plain one its channel: the rest can be a token."""
    return mask_source(to) if SECRET_SOURCE.fullmatch(to) else f"{to.partition(':')[0]}://..."


def render_rule(rule: AlertRule, *, of: str) -> dict[str, Any]:
    """Return a rule as JSON values; ``of`` is the connector whose file has it."""
    return {
        "rule": rule.name,
        "connector": of or None,
        "on": sorted(rule.on),
        "to": [show_target(to) for to in rule.to],
        "owners": [*rule.owners],
        "connectors": [of] if of else [*rule.connectors],
    }


def render_alert(one: Alert) -> dict[str, Any]:
    """Return an alert that waits as JSON values."""
    return {
        "connector": one.connector,
        "kind": str(one.kind),
        "title": one.payload["title"],
        "at": one.at.isoformat(timespec="seconds"),
        "tries": one.tries,
        "failure": one.failure,
    }


def render_tables(
    rules: Sequence[tuple[str, AlertRule]],
    *,
    incidents: Sequence[Incident],
    pending: Sequence[Alert],
) -> Iterator[RenderableType]:
    """Yield a table for each of the three that has something in it, else a line that says so."""
    if rules:
        yield _build_table("rule", "about", "told of", "to", rows=map(_rule_cells, rules))
    else:
        yield "nobody is told of anything: `alerts:` of connectors.yaml says whom"
    yield ""
    if incidents:
        cells = map(_incident_cells, incidents)
        yield _build_table("connector", "is", "times", "since", "cause", rows=cells)
    else:
        yield "no incident is open"
    if pending:
        yield ""
        cells = map(_alert_cells, pending)
        yield _build_table("not delivered", "since", "tries", "why", rows=cells)


def _build_table(*headers: str, rows: Iterator[Sequence[str]] | map[Any]) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _rule_cells(found: tuple[str, AlertRule]) -> Sequence[str]:
    from connector_assets.alerting import AlertKind

    of, rule = found
    about = [of] if of else [*rule.connectors, *(f"owner {one}" for one in rule.owners)]
    kinds = _EVERYTHING if rule.on == frozenset(AlertKind) else ", ".join(sorted(rule.on))
    targets = ", ".join(show_target(to) for to in rule.to)
    return rule.name, ", ".join(about) or "every connector", kinds, targets


def _incident_cells(one: Incident) -> Sequence[str]:
    cause = one.cause.partition("\n")[0]
    return one.connector, str(one.kind), str(one.count), render_utc(one.opened_at), cause


def _alert_cells(one: Alert) -> Sequence[str]:
    return one.payload["title"], render_utc(one.at), str(one.tries), one.failure or "not tried yet"
