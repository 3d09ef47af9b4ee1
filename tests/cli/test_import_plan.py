"""What a Meltano project's jobs, schedules, states and secrets become, without running it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connector_assets.cli.import_draft import Setup, TapFacts, name_connector, render_connector
from connector_assets.cli.import_routes import Interval, LeftOut, Pipeline, Route, plan_routes
from connector_assets.cli.import_schedule import plan_schedule
from connector_assets.cli.import_secrets import (
    SecretSetting,
    Variables,
    find_secrets,
    parse_dotenv,
)
from connector_assets.cli.import_state import (
    CarriedState,
    list_elsewhere,
    parse_states,
    pick_state,
)
from connector_assets.config import ProjectDefaults
from connector_assets.connector_build import build_connector
from connector_assets.connector_rules import Surroundings
from connector_assets.engines.meltano_catalog import CatalogStream, parse_catalog
from connector_assets.engines.meltano_project import MeltanoProject
from connector_assets.errors import ConfigError
from connector_assets.model import Connector, Destination, DestinationKind
from connector_assets.yaml_marks import parse_document

KINDS = {"target-x": "loaders", "target-y": "loaders", "hide": "mappers", "dbt": "utilities"}
TAPS = ("tap-shop", "tap-crm", "tap-idle")
DAILY = Interval(name="daily", said="@daily", cron="0 0 * * *")


def routes(
    *tasks: Any, schedules: dict[str, Any] | None = None
) -> tuple[dict[str, Route], dict[str, LeftOut]]:
    """Return the routes of one job and these schedules, by tap, and what was left out."""
    jobs = {"jobs": [{"job_name": "all", "tasks": list(tasks)}] if tasks else []}
    found, left_out = plan_routes(
        jobs=jobs, schedules={"schedules": schedules or {}}, extractors=TAPS, kinds=KINDS
    )
    return {one.tap: one for one in found}, {one.what: one for one in left_out}


def schedule(name: str, *, cron: str | None = "0 0 * * *", **more: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"interval": cron or "@once", "cron_interval": cron, "env": {}}
    return {"name": name, "job": {"name": "all"}, **usual, **more}


def route(*pipelines: Pipeline) -> Route:
    usual = Pipeline(tap="tap-shop", loader="target-x", origin="job all")
    return Route(tap="tap-shop", pipelines=pipelines or (usual,))


def states(**bookmarks: Any) -> dict[str, CarriedState]:
    exported = {
        name.replace("__", ":").replace("_", "-"): {
            "completed": {"singer_state": {"bookmarks": {"orders": {"id": value}}}}
        }
        for name, value in bookmarks.items()
    }
    return parse_states(exported)


def stream(name: str = "orders", **entry: Any) -> CatalogStream:
    """Return a stream of a catalog that Meltano has selected; ``facts`` are its metadata."""
    facts = {"selected": True, **entry.pop("facts", {})}
    usual = {"tap_stream_id": name, "schema": {"properties": {"id": {}, "at": {}}}}
    content = {**usual, "key_properties": ["id"], **entry}
    metadata = [{"breadcrumb": [], "metadata": facts}]
    (found,) = parse_catalog({"streams": [{**content, "metadata": metadata}]})
    return found


def build(*streams: CatalogStream, **facts: Any) -> tuple[Connector, str]:
    """Return the connector that a tap becomes, as the platform reads its file; and the file."""
    setup = Setup(name="shop", destination="lake.shop", cron="0 0 * * *", owner="team")
    known = TapFacts(offered={one.name: one for one in streams}, **facts)
    daily = Pipeline(tap="tap-shop", loader="target-x", origin="job all", intervals=(DAILY,))
    text = render_connector(route(daily), setup, known)
    lake = Destination(name="lake", kind=DestinationKind.DUCKDB, path="/lake.duckdb")
    around = Surroundings(
        environment="dev",
        environments=("dev",),
        destinations={"lake": lake},
        defaults=ProjectDefaults(),
    )
    return build_connector(parse_document(text, label="connectors/shop.yaml"), around=around), text


def test_a_job_of_several_taps_becomes_several_routes() -> None:
    found, left_out = routes(
        "tap-shop target-x", ["tap-crm target-y"], schedules={"job": [schedule("daily")]}
    )

    assert {name: one.pipelines[0].loader for name, one in found.items()} == {
        "tap-shop": "target-x",
        "tap-crm": "target-y",
    }
    assert found["tap-crm"].origins == ("job all", "schedule daily")
    assert list(left_out) == ["tap-idle"]


def test_an_elt_schedule_is_a_route_with_the_id_that_it_gives_its_state() -> None:
    elt = schedule("nightly", extractor="tap-shop", loader="target-x", transform="run")
    own = schedule("own", extractor="tap-crm", loader="target-x", elt_args=["--state-id=mine"])
    found, left_out = routes(schedules={"elt": [elt, own]})

    assert found["tap-shop"].pipelines[0].state_id == "nightly"
    assert found["tap-crm"].pipelines[0].state_id == "mine"
    assert "transform: run in schedule nightly" in left_out


def test_what_is_no_tap_into_a_loader_is_listed_and_never_dropped() -> None:
    variables = schedule("daily", env={"TAP_SHOP_TOKEN": "t0p-secret"})
    found, left_out = routes(
        "tap-shop hide target-x", "tap-crm target-x", "dbt:run", schedules={"job": [variables]}
    )

    assert list(found) == ["tap-crm"]
    assert "hide" in left_out["tap-shop in job all"].why
    assert "a utility" in left_out["dbt:run in job all"].why
    assert "env of schedule daily: TAP_SHOP_TOKEN" in left_out
    assert "t0p-secret" not in str(left_out)
    assert all(one.why and one.fix for one in left_out.values())


@pytest.mark.parametrize(
    ("crons", "expected", "left"),
    [
        ([], "", []),
        ([None], "", []),
        (["0 6 * * *", None], "0 6 * * *", []),
        (["0 6 * * *", "0 6 * * *"], "0 6 * * *", []),
        (["0 18 * * *", "0 6 * * *", "0 7,6 * * *"], "0 6,7,18 * * *", []),
        (["0 0 * * *", "0 */2 * * *"], "0 */2 * * *", ["0"]),
        (["30 6 * * *", "0 18 * * 1", "0 3 1 * *"], "30 6 * * *", ["1", "2"]),
    ],
    ids=str,
)
def test_several_schedules_become_one(
    crons: list[str | None], expected: str, left: list[str]
) -> None:
    given = [Interval(name=str(at), said=str(one), cron=one) for at, one in enumerate(crons)]

    cron, left_out = plan_schedule("tap-shop", given)

    assert cron == expected
    assert [one.what.split()[1] for one in left_out] == left


def test_a_state_is_found_by_environment_tap_and_loader_whatever_its_suffix() -> None:
    known = states(dev__tap_shop_to_target_x__blue=7, dev__tap_shop_to_target_xy=9)

    picked = pick_state(route(), known, environment="dev")

    assert picked is not None
    assert picked.id == "dev:tap-shop-to-target-x:blue"
    assert pick_state(route(), known, environment="prod") is None


def test_what_an_aborted_run_left_is_laid_over_the_last_complete_state() -> None:
    (found,) = parse_states(
        {
            "a": {
                "completed": {"singer_state": {"bookmarks": {"orders": {"id": 1}, "x": {"id": 1}}}},
                "partial": {"singer_state": {"bookmarks": {"orders": {"id": 2}}}},
            },
            "empty": {"completed": {}, "partial": None},
        }
    ).values()

    assert found.bookmarks == {"orders": {"id": 2}, "x": {"id": 1}}


def test_states_that_differ_are_asked_about_and_an_id_chooses() -> None:
    known = states(dev__tap_shop_to_target_x=1, dev__tap_shop_to_target_x__b=2, nightly=2)
    made = Pipeline(tap="tap-shop", loader="target-x", origin="job all")
    several = route(made, Pipeline(tap="tap-shop", loader="y", origin="", state_id="nightly"))

    with pytest.raises(ConfigError, match="3 states, which differ") as caught:
        pick_state(several, known, environment="dev")
    picked = pick_state(several, known, environment="dev", chosen=("nightly",))

    assert "--state-id dev:tap-shop-to-target-x " in caught.value.fix
    assert picked is not None
    assert picked.id == "nightly"


def test_states_that_agree_need_no_choice() -> None:
    known = states(dev__tap_shop_to_target_x=2, dev__tap_shop_to_target_x__b=2)

    picked = pick_state(route(), known, environment="dev")

    assert picked is not None
    assert picked.bookmarks == {"orders": {"id": 2}}


def test_states_of_other_environments_are_listed() -> None:
    known = states(dev__tap_shop_to_target_x=1, prod__tap_shop_to_target_x=2, prod__tap_b_to_c=3)

    (left,) = list_elsewhere(route(), known, environment="dev")

    assert left.what == "state prod:tap-shop-to-target-x"
    assert "--env prod --state only" in left.fix


def meltano_project(*extractors: dict[str, Any]) -> MeltanoProject:
    return MeltanoProject(
        root=Path("/p"),
        id="",
        system=Path("/p/.meltano"),
        files=(),
        extractors={one["name"]: one for one in extractors},
        environments={"dev": {"tap-shop": {"config": {"key": "$DEV_KEY"}}}},
    )


def test_secrets_are_found_by_declaration_mask_and_name_and_located() -> None:
    settings = [{"name": "key", "sensitive": True}, {"name": "pin", "kind": "password"}]
    config = {"pin": "1234", "api_token": "${SHOP_TOKEN}", "region": "eu", "client": {"id": "x"}}
    project = meltano_project(
        {"name": "tap-shop", "inherit_from": "tap-base", "config": config},
        {"name": "tap-base", "settings": settings},
    )

    found = find_secrets(
        project,
        tap="tap-shop",
        environment="dev",
        config={"client": {"secret": "*****"}, "vault": "*****", "region": "eu"},
        variables=Variables(
            process=["TAP_BASE_CLIENT_SECRET", "SHOP_TOKEN"],
            dotenv=parse_dotenv("export TAP_SHOP_VAULT='x'\n# NOT=1\nSHOP_TOKEN=y\n"),
        ),
    )

    assert {one.setting: (one.variable, one.dotenv) for one in found} == {
        "client.secret": ("TAP_BASE_CLIENT_SECRET", False),
        "vault": ("TAP_SHOP_VAULT", True),
        "key": ("DEV_KEY", False),
        "pin": ("", False),
        "api_token": ("SHOP_TOKEN", False),
    }


def test_secrets_are_references_and_those_of_a_deeper_level_stand_in_the_config() -> None:
    secrets = (
        SecretSetting(setting="token", variable="TOKEN", dotenv=True),
        SecretSetting(setting="client.secret", variable="CLIENT"),
        SecretSetting(setting="pin"),
    )

    connector, text = build(stream(), secrets=secrets)

    assert connector.secrets == {"token": "env:TOKEN", "client_secret": "env:CLIENT"}
    assert connector.config == {"client": {"secret": "${client_secret}"}}
    assert "which is not committed: set them elsewhere, too" in text


BOOKMARK = CarriedState(id="a", state={"bookmarks": {"orders": {"at": "2024-01-01"}}})
SDK_BOOKMARK = CarriedState(
    id="a", state={"bookmarks": {"orders": {"replication_key": "id", "replication_key_value": 1}}}
)
INCREMENTAL = {"replication-method": "INCREMENTAL", "replication-key": "at"}


@pytest.mark.parametrize(
    ("entry", "state", "expected"),
    [
        ({"facts": INCREMENTAL}, None, "merge at"),
        ({"facts": INCREMENTAL, "key_properties": []}, None, "append at"),
        ({"replication_key": "at"}, None, "merge at"),
        ({"replication_key": "at", "replication_method": "FULL_TABLE"}, None, "replace "),
        ({"facts": {"replication-method": "LOG_BASED"}}, None, "merge "),
        ({"facts": {"forced-replication-method": "FULL_TABLE"}}, BOOKMARK, "replace "),
        ({}, BOOKMARK, "merge at"),
        ({}, SDK_BOOKMARK, "merge id"),
        ({}, None, "merge "),
        ({"key_properties": []}, None, "replace "),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_stream_is_synced_as_meltano_reads_it(
    entry: dict[str, Any], state: CarriedState | None, expected: str
) -> None:
    connector, _ = build(stream(**entry), state=state)

    (one,) = connector.streams
    assert f"{one.write} {one.cursor}" == expected
    log_based = entry.get("facts", {}).get("replication-method") == "LOG_BASED"
    assert one.config == ({"replication-method": "LOG_BASED"} if log_based else {})


def test_only_selected_streams_are_taken_whatever_they_are_called() -> None:
    names = ["public-orders", "no", "Größe", "a: b", "123", "#x", "it's"]
    left = stream("other", facts={"selected": False})

    connector, text = build(*map(stream, names), left)

    assert [one.name for one in connector.streams] == names
    assert connector.schedule is not None
    assert (connector.schedule.cron, connector.schedule.timezone) == ("0 0 * * *", "UTC")
    assert "job all, schedule daily" in text


@pytest.mark.parametrize(
    ("tap", "taken", "expected"),
    [
        ("tap-shop", (), "shop"),
        ("tap-google-analytics--eu", (), "google_analytics_eu"),
        ("tap-shop", ("shop",), "tap_shop"),
        ("tap-360", (), "tap_360"),
        ("crm", (), "crm"),
    ],
)
def test_a_connector_is_called_as_its_tap(tap: str, taken: tuple[str, ...], expected: str) -> None:
    assert name_connector(tap, taken=taken) == expected
