"""The keys about alerts, pauses and the heartbeat, and whom the rules tell of what."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector_assets.alerting import AlertKind, AlertRule, Heartbeat, News, pick_targets
from connector_assets.errors import ConfigError

from .folder import PROJECT, SHOP, ProjectFolder

RULES = """\
alerts:
  urls: ["env:ALL"]
  rules:
    night: {on: [failed, late], to: ["env:PAGER"], owners: [team-shop]}
    one: {to: ["env:ONE"], connectors: [stock]}
    back: {on: [late, recovered], to: ["env:BACK"]}
"""


def test_rules_of_the_project_are_read_with_the_plain_one_first(folder: ProjectFolder) -> None:
    folder.write("connectors.yaml", PROJECT + RULES)

    plain, night, one, _ = folder.load().alerts

    assert plain == AlertRule(name="urls", to=("env:ALL",))
    assert night.on == {AlertKind.FAILED, AlertKind.LATE}
    assert night.owners == ("team-shop",)
    assert (one.on, one.connectors) == (frozenset(AlertKind), ("stock",))


@pytest.mark.parametrize(
    ("news", "told"),
    [
        (News(kind=AlertKind.FAILED, connector="shop", owner="team-shop"), "ALL PAGER"),
        (News(kind=AlertKind.FAILED, connector="stock", owner="other"), "ALL ONE"),
        (News(kind=AlertKind.LATE, connector="shop", owner="other"), "ALL BACK"),
        (
            News(kind=AlertKind.RECOVERED, connector="shop", over=frozenset({AlertKind.FAILED})),
            "ALL",
        ),
        (
            News(
                kind=AlertKind.RECOVERED,
                connector="shop",
                over=frozenset({AlertKind.LATE, AlertKind.FAILED}),
            ),
            "ALL BACK",
        ),
    ],
    ids=["owner", "connector", "kind", "end of what was not told", "end of what was told"],
)
def test_rule_tells_only_of_what_it_is_about(folder: ProjectFolder, news: News, told: str) -> None:
    folder.write("connectors.yaml", PROJECT + RULES)

    targets = pick_targets(folder.load().alerts, news=news)

    assert targets == tuple(f"env:{name}" for name in told.split())


def test_connector_tells_its_own_people_instead(folder: ProjectFolder) -> None:
    folder.write("connectors.yaml", PROJECT + RULES)
    own = "alerts: {rules: {mine: {on: [blocked], to: ['env:MINE']}}}\npause_after: 3\n"
    folder.write("connectors/shop.yaml", SHOP + own)

    (shop,) = folder.load().connectors

    mine = AlertRule(name="mine", to=("env:MINE",), on=frozenset({AlertKind.BLOCKED}))
    assert (shop.alerts, shop.pause_after) == ((mine,), 3)


def test_nobody_is_paused_unless_a_file_says_so(folder: ProjectFolder) -> None:
    folder.write("connectors/shop.yaml", SHOP)
    usual = folder.load().connectors[0].pause_after
    folder.write("connectors.yaml", f"{PROJECT}defaults: {{pause_after: 5}}\n")
    of_project = folder.load().connectors[0].pause_after
    folder.write("connectors/shop.yaml", f"{SHOP}pause_after: 0\n")

    assert (usual, of_project, folder.load().connectors[0].pause_after) == (0, 5, 0)


def test_heartbeat_is_every_five_minutes_unless_said_otherwise(folder: ProjectFolder) -> None:
    folder.write("connectors.yaml", f"{PROJECT}heartbeat: {{url: 'env:BEAT'}}\n")
    usual = folder.load().heartbeat
    folder.write("connectors.yaml", f"{PROJECT}heartbeat: {{url: 'env:BEAT', every: 1h}}\n")

    assert usual == Heartbeat(url="env:BEAT", every=300)
    assert folder.load().heartbeat == Heartbeat(url="env:BEAT", every=3600)


def test_example_of_the_page_loads(folder: ProjectFolder) -> None:
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    folder.write("connectors.yaml", page.split("```yaml\n")[1].split("```")[0])

    project = folder.load()

    assert [rule.name for rule in project.alerts] == ["urls", "pager", "stock"]
    assert project.heartbeat == Heartbeat(url="env:HEARTBEAT_URL", every=300)


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_is_on_the_page(kind: AlertKind) -> None:
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()

    assert f"| `{kind}` |" in page


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ("alerts: {rules: {x: {on: [faild], to: ['env:X']}}}", "cannot be 'faild'", "'failed'"),
        ("alerts: {rules: {x: {on: [], to: ['env:X']}}}", "on`: should not be empty", ""),
        ("alerts: {rules: {x: {to: []}}}", "to`: should not be empty", ""),
        ("alerts: {rules: {x: {on: [late]}}}", "to` is missing", "Add `to:`"),
        ("alerts: {rules: {x: {to: ['env:X'], owner: me}}}", "'owner' is not known", "'owners'"),
        ("heartbeat: {url: 'beat.example'}", "no page that a heartbeat can reach", "https://"),
        ("heartbeat: {url: 'env:X', every: 0}", "longer than 0 seconds", "30m"),
        ("defaults: {pause_after: -1}", "pause_after", ""),
    ],
)
def test_bad_key_is_refused_with_its_line(
    folder: ProjectFolder, text: str, problem: str, fix: str
) -> None:
    folder.write("connectors.yaml", f"{PROJECT}{text}\n")

    with pytest.raises(ConfigError) as caught:
        folder.load()

    assert problem in caught.value.problem
    assert fix in caught.value.fix
    assert caught.value.place == f"connectors.yaml:{PROJECT.count(chr(10)) + 1}"
