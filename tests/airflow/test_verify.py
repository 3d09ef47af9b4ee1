"""A healthy project differs nowhere; each difference that is made is found, and named."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from airflow_bridge import verify as verifying
from airflow_bridge.differences import Difference, Kind, Side
from airflow_bridge.group import fingerprint, parse_group, render_group
from connector_assets.airflow_api.events import tell_airflow
from connector_assets.assets.build import build_definitions
from connector_assets.assets.mirror import mark_told, read_outbox
from connector_assets.assets.runners import HERE_TAG
from connector_assets.cli.verify import gather
from connector_assets.ledger.records import Closing, NewSync, View
from connector_assets.lifecycle.setting import StartRequest, make_sync_id
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import Verdict
from connector_assets.plan import plan_connector
from tests.airflow.world import World, open_world

pytestmark = pytest.mark.integration
CRON = 'schedule: {cron: "0 2 29 2 *", timezone: Europe/Berlin}'
CONNECTORS = {
    "clock": CRON,
    "hand": "retries: {max: 0}",
    "after": "depends_on: [clock]",
    "red": "",
    "faked": "",
}
#: How a fake engine ends a sync: its attempts' verdicts, the last of which counts.
ENDS = (
    (Verdict.SUCCEEDED,),
    (Verdict.SUCCEEDED_EMPTY,),
    (Verdict.SUCCEEDED_WITH_DRIFT,),
    (Verdict.FAILED,),
    (Verdict.BLOCKED,),
    (Verdict.SKIPPED,),
    (Verdict.CANCELLED,),
    (Verdict.UNKNOWN,),
    (Verdict.FAILED, Verdict.SUCCEEDED),
)
REAL, ALL = 20, 200
Found = set[tuple[Kind, str, Side]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A project with 200 syncs that both views were told of."""
    root = tmp_path_factory.mktemp("world")
    with open_world(root, connectors=CONNECTORS) as found, pytest.MonkeyPatch.context() as patch:
        for name, value in found.airflow.login.variables(found.airflow.url).items():
            patch.setenv(name, value)
        _run_real(found)
        for _, end in zip(range(ALL - REAL), itertools.cycle(ENDS), strict=False):
            _fake(found, end)
        _tell(found)
        yield found


def _run_real(world: World) -> None:
    """Sync through Airflow, in Dagster, and here: well, badly, with nothing new."""
    world.tell("red", "fatal")
    runs = [(name, world.start(name)) for name in ("clock", "hand", "red") for _ in range(2)]
    home = world.project.home / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    for name, run in runs:
        world.end(name, run)
    # What `clock` started.
    world.wait_until(lambda: world.runs("after"))
    for run in world.runs("after"):
        world.end("after", run)
    _run_in_dagster(world, home, ("hand", "red", "faked", "hand"))
    left = REAL - len(world.ledger.history.recent(environment="dev", limit=100))
    names = itertools.cycle(("hand", "faked", "red"))
    for name in itertools.islice(names, left):
        request = StartRequest(root_run_id=uuid4().hex)
        run_sync(world.setting, world.project.connector(name), request=request)


def _run_in_dagster(world: World, home: Path, names: tuple[str, ...]) -> None:
    job = build_definitions(world.project).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for name in names:
            job.execute_in_process(
                asset_selection=[dg.AssetKey([name, "rows"])],
                instance=instance,
                raise_on_error=False,
                tags={HERE_TAG: "true"},
            )


def _fake(world: World, end: tuple[Verdict, ...]) -> None:
    """Write a sync as the lifecycle does, of an engine that only says how it ended."""
    setting, root = world.setting, f"fake-{uuid4().hex}"
    connector = setting.project.connector("faked")
    plan = plan_connector(setting.project, connector)
    sync_id = make_sync_id(root, connector=connector.name, environment="dev")
    new = NewSync(
        sync_id=sync_id,
        connector=connector.name,
        engine="dlt",
        environment="dev",
        destination="lake",
        dataset=connector.dataset,
        trigger="manual",
        root_run_id=root,
        fingerprint=plan.fingerprint,
        plan=plan.to_json(),
        at=datetime.now(UTC),
    )
    rows = {"emitted": 1, "staged": 1, "in_destination": 1, "total": 1}
    result = {"streams": [{"stream": "rows", "table": "rows", **rows}], "error": {}}
    for verdict in end:
        attempt = setting.ledger.syncs.open_attempt(new)
        closing_ = Closing(verdict=verdict, cause="fake", result=result, at=datetime.now(UTC))
        setting.ledger.syncs.close(sync_id, attempt=attempt, closing=closing_)


