"""Starts a connector's DAG run and follows it, step by step, to the verdict of its sync.

What a step did is read in the ledger; that it is going on, and that it ended, in Airflow.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector_assets.airflow_api.client import AirflowClient, AirflowError, quote_part
from connector_assets.airflow_api.runs import find_run, make_root, run_url
from connector_assets.errors import ConfigError, FatalSyncError
from connector_assets.ledger.leases import refuse
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.setting import Setting, StartRequest, make_sync_id
from connector_assets.model import Connector, Step

ENDED = frozenset({"success", "failed"})
_TASK_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
#: Seconds for which an Airflow that does not answer is asked again.
_PATIENCE = 120.0
#: Seconds after which a person is told what is waited for.
_QUIET = 3.0
_CONFLICT, _NOT_FOUND = 409, 404


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRun:
    """A run of a connector's DAG, and the sync that it is of."""

    client: AirflowClient
    dag: str
    id: str
    environment: str

    @property
    def page(self) -> str:
        """Where Airflow shows it."""
        return run_url(self.client.url, dag=self.dag, run=self.id)

    @property
    def path(self) -> str:
        """What the REST API calls it."""
        return f"/dags/{quote_part(self.dag)}/dagRuns/{quote_part(self.id)}"

    @property
    def sync_id(self) -> str:
        """The id of its sync, known before there is one."""
        root = make_root(self.dag, self.id)
        return make_sync_id(root, connector=self.dag, environment=self.environment)


def plan_run(
    client: AirflowClient, setting: Setting, connector: Connector, *, request: StartRequest
) -> DagRun:
    """Return the DAG run with the id ``request.root_run_id``; Airflow is not asked."""
    return DagRun(
        client=client,
        dag=connector.name,
        id=request.root_run_id,
        environment=setting.project.environment,
    )


def start_run(run: DagRun, setting: Setting, *, request: StartRequest) -> None:
    """Start a DAG run; one that ended runs again, as a whole.

    One that is going on is left alone, to be followed.

    Raises:
        LeaseHeld: A sync that Airflow does not run is going on, and this one is not scheduled.
        ConfigError: Airflow does not have the connector's DAG, or has it paused.
        AirflowError: It does not answer, or refuses.
    """
    client = run.client
    _check_dag(client, run.dag)
    if not request.scheduled:
        _check_lease(setting, run.dag)
    conf: dict[str, Any] = {"streams": list(request.streams)} if request.streams else {}
    conf |= {"rebuild": True} if request.rebuild else {}
    conf |= {"full_refresh": True} if request.full_refresh else {}
    conf |= {"scheduled": True} if request.scheduled else {}
    try:
        client.trigger(run.dag, conf=conf, run_id=run.id)
    except AirflowError as error:
        if error.status != _CONFLICT:
            raise
        if client.run(run.dag, run.id)["state"] in ENDED:
            client.ask("POST", f"{run.path}/clear", {"dry_run": False})


def stop_run(run: DagRun) -> None:
    """Mark a DAG run as failed: its task is ended, its last two steps run.

    One that waits in the queue is deleted. Airflow 3.3.2 would skip its tasks, leave it there, and
    call it a success when its turn comes.

    Raises:
        AirflowError: It does not answer, or refuses.
    """
    if run.client.run(run.dag, run.id)["state"] == "queued":
        try:
            run.client.ask("DELETE", run.path)
            return
        except AirflowError as error:
            # Its turn came.
            if error.status != _CONFLICT:
                raise
    run.client.ask("PATCH", run.path, {"state": "failed"})


def follow(setting: Setting, run: DagRun, *, steps: Sequence[Step], every: float = 0.5) -> None:
    """Tell the setting's observer of steps until the last of them, or the DAG run, has ended.

    Raises:
        AirflowError: It has not answered for two minutes.
    """
    follower = _Follower(setting, run, left=list(steps))
    while not follower.look():
        time.sleep(every)


