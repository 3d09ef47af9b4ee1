"""A connector file: what it says becomes a connector, and each rule is held with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector_assets.alerting import AlertRule
from connector_assets.model import (
    DriftKind,
    DriftPolicy,
    Engine,
    NaiveTimes,
    OnEmpty,
    Retries,
    Schedule,
    Step,
    WriteDisposition,
)

from .folder import SHOP, ProjectFolder, lines, shown

GITHUB = """\
name: github
owner: team-growth
schedule: {cron: "0 2 * * *", timezone: Europe/Berlin}
engine: meltano
source: tap-github                       # an extractor of meltano.yml
config: {repositories: [acme/shop], start_date: "2024-01-01"}
secrets: {auth_token: "env:GITHUB_TOKEN"}
destination: lake.github
defaults: {write: merge, primary_key: id}
streams:
  issues: {cursor: updated_at}
  labels: {write: replace, on_empty: allow}
"""
REST = """\
name: rest
owner: team-commerce
engine: dlt
source: rest_api
config: {client: {base_url: "https://api.shop.example/v1", auth: {type: bearer, token: "${token}"}}}
secrets: {token: "env:SHOP_TOKEN"}
destination: lake.rest
streams:
  orders:
    {write: merge, primary_key: id, cursor: updated_at,
     config: {path: orders, params: {since: "${cursor}"}}}
  stores: {write: replace, config: {path: stores}}
