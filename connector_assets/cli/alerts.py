"""``connectors alerts``: who is told of what, what is wrong now, and whether messages arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.context import load, open_ledger
from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_assets.alerting import AlertRule
    from connector_assets.ledger.alert_records import Alert, Incident
    from connector_assets.project import Project

app = typer.Typer(help="Who is told of what, what is wrong now, and whether messages arrive.")


@app.command("list")
@unpacked
def list_alerts(*, usual: Usual) -> None:
    """List the rules, the incidents that are not over, and what was not delivered yet.

    Addresses are shown by where they come from, or by their first word: they can hold a token.
    """
    from connector_assets.cli.alerts_view import render_alert, render_rule, render_tables
    from connector_assets.cli.status_json import render_incident

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger:
        incidents = ledger.incidents.open(environment=project.environment)
        pending = ledger.alerts.pending(environment=project.environment)
    rules = list(_list_rules(project))
    if usual.json:
        found = {
            "rules": [render_rule(rule, of=of) for of, rule in rules],
            "incidents": [render_incident(one) for one in incidents],
            "pending": [render_alert(one) for one in pending],
        }
        usual.output.print_json(found)
        return
    usual.output.print(*render_tables(rules, incidents=incidents, pending=pending))
    usual.output.print_next(*_suggest(rules, incidents=incidents, pending=pending))


@app.command("test")
@unpacked
def try_rules(
    rule: Annotated[
        str, typer.Option("--rule", metavar="NAME", help="Only this rule; else every one.")
    ] = "",
    *,
    usual: Usual,
) -> None:
    """Send a message to everybody whom a rule names, and say who was reached.

    Exits with 3 where somebody was not.
    """
    from connector_assets.cli.alerts_view import show_target
    from connector_assets.errors import ConfigError
    from connector_assets.lifecycle.delivery import send
    from connector_assets.lifecycle.setting import Setting

    project = load(usual.project, usual.env, tolerate=True)
    targets = _pick_targets(project, rule)
    title = f"connectors: a test ({project.environment})"
    body = f"project {project.id}: this is a test of the rule; nothing is wrong"
    answers: list[dict[str, Any]] = []
    with open_ledger(project) as ledger, usual.output.waiting("sending ..."):
        setting = Setting(project=project, ledger=ledger)
        for name, to in targets:
            failure = send(setting, to, title=title, body=f"{body} ({name})")
            answers.append({"rule": name, "to": show_target(to), "failure": failure or None})
    if usual.json:
        usual.output.print_json(answers)
    for one in () if usual.json else answers:
        usual.output.print(f"{one['rule']}  {one['to']}  {one['failure'] or 'sent'}")
    if any(one["failure"] for one in answers):
        raise typer.Exit(ConfigError.exit_code)


@app.command()
@unpacked
def send(*, usual: Usual) -> None:
    """Look for connectors that are late, and deliver what waits, now.

    Each sync does so when it ends, and Dagster's mirror sensor; a cron job can do it where nothing
    else would notice that the scheduler is gone. Exits with 7 where something still waits.
    """
    from connector_assets.errors import TransientSyncError
    from connector_assets.lifecycle.aftercare import tend
    from connector_assets.lifecycle.setting import Setting

    project = load(usual.project, usual.env, tolerate=True)
    with open_ledger(project) as ledger, usual.output.waiting("sending ..."):
        found = tend(Setting(project=project, ledger=ledger), at_once=True)
        left = len(ledger.alerts.pending(environment=project.environment))
    if usual.json:
        told = {"delivered": found.delivered, "waiting": left, "failures": [*found.failures]}
        usual.output.print_json(told)
    else:
        usual.output.print(f"{found.delivered} delivered, {left} waiting", *found.failures)
    if left:
        raise typer.Exit(TransientSyncError.exit_code)


def _list_rules(project: Project) -> Iterator[tuple[str, AlertRule]]:
    """Yield each rule with the connector whose file has it, empty for the project's."""
    yield from (("", rule) for rule in project.alerts)
    for connector in project.connectors:
        if connector.alerts is not project.alerts:
            yield from ((connector.name, rule) for rule in connector.alerts)


def _pick_targets(project: Project, name: str) -> list[tuple[str, str]]:
    """Return the addresses of a rule, or of all, each once with the rule that has it first."""
    from connector_assets.errors import ConfigError

    rules = [rule for _, rule in _list_rules(project)]
    chosen = [rule for rule in rules if name in ("", rule.name)]
    if not chosen:
        raise ConfigError(
            f"there is no rule {name!r}" if name else "nobody is told of anything",
            place="connectors.yaml",
            value=name,
            valid=sorted({rule.name for rule in rules}),
            fix="" if rules else 'Add `alerts: {urls: ["env:NAME"]}`.',
        )
    found: dict[str, str] = {}
    for rule in chosen:
        for to in rule.to:
            found.setdefault(to, rule.name)
    return [(rule_name, to) for to, rule_name in found.items()]


def _suggest(
    rules: list[tuple[str, AlertRule]], *, incidents: list[Incident], pending: list[Alert]
) -> Iterator[str]:
    if pending:
        yield "connectors alerts send"
    elif incidents:
        yield f"connectors status {incidents[0].connector}"
    elif rules:
        yield "connectors alerts test"
