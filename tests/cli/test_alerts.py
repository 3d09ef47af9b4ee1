"""Pausing and resuming by hand; the rules, incidents and messages of `connectors alerts`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector_assets.alerting import AlertKind
from connector_assets.ledger.alert_records import NewAlert, SeenIncident
from connector_assets.ledger.store import Ledger
from tests.cli.conftest import Close, Run
from tests.lifecycle.conftest import Webhook

NOW = datetime.now(UTC)
NOBODY = "json://127.0.0.1:9/hunter2"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def declare(project: Path, text: str) -> None:
    file = project / "connectors.yaml"
    file.write_text(f"{file.read_text()}{text}\n")


def test_pause_lasts_until_resume_and_is_listed(run: Run, ledger: Ledger) -> None:
    paused, again = run("pause", "shop", "--why", "moving"), run("pause", "shop", "--why", "x")
    listed = {one["name"]: one["paused"] for one in run("list", "--json").json}
    table = run("list").out
    resumed, not_again = run("resume", "shop"), run("resume", "shop", "--json")

    assert paused.out.startswith("shop is paused in dev since 20")
    assert "next: connectors resume shop" in paused.out
    assert again.out.startswith("shop is already paused in dev")
    assert again.out.splitlines()[0].endswith(": moving")
    assert (listed["shop"]["why"], listed["stock"]) == ("moving", None)
    assert "paused (0 2 * * * Europe/Berlin)" in table
    assert "it is due next at 20" in resumed.out
    assert not_again.json == {"connector": "shop", "paused": None, "changed": False}
    assert {one.code for one in (paused, again, resumed, not_again)} == {0}


@pytest.mark.parametrize("words", [("pause", "shopp", "--why", "x"), ("resume", "shopp")])
def test_connector_that_is_not_there_cannot_be_paused(
    run: Run, ledger: Ledger, words: tuple[str, ...]
) -> None:
    ran = run(*words)

    assert ran.code == 3
    assert "Did you mean 'shop'?" in ran.err


def test_pause_needs_a_reason(run: Run, ledger: Ledger) -> None:
    assert run("pause", "shop").code == 2


def test_list_shows_rules_incidents_and_what_waits_without_addresses(
    run: Run, project: Path, ledger: Ledger
) -> None:
    rule = 'pager: {on: [late, failed], to: ["env:PAGER"], owners: [team-data]}'
    declare(project, f'alerts: {{urls: ["{NOBODY}"], rules: {{{rule}}}}}')
    seen = SeenIncident(
        connector="shop",
        environment="dev",
        kind=AlertKind.FAILED,
        identity="failed/fatal",
        cause="no disk\nmore",
        seen_by="a1",
        at=NOW,
    )
    title = {"title": "shop FAILED (dev)", "lines": ["no disk"]}
    alert = NewAlert(
        connector="shop", environment="dev", kind=AlertKind.FAILED, payload=title, at=NOW
    )
    ledger.incidents.note(seen, alert=alert)

    shown, listed = run("alerts", "list").out, run("alerts", "list", "--json").json

    assert "hunter2" not in shown + str(listed)
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "urls every connector everything json://..." in lines
    assert "pager owner team-data failed, late env:PAGER" in lines
    assert any(line.startswith("shop failed 1 20") and line.endswith("no disk") for line in lines)
    assert any(line.startswith("shop FAILED (dev) 20") for line in lines)
    assert "next: connectors alerts send" in lines
    assert [one["rule"] for one in listed["rules"]] == ["urls", "pager"]
    assert (listed["incidents"][0]["count"], listed["pending"][0]["tries"]) == (1, 0)


def test_list_of_nothing_says_where_rules_stand(run: Run, ledger: Ledger) -> None:
    shown = run("alerts", "list").out

    assert "nobody is told of anything" in shown
    assert "no incident is open" in shown


@pytest.mark.integration
def test_test_says_who_was_reached_and_fails_where_somebody_was_not(
    run: Run, project: Path, ledger: Ledger, webhook: Webhook
) -> None:
    url = f"json://127.0.0.1:{webhook.server_port}/team"
    declare(project, f'alerts: {{urls: ["{url}"], rules: {{gone: {{to: ["{NOBODY}"]}}}}}}')

    all_of_them, one = run("alerts", "test"), run("alerts", "test", "--rule", "urls", "--json")
    unknown = run("alerts", "test", "--rule", "url")

    assert all_of_them.code == 3
    assert all_of_them.out.splitlines() == [
        "urls  json://...  sent",
        "gone  json://...  it was not reached",
    ]
    assert (one.code, one.json) == (0, [{"rule": "urls", "to": "json://...", "failure": None}])
    assert [body["title"] for body in webhook.received] == 2 * ["connectors: a test (dev)"]
    assert "Did you mean 'urls'?" in unknown.err


@pytest.mark.integration
def test_send_finds_what_is_late_and_delivers_what_waits(
    run: Run, project: Path, close: Close, webhook: Webhook
) -> None:
    close("7f3a000102", hours_ago=50)
    declare(project, f'alerts: {{urls: ["{NOBODY}"]}}')
    failed = run("alerts", "send")
    text = (project / "connectors.yaml").read_text()
    url = f"json://127.0.0.1:{webhook.server_port}/team"
    (project / "connectors.yaml").write_text(text.replace(NOBODY, url))
    sent = run("alerts", "send", "--json")

    assert failed.code == 7
    assert failed.out.splitlines() == [
        "0 delivered, 1 waiting",
        "shop LATE (dev): it was not reached",
    ]
    assert (sent.code, sent.json) == (0, {"delivered": 1, "waiting": 0, "failures": []})
    assert [body["title"] for body in webhook.received] == ["shop LATE (dev)"]


@pytest.mark.parametrize(
    ("rule", "name", "near"),
    [("connectors: [shp]", "'shp', which is none of the connectors", "shop"),
     ("owners: [team-date]", "'team-date', which is none of the owners", "team-data")],
)  # fmt: skip
def test_rule_that_would_tell_nobody_is_found_by_validate_and_stops_no_sync(
    run: Run, project: Path, rule: str, name: str, near: str
) -> None:
    declare(project, f"alerts:\n  rules:\n    it: {{to: ['env:X'], {rule}}}")

    ran = run("validate")

    assert ran.code == 3
    assert f"connectors.yaml:9: error: the rule 'it' is about {name}" in ran.out + ran.err
    assert f"Did you mean '{near}'?" in ran.out + ran.err
    assert run("show", "shop").code == 0