def fetch_end(setting: Setting, run: DagRun) -> SyncRow:
    """Return the sync of a DAG run that has ended.

    Raises:
        LeaseHeld: The ledger has none, as another sync of the connector was faster.
        FatalSyncError: The ledger has none: its first step failed, or has another ledger.
    """
    try:
        return setting.ledger.history.find(run.sync_id)
    except ConfigError as error:
        _check_lease(setting, run.dag)
        state = run.client.run(run.dag, run.id)["state"]
        raise FatalSyncError(
            f"the DAG run ended ({state}), and this ledger has no sync of it",
            place=run.page,
            fix="Look at the log of start_dag there. Where it is fine, Airflow runs another "
            "project, environment or ledger than this one.",
            connector=run.dag,
        ) from error


def _check_dag(client: AirflowClient, connector: str) -> None:
    try:
        dag = client.dag(connector)
    except AirflowError as error:
        if error.status != _NOT_FOUND:
            raise
        raise ConfigError(
            f"Airflow has no DAG {connector!r}",
            place=client.url,
            fix="Compile it into Airflow's folder of DAGs (`connectors bridge compile`) and wait "
            "until Airflow has read it, or sync without Airflow: --here",
            connector=connector,
        ) from error
    if dag["is_paused"]:
        raise ConfigError(
            f"Airflow has the DAG {connector!r} paused: a run would wait until somebody "
            "unpauses it",
            place=f"{client.url}/dags/{connector}",
            fix="Unpause it there, or sync without Airflow: --here",
            connector=connector,
        )


def _check_lease(setting: Setting, connector: str) -> None:
    """Make sure that no sync has the lease but one of Airflow's, which queues what comes next."""
    environment = setting.project.environment
    holder = setting.ledger.leases.holder(connector, environment=environment)
    if holder is None:
        return
    going_on = setting.ledger.history.unfinished(environment=environment, connector=connector)
    if not any(one.sync_id == holder.sync_id and find_run(one.root_run_id) for one in going_on):
        raise refuse(holder, connector=connector, environment=environment)


class _Follower:
    """What was told of a DAG run so far."""

    def __init__(self, setting: Setting, run: DagRun, *, left: list[Step]) -> None:
        self._setting = setting
        self._run = run
        self._left = left
        self._began: set[Step] = set()
        self._changed = self._answered = time.monotonic()

    def look(self) -> bool:
        """Tell what is new; True where nothing more is to come."""
        client, run = self._run.client, self._run
        try:
            tasks = client.task_instances(run.dag, run.id)
            # After the tasks: a run that has ended has told all.
            state = client.run(run.dag, run.id)["state"]
        except AirflowError as error:
            if time.monotonic() - self._answered > _PATIENCE or 400 <= error.status < 500:
                raise
            self._setting.observer.waits("Airflow does not answer; asking again")
            return False
        self._answered = time.monotonic()
        while self._left and self._tell(self._left[0], tasks.get(self._left[0], {}), state=state):
            del self._left[0]
            self._changed = time.monotonic()
        if self._left and state not in ENDED and time.monotonic() - self._changed > _QUIET:
            self._explain(tasks.get(self._left[0], {}), state=state)
        return not self._left or state in ENDED

    def _tell(self, step: Step, task: Mapping[str, Any], *, state: str) -> bool:
        """Tell of one step; True where it has ended."""
        task_state, observer = task.get("state"), self._setting.observer
        if task_state in ("running", *_TASK_ENDED) and step not in self._began:
            self._began.add(step)
            observer.began(step)
        if task_state not in _TASK_ENDED:
            return False
        layers = self._setting.ledger.syncs.evidence(self._run.sync_id)
        observer.ended(step, seconds=float(task.get("duration") or 0.0), layers=layers)
        return True

    def _explain(self, task: Mapping[str, Any], *, state: str) -> None:
        """Tell what the run waits for."""
        if state == "queued":
            self._setting.observer.waits("another run of this DAG is going on, or Airflow is busy")
        elif task.get("state") == "up_for_retry":
            self._setting.observer.waits("Airflow tries the step again in a while")
        elif task.get("state") in ("scheduled", "queued"):
            self._setting.observer.waits("Airflow has no slot free for the step yet")
