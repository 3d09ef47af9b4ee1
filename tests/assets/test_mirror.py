"""What the mirror tells: in order, and once, also where it ended between telling and marking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from connector_assets.airflow_api.runs import make_root, name_dagster_run
from connector_assets.assets.mirror import mark_told, read_outbox
from connector_assets.destinations.fate import TableFate
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.removing import RemovalRequest, remove
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.project import load_project

pytestmark = pytest.mark.integration
Sync = Callable[[str], SyncRow]


@pytest.fixture
def setting(root: Path, ledger: Ledger) -> Setting:
    return Setting(project=load_project(root, tolerate=True), ledger=ledger)


@pytest.fixture
def sync(setting: Setting) -> Sync:
    """A function that syncs a connector outside of Dagster."""

    def run(name: str) -> SyncRow:
        request = StartRequest(root_run_id=uuid4().hex)
        return run_sync(setting, setting.project.connector(name), request=request)

    return run


def test_syncs_are_told_in_the_order_in_which_they_ended(
    setting: Setting, sync: Sync, root: Path
) -> None:
    (root / "fails.txt").write_text("fatal 1")
    rows = [sync(name) for name in ("staff", "report", "staff")]

    with dg.DagsterInstance.ephemeral() as instance:
        told = list(read_outbox(setting, instance))

    assert [one.row.sync_id for one in told] == [row.sync_id for row in rows]
    kinds = [type(one.events[0]) for one in told]
    assert kinds == [dg.AssetMaterialization, dg.AssetObservation, dg.AssetMaterialization]


def test_sync_of_a_removed_connector_is_marked_and_told_to_nobody(
    setting: Setting, sync: Sync, root: Path, ledger: Ledger
) -> None:
    sync("staff")
    request = RemovalRequest(fate=TableFate.DROP, who="ada")
    remove(setting, setting.project.connector("staff"), request=request)
    after = Setting(project=load_project(root, tolerate=True), ledger=ledger)

    with dg.DagsterInstance.ephemeral() as instance:
        (told,) = read_outbox(after, instance)
        mark_told(after, told)

        assert told.events == ()
        assert list(read_outbox(after, instance)) == []


def test_each_attempt_is_told_as_it_ended(setting: Setting, root: Path) -> None:
    connector = setting.project.connector("report")
    request = StartRequest(root_run_id=uuid4().hex)
    (root / "fails.txt").write_text("fatal 1")
    for _ in range(2):
        run_sync(setting, connector, request=request)

    with dg.DagsterInstance.ephemeral() as instance:
        told = list(read_outbox(setting, instance))

    syncs = [
        (type(event), event.metadata["attempt"].value, event.metadata["verdict"].value)
        for one in told
        for event in one.events
        if not isinstance(event, dg.AssetCheckEvaluation)
    ]
    assert syncs == [
        (dg.AssetObservation, 1, "failed"),
        (dg.AssetMaterialization, 2, "succeeded"),
    ]


def test_sync_is_left_to_the_run_that_executes_its_run_again(setting: Setting) -> None:
    first, second = str(uuid4()), str(uuid4())
    dag_run = name_dagster_run(first)
    request = StartRequest(root_run_id=make_root("staff", dag_run), trigger="dagster")
    run_sync(setting, setting.project.connector("staff"), request=request)

    with dg.DagsterInstance.ephemeral() as instance:
        ended, going_on = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED
        instance.add_run(dg.DagsterRun(job_name="job", run_id=first, status=ended))
        alone = list(read_outbox(setting, instance))
        tags = {"dagster/root_run_id": first}
        again = dg.DagsterRun(job_name="job", run_id=second, status=going_on, tags=tags)
        instance.add_run(again)
        followed = list(read_outbox(setting, instance))

    # A run that died tells of nothing; one that follows does.
    assert (len(alone), followed) == (1, [])


def test_what_was_told_and_not_marked_is_not_told_again(setting: Setting, sync: Sync) -> None:
    sync("staff")
    with dg.DagsterInstance.ephemeral() as instance:
        (told,) = read_outbox(setting, instance)
        for event in told.events:
            instance.report_runless_asset_event(event)
        # Here the daemon was killed: nothing is marked.
        (again,) = read_outbox(setting, instance)
        mark_told(setting, again)

        assert again.events == ()
        assert list(read_outbox(setting, instance)) == []


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8080"])
def test_sync_of_a_dag_run_says_which_and_links_to_it(
    setting: Setting, root: Path, url: str
) -> None:
    if url:
        file = root / "connectors.yaml"
        file.write_text(f'{file.read_text()}airflow: {{url: "{url}"}}\n')
    known = replace(setting, project=load_project(root, tolerate=True))
    connector = known.project.connector("staff")
    run_sync(known, connector, request=StartRequest(root_run_id=make_root("staff", "manual__1")))

    with dg.DagsterInstance.ephemeral() as instance:
        (told,) = read_outbox(known, instance)

    (event,) = (one for one in told.events if isinstance(one, dg.AssetMaterialization))
    page = f"{url}/dags/staff/runs/manual__1" if url else "manual__1"
    assert event.metadata["airflow_run"].value == page


def test_checks_alone_are_answered_without_a_sync(
    definitions: dg.Definitions, setting: Setting, sync: Sync
) -> None:
    sync("staff")
    keys = [dg.AssetCheckKey(dg.AssetKey(["staff", "stores"]), name) for name in ("rows", "sync")]
    job = dg.define_asset_job("checks", selection=dg.AssetSelection.checks(*keys))
    with_job = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))

    result = with_job.resolve_job_def("checks").execute_in_process()

    answers = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert answers == {"rows": True, "sync": True}
    assert len(setting.ledger.history.recent(environment="dev")) == 1