def _tell(world: World) -> None:
    """Tell both views, as the sensors do; of a sync itself, which is what is compared."""
    setting = world.setting
    with dg.DagsterInstance.from_config(str(setting.project.home / "dagster")) as instance:
        while told := list(read_outbox(setting, instance)):
            for one in told:
                for event in one.events:
                    if not isinstance(event, dg.AssetCheckEvaluation):
                        instance.report_runless_asset_event(event)
                mark_told(setting, one)
    world.wait_until(lambda: _is_told(world))


def _is_told(world: World) -> bool:
    tell_airflow(world.setting, world.airflow.client, limit=1000)
    return not world.ledger.outbox.pending(View.AIRFLOW, environment="dev")


def verify(world: World, folder: Path | None = None) -> tuple[Difference, ...]:
    project = world.project
    sides = gather(project, folder=folder or world.root / "dags", syncs=ALL + 50)
    none = timedelta(0)
    return verifying.verify(world.setting, sides, syncs=ALL + 50, untold=none).differences


def name(differences: tuple[Difference, ...]) -> Found:
    return {(one.kind, one.connector, one.found_in) for one in differences}


@contextmanager
def edited(file: Path, old: str, new: str) -> Iterator[None]:
    """Let a file have another text as long as the block."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    try:
        yield
    finally:
        file.write_text(text)


def test_healthy_project_differs_nowhere(world: World) -> None:
    rows = world.ledger.history.recent(environment="dev", limit=1000)
    verdicts = {row.verdict for row in rows}

    assert len(rows) == ALL
    assert verdicts == set(Verdict) - {None}
    assert verify(world) == ()


def test_command_ends_with_zero_where_nothing_differs(world: World) -> None:
    argv = [sys.executable, "-m", "connector_assets.cli", "verify", "--json"]
    done = subprocess.run(
        argv, cwd=world.root, env=dict(os.environ), capture_output=True, text=True, check=False
    )

    told = json.loads(done.stdout)
    assert (done.returncode, told["differences"]) == (0, [])
    assert told["sides"] == ["plan", "files", "dagster", "airflow"]


@pytest.mark.parametrize(
    ("connector", "old", "new", "kind"),
    [
        ("clock", "0 2 29 2 *", "0 3 29 2 *", Kind.SCHEDULE_MISMATCH),
        ("clock", "Europe/Berlin", "Europe/Vienna", Kind.TIMEZONE_MISMATCH),
        ("hand", "max: 0", "max: 5", Kind.RETRIES_MISMATCH),
        ("hand", "retries: {max: 0}", "retries: {max: 0}\ntimeout: 5m", Kind.TIMEOUT_MISMATCH),
        ("hand", "engine: dlt", "engine: dlt\nowner: somebody", Kind.OWNER_MISMATCH),
        ("after", "[clock]", "[clock, hand]", Kind.UPSTREAM_MISMATCH),
        ("hand", "{case: hand}", "{case: other}", Kind.STALE_FINGERPRINT),
    ],
)
def test_plan_that_was_not_compiled_is_found(
    world: World, *, connector: str, old: str, new: str, kind: Kind
) -> None:
    with edited(world.root / "connectors" / f"{connector}.yaml", old, new):
        found = verify(world)

    assert name(found) == {(kind, connector, Side.FILES)}
    assert found[0].fix == "connectors bridge compile"


def test_files_that_airflow_does_not_have_are_found(world: World) -> None:
    # Beside the other one: a file says where the project is.
    folder = world.root / "other"
    shutil.copytree(world.root / "dags", folder)
    files = folder / "connectors"
    (files / "hand.json").unlink()
    clock = parse_group((files / "clock.json").read_text(), file="clock.json")
    for changed in (replace(clock, name="old"), replace(clock, run_step="run_meltano")):
        text = render_group(replace(changed, fingerprint=fingerprint(changed)))
        (files / f"{changed.name}.json").write_text(text)
    (files / "red.json").write_text("<<<<<<< merge")

    found = name(verify(world, folder))

    assert found == {
        (Kind.MISSING_DAG, "hand", Side.FILES),
        (Kind.LEFTOVER_DAG, "hand", Side.AIRFLOW),
        (Kind.LEFTOVER_DAG, "old", Side.FILES),
        (Kind.MISSING_DAG, "old", Side.AIRFLOW),
        (Kind.STEP_MISMATCH, "clock", Side.FILES),
        (Kind.STEP_MISMATCH, "clock", Side.AIRFLOW),
        (Kind.BROKEN_DAG, "red", Side.FILES),
    }


@contextmanager
def ledger_as_it_was(world: World) -> Iterator[sqlite3.Connection]:
    """Let the ledger be changed by hand as long as the block."""
    file = world.root / ".connectors" / "ledger.db"
    with closing(sqlite3.connect(file)) as connection:
        kept = sqlite3.connect(":memory:")
        connection.backup(kept)
        try:
            with connection:
                yield connection
        finally:
            kept.backup(connection)


def test_other_verdict_is_found_in_both_views(world: World) -> None:
    with ledger_as_it_was(world) as ledger:
        (sync_id,) = ledger.execute(
            "SELECT sync_id FROM syncs WHERE connector = 'clock' AND trigger != 'dagster'"
            " AND root_run_id LIKE 'airflow:%' LIMIT 1"
        ).fetchone()
        ledger.execute("UPDATE syncs SET verdict = 'failed' WHERE sync_id = ?", (sync_id,))
        ledger.commit()

        found = verify(world)

    assert {one.sync_id for one in found} == {sync_id}
    assert name(found) == {
        (Kind.VERDICT_MISMATCH, "clock", Side.DAGSTER),
        (Kind.VERDICT_MISMATCH, "clock", Side.AIRFLOW),
    }


def test_sync_of_before_airflow_was_told_anything_is_none_of_its_business(world: World) -> None:
    with ledger_as_it_was(world) as ledger:
        _fake(world, (Verdict.SUCCEEDED,))
        with dg.DagsterInstance.from_config(str(world.project.home / "dagster")) as instance:
            (told,) = read_outbox(world.setting, instance)
            instance.report_runless_asset_event(told.events[0])
            mark_told(world.setting, told)
        world.ledger.outbox.mark_delivered(told.row, view=View.AIRFLOW)

        lost = verify(world)
        ledger.execute(
            "UPDATE syncs SET ended_at = datetime(ended_at, '-2 hours') WHERE sync_id = ?",
            (told.row.sync_id,),
        )
        ledger.commit()

        assert name(lost) == {(Kind.SYNC_MISSING_IN_AIRFLOW, "faked", Side.AIRFLOW)}
        assert lost[0].sync_id == told.row.sync_id
        assert verify(world) == ()


def test_dag_run_that_the_ledger_has_no_sync_of_is_found(world: World) -> None:
    with ledger_as_it_was(world) as ledger:
        ids = "SELECT sync_id FROM syncs WHERE connector = 'after'"
        for table in ("evidence", "attempts", "outbox", "syncs"):
            ledger.execute(f"DELETE FROM {table} WHERE sync_id IN ({ids})")
        ledger.commit()

        found = verify(world)

    assert name(found) == {(Kind.SYNC_MISSING_IN_LEDGER, "after", Side.LEDGER)}


@pytest.mark.parametrize("connector", ["red", "clock"])
def test_run_that_is_gone_from_airflow_is_found(world: World, connector: str) -> None:
    """Last but one: it stays gone."""
    client = world.airflow.client
    run = world.runs(connector)[0]
    sync = world.sync(connector, run)
    client.ask("DELETE", f"/dags/{connector}/dagRuns/{run}")

    found = verify(world)

    assert sync is not None
    missing = {one.sync_id for one in found if one.kind is Kind.SYNC_MISSING_IN_AIRFLOW}
    assert sync.sync_id in missing


def test_sync_that_dagster_forgot_is_found(world: World) -> None:
    """Last: it stays forgotten."""
    with dg.DagsterInstance.from_config(str(world.project.home / "dagster")) as instance:
        instance.wipe_assets([dg.AssetKey(["hand", "rows"])])

    found = [one for one in verify(world) if one.connector == "hand"]

    assert {one.kind for one in found} == {Kind.SYNC_MISSING_IN_DAGSTER}
    assert len(found) >= 3