"""


def test_meltano_example_of_the_design_loads(folder: ProjectFolder) -> None:
    github = folder.connector(GITHUB)

    issues, labels = github.streams
    assert (github.name, github.owner, github.target) == ("github", "team-growth", "lake.github")
    assert (github.engine, github.run_step) == (Engine.MELTANO, Step.RUN_MELTANO)
    assert github.schedule == Schedule(cron="0 2 * * *", timezone="Europe/Berlin")
    assert github.config == {"repositories": ["acme/shop"], "start_date": "2024-01-01"}
    assert (issues.write, issues.primary_key, issues.cursor) == ("merge", ("id",), "updated_at")
    assert (labels.write, labels.on_empty, labels.line) == ("replace", OnEmpty.ALLOW, 12)


def test_dlt_example_of_the_design_loads(folder: ProjectFolder) -> None:
    rest = folder.connector(REST)

    orders = rest.streams[0]
    assert (rest.engine, rest.source, rest.run_step) == (Engine.DLT, "rest_api", Step.RUN_DLT)
    assert rest.secrets == {"token": "env:SHOP_TOKEN"}
    assert rest.schedule is None
    assert orders.write is WriteDisposition.MERGE
    assert orders.config == {"path": "orders", "params": {"since": "${cursor}"}}
    assert rest.file == Path("connectors/one.yaml")


def test_what_nobody_says_has_its_usual_value(folder: ProjectFolder) -> None:
    shop = folder.connector()

    assert (shop.timeout, shop.max_wait, shop.retries) == (3600, 600, Retries(max=2, wait=30))
    assert shop.streams[0].on_empty is OnEmpty.BLOCK
    assert (shop.streams[0].min_rows, shop.streams[0].min_share) == (None, None)
    assert (shop.drift, shop.alerts, shop.depends_on) == ({}, (), ())


def test_every_optional_key_is_taken(folder: ProjectFolder) -> None:
    shop = folder.connector(
        SHOP
        + "  prices: {write: append, min_rows: 3, min_share: 0.5, naive_times: reject,"
        + " drift: {key_removed: allow}}\n"
        + "drift: {column_added: warn, key_removed: warn}\n"
        + "retries: {max: 5, wait: 1m}\ntimeout: 2h30m\nmax_wait: 0\n"
        + "alerts: {urls: ['env:TEAM_URL']}\n"
    )

    prices = shop.streams[2]
    assert (prices.min_rows, prices.min_share) == (3, 0.5)
    assert prices.naive_times is NaiveTimes.REJECT
    assert prices.drift == {
        DriftKind.COLUMN_ADDED: DriftPolicy.WARN,
        DriftKind.KEY_REMOVED: DriftPolicy.ALLOW,
    }
    assert shop.retries == Retries(max=5, wait=60)
    assert (shop.timeout, shop.max_wait) == (9000, 0)
    assert shop.alerts == (AlertRule(name="urls", to=("env:TEAM_URL",)),)


def test_defaults_of_file_and_project_are_used_from_the_nearest(folder: ProjectFolder) -> None:
    defaults = "{owner: o, write: append, cursor: c, timezone: Asia/Tokyo, retries: {wait: 5s}}"
    folder.write("connectors.yaml", folder.project_text + f"defaults: {defaults}\n")

    shop = folder.connector(
        "name: shop\nengine: meltano\nsource: tap-x\ndestination: lake.shop\nretries: {max: 9}\n"
        'schedule: {cron: "5 4 * * *"}\ndefaults: {write: merge}\n'
        "streams:\n  a:\n  b: {cursor: d}\n  c: {cursor: }\n  d: {write: replace}\n"
    )

    assert (shop.owner, shop.retries) == ("o", Retries(max=9, wait=5))
    assert shop.schedule == Schedule(cron="5 4 * * *", timezone="Asia/Tokyo")
    assert [stream.write for stream in shop.streams] == ["merge", "merge", "merge", "replace"]
    assert [stream.cursor for stream in shop.streams] == ["c", "d", "", ""]


@pytest.mark.parametrize(
    ("old", "new", "line", "problem", "fix"),
    [
        ("name: shop", "name: Shop", 1, "the name 'Shop' cannot be used", "lower-case letters"),
        ("name: shop", "nam: shop", 1, "the key 'nam' is not known", "Did you mean 'name'?"),
        ("owner: team-commerce", "owner:", 1, "nobody owns the connector", "Add `owner:"),
        ("engine: dlt", "engine: dtl", 3, "`engine` cannot be 'dtl'", "Did you mean 'dlt'?"),
        ("engine: dlt", "engine: [dlt]", 3, "`engine` should be one word", ""),
        ("rest_api", "rest_apis", 4, "'rest_apis' is no source of dlt", "'rest_api'?"),
        ("rest_api", "tap-shop", 4, "'tap-shop' is no source", "with `engine: meltano`"),
        ("rest_api", "python:shop", 4, "names no Python function", "python:package.module:"),
        ("rest_api", "dlt_assets:a", 4, "names no Python function", "dlt_assets:package.module:"),
        ("rest_api", "dlt_assets", 4, "'dlt_assets' is no source of dlt", "dlt_assets:package"),
        ("lake.shop", "lake", 6, "`destination: lake` names no dataset", "lake.shop"),
        ("lake.shop", "lake.Shop", 6, "the dataset 'Shop' cannot be used", "Lower-case"),
        ("lake.shop", "lake.a.b", 6, "the dataset 'a.b' cannot be used", "Lower-case"),
        ("lake.shop", "lake.lake", 6, "has the name of its destination", "otherwise"),
        ("lake.shop", "lak.shop", 6, "has no destination 'lak'", "Did you mean 'lake'?"),
        ("write: merge", "write: upsert", 8, "`streams.orders.write` cannot be", "append"),
        ("primary_key: id, ", "", 8, "nothing says which rows are the same", "primary_key: id"),
        ("primary_key: id", "primary_key: [id, ID]", 8, "stands in it twice", "once"),
        ("write: replace, ", "", 9, "says nowhere what a sync does", "`defaults:`"),
        ("write: replace", "write: replace, cursor: x", 9, "cannot follow the cursor", "merge"),
        ("path: stores", 'path: "${cursor}"', 9, "uses `${cursor}` and has no", "Add `cursor:`"),
        ("path: stores", 'path: "${x}"', 9, "`${x}` refers to no secret", "$${x}"),
        ("path: stores", 'path: "${}"', 9, "`${}` refers to no secret", "$${}"),
        ("path: stores", "password: hunter2", 9, "under `password`", 'Write "${name}"'),
        ("  stores", "  Orders", 9, "'orders' and 'Orders' have one table", "another connector"),
        ("  stores", "  _dlt_loads", 9, "would have the table '_dlt_loads'", "their own"),
        ("  stores", "  '__'", 9, "would have the table ''", ""),
        ("  stores", "  orders__items", 9, "nested values of 'orders'", "another connector"),
        ("  stores", "  orders", 9, "stands here twice (first in line 8)", "Remove one"),
    ],
)
def test_breach_is_named_with_line_and_way_out(
    folder: ProjectFolder, *, old: str, new: str, line: int, problem: str, fix: str
) -> None:
    assert SHOP.count(old) == 1

    error = folder.refused(SHOP.replace(old, new))

    found = [one for one in lines(error) if problem in one]
    assert found == [found[0]]
    assert found[0].startswith(f"connectors/one.yaml:{line}: ")
    assert fix in str(error)


@pytest.mark.parametrize(
    ("added", "problem", "fix"),
    [
        ("schedule: daily", "`schedule` should be a mapping", ""),
        ("schedule: {cron: daily}", "'daily' is not a cron schedule", "five fields"),
        ('schedule: {cron: "@daily"}', "is not a cron schedule", "five fields"),
        ('schedule: {cron: "H 2 * * *"}', "is not a cron schedule", "five fields"),
        ('schedule: {cron: "R 2 * * *"}', "is not a cron schedule", "five fields"),
        ('schedule: {cron: "60 2 * * *"}', "is not a cron schedule", "five fields"),
        ('schedule: {cron: "0 2 30 2 *"}', "is never due", "month"),
        ('schedule: {cron: "0 2 * * *", timezone: Europe/Berln}', "not known", "'Europe/Berlin'?"),
        ('schedule: {cron: "0 2 * * *", timezone: ../../etc}', "is not known", "IANA"),
        ("depends_on: other", "`depends_on` should be a list", ""),
        ("depends_on: [other, other]", "'other' stands in it twice", "once"),
        ("depends_on: [shop]", "goes in a circle: shop -> shop", "Remove"),
        ("depends_on: [shopp]", "names 'shopp', which is no connector", ""),
        ("drift: {column_aded: warn}", "`drift.column_aded` is not known", "'column_added'?"),
        ("drift: {column_added: ignore}", "cannot be 'ignore'", "allow, warn, block"),
        ("retries: {max: 1.5}", "`retries.max` should be a whole number, not 1.5", ""),
        ("retries: {max: true}", "should be a whole number, not true", ""),
        ("timeout: 0", "must be longer than 0 seconds", ""),
        ("defaults: {config: {}}", "the key 'config' is not known", "Valid: write"),
        ("secrets: {cursor: 'env:X'}", "a secret cannot be called `cursor` here", ""),
        ("secrets: {'a b': 'env:X'}", "a secret cannot be called so", "Letters"),
        ("environments: {stage: {}}", "'stage' is not one of connectors.yaml", "dev, prod"),
        ("version: 1", "the key 'version' is not known", ""),
        ("alerts: {urls: ['mailto://me:hunter2@x.example']}", "under `alerts`", "env:NAME"),
    ],
)
def test_breach_of_an_optional_key_is_named(
    folder: ProjectFolder, added: str, problem: str, fix: str
) -> None:
    error = folder.refused(f"{SHOP}{added}\n")

    assert len(lines(error)) == 1
    assert str(error).startswith("connectors/one.yaml:10: ")
    assert problem in str(error)
    assert fix in str(error)
    assert "hunter2" not in shown(error)


def test_breaches_come_together_in_the_order_of_their_lines(folder: ProjectFolder) -> None:
    text = SHOP.replace("lake.shop", "lak.shop").replace("owner: team-commerce\n", "")
    text = text.replace("path: stores", 'path: "${x}"').replace("rest_api", "rest")
    text += "environments: {prod: {name: x, ownr: y}, stage: }\n"

    error = folder.refused(text.replace("ownr: y", "owner: y"))

    places = [one.partition(": ")[0].rpartition(":")[2] for one in lines(error)]
    assert places == ["1", "3", "5", "8", "9", "9"]


def test_breach_in_the_overlay_of_another_environment_is_found(folder: ProjectFolder) -> None:
    error = folder.refused(f"{SHOP}environments:\n  prod:\n    timeout: soon\n    ownr: x\n")

    assert lines(error) == [
        "connectors/one.yaml:12: `timeout`: 'soon' is not a duration",
        "connectors/one.yaml:13: the key 'ownr' is not known",
    ]


@pytest.mark.parametrize(
    "text",
    [
        SHOP.replace("source: rest_api", "source: postgresql://me:hunter2@host/db"),
        SHOP.replace("owner: team-commerce", "owner: [hunter2]"),
        SHOP.replace("destination: lake.shop", "destination: {hunter2: hunter2}"),
        SHOP.replace("write: replace", "write: {password: hunter2}"),
        SHOP + "secrets: {token: hunter2}\n",
        SHOP + "secrets: hunter2\n",
        SHOP + "secrets: {token: {value: hunter2}}\n",
        SHOP + "secrets: [hunter2]\n",
        SHOP + "token: hunter2\n",
        SHOP + "timeout: {password: hunter2}\n",
        SHOP + "alerts: {urls: slack://hunter2}\n",
        SHOP + "alerts: [slack://hunter2]\n",
        SHOP + "environments: {prod: {secrets: {token: hunter2}}}\n",
        SHOP.replace("path: stores", "url: https://x.example/?api_key=hunter2"),
        SHOP.replace("path: stores", "headers: {Authorization: Bearer hunter2}"),
        SHOP.replace("config: {path: stores}", "config: hunter2"),
    ],
)
def test_error_repeats_nothing_that_can_be_a_secret(folder: ProjectFolder, text: str) -> None:
    assert "hunter2" not in shown(folder.refused(text))


def test_config_of_hand_written_assets_is_refused_where_it_stands(folder: ProjectFolder) -> None:
    error = folder.refused(SHOP.replace("rest_api", "dlt_assets:shop:assets"))

    assert [line.partition(": ")[0] for line in lines(error)] == [
        f"connectors/one.yaml:{number}" for number in (5, 8, 9)
    ]
    assert "has its arguments in Python" in shown(error)


@pytest.mark.parametrize("source", ["sql_database", "filesystem", "python:shop.source:orders"])
def test_source_of_dlt_is_taken_and_not_imported(folder: ProjectFolder, source: str) -> None:
    folder.write("shop/__init__.py", "raise RuntimeError('imported')")
    folder.write("shop/source.py", "raise RuntimeError('imported')")

    shop = folder.connector(SHOP.replace("rest_api", source))

    assert shop.source == source


@pytest.mark.parametrize(
    ("source", "engine"), [("tap-x", "meltano"), ("python:a.b:c", "dlt"), ("tap_x.y-2", "meltano")]
)
def test_source_that_names_keys_itself_may_merge_without(
    folder: ProjectFolder, source: str, engine: str
) -> None:
    text = SHOP.replace("rest_api", source).replace("dlt", engine).replace("primary_key: id, ", "")

    assert folder.connector(text).streams[0].primary_key == ()


def test_tables_beside_each_other_are_taken_where_dlt_makes_no_child(folder: ProjectFolder) -> None:
    text = SHOP.replace("  stores", "  orders__items")

    assert len(folder.connector(text.replace("rest_api", "sql_database")).streams) == 2
