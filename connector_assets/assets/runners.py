"""Where the steps of a Dagster run are run: in this process, or by the project's Airflow.

Both do the same four things, so that an op does not know which one it has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Protocol

from dagster import (
    AssetExecutionContext,
    DagsterExecutionInterruptedError,
    Failure,
    OpExecutionContext,
    RetryRequested,
)

from connector_assets.airflow_api.access import open_client
from connector_assets.airflow_api.delegation import (
    DagRun,
    fetch_end,
    follow,
    plan_run,
    start_run,
    stop_run,
)
from connector_assets.airflow_api.runs import find_run, name_dagster_run
from connector_assets.errors import ConfigError, ConnectorError, LeaseHeld, TransientSyncError
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle import steps
from connector_assets.lifecycle.retry import plan_wait
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.model import Connector, Step

Context = OpExecutionContext | AssetExecutionContext
#: The tag of a run that is not to be delegated.
HERE_TAG = "connectors/here"
#: Dagster's own tags of runs that it starts by itself.
_BY_ITSELF = frozenset(
    {
        "dagster/schedule_name",
        "dagster/sensor_name",
        "dagster/auto_materialize",
        "dagster/from_automation_condition",
    }
)


class Runner(Protocol):
    """The four steps of one connector's sync, as a run of Dagster has them."""

    def start(self, setting: Setting, connector: Connector, *, streams: tuple[str, ...]) -> str:
        """Start the sync for some streams, all for none, and return its id."""
        ...

    def run(self, setting: Setting, connector: Connector, *, sync_id: str) -> None:
        """Run the engine; what goes wrong for good, and a cancelled run, is told by evidence."""
        ...

    def finalize(self, setting: Setting, *, sync_id: str) -> None:
        """Read the destination back."""
        ...

    def status(self, setting: Setting, *, sync_id: str) -> SyncRow:
        """Return the sync as it ended."""
        ...


def pick_runner(context: Context, setting: Setting) -> Runner:
    """Return what runs the steps: the project's Airflow, where it has one and none is refused."""
    here = context.run.tags.get(HERE_TAG) == "true"
    return Delegated(context) if setting.project.airflow and not here else InPlace(context)


def is_scheduled(tags: Mapping[str, str]) -> bool:
    """Tell whether no person started a run: a schedule, a sensor, or an automation condition."""
    return not _BY_ITSELF.isdisjoint(tags)


def find_root_run(context: Context) -> str:
    """Return the id of the run that this one is, or executes again."""
    return context.run.root_run_id or context.run.run_id


class InPlace:
    """Runs the steps in this process."""

    def __init__(self, context: Context) -> None:
        """Take the op that a step is run for."""
        self._context = context

    def start(self, setting: Setting, connector: Connector, *, streams: tuple[str, ...]) -> str:
        """Start the sync.

        Raises:
            Failure: Another sync of the connector is running.
        """
        request = StartRequest(
            root_run_id=find_root_run(self._context),
            trigger="dagster",
            scheduled=is_scheduled(self._context.run.tags),
            streams=streams,
        )
        try:
            return steps.start(setting, connector, request=request).sync_id
        except LeaseHeld as error:
            raise Failure(str(error), allow_retries=False) from error

    def run(self, setting: Setting, connector: Connector, *, sync_id: str) -> None:
        """Run the engine.

        Raises:
            RetryRequested: It was transient, and the connector's retries are not over.
        """
        context = self._context
        try:
            steps.run(setting, sync_id)
        except LeaseHeld as error:
            # It was skipped: trying again would find the same.
            context.log.warning(str(error))
        except TransientSyncError as error:
            wait = plan_wait(connector.retries, tried=context.retry_number + 1)
            context.log.warning(str(error))
            if wait is not None:
                raise RetryRequested(
                    max_retries=connector.retries.max, seconds_to_wait=wait
                ) from error
        except ConnectorError as error:
            # final_status fails the run, by the evidence.
            context.log.error(str(error))
        except DagsterExecutionInterruptedError:
            # Returned from, so that the last two steps run; the run ends as cancelled.
            steps.cancel(setting, sync_id)

    def finalize(self, setting: Setting, *, sync_id: str) -> None:
        """Read the destination back."""
        steps.finalize(setting, sync_id)

    def status(self, setting: Setting, *, sync_id: str) -> SyncRow:
        """Return the sync as it ended."""
        return steps.status(setting, sync_id)


class Delegated:
    """Lets the project's Airflow run the steps, and waits for each of them.

    Airflow tries again what can be tried again; an op of a delegated run is never.
    """

    def __init__(self, context: Context) -> None:
        """Take the op that a step is waited for in."""
        self._context = context

    def start(self, setting: Setting, connector: Connector, *, streams: tuple[str, ...]) -> str:
        """Start the DAG run and wait until its sync has begun.

        Raises:
            Failure: Airflow cannot run it, does not answer, or began no sync.
        """
        run_id = name_dagster_run(find_root_run(self._context))
        request = StartRequest(
            root_run_id=run_id,
            trigger="dagster",
            scheduled=is_scheduled(self._context.run.tags),
            streams=streams,
        )
        try:
            run = plan_run(open_client(setting.project), setting, connector, request=request)
            with _ends_together(setting, run):
                start_run(run, setting, request=request)
                self._context.log.info("Airflow runs it: %s", run.page)
                follow(setting, run, steps=[Step.START])
            return fetch_end(setting, run).sync_id
        except ConnectorError as error:
            raise Failure(str(error), allow_retries=False) from error

    def run(self, setting: Setting, connector: Connector, *, sync_id: str) -> None:
        """Wait until the engine has ended; a run that is cancelled ends it."""
        _follow(setting, _reopen(setting, sync_id), step=connector.run_step)

    def finalize(self, setting: Setting, *, sync_id: str) -> None:
        """Wait until the destination was read back."""
        _follow(setting, _reopen(setting, sync_id), step=Step.FINALIZE)

    def status(self, setting: Setting, *, sync_id: str) -> SyncRow:
        """Return the sync as it ended."""
        run = _reopen(setting, sync_id)
        _follow(setting, run, step=Step.STATUS)
        return fetch_end(setting, run)


def _follow(setting: Setting, run: DagRun, *, step: Step) -> None:
    with _ends_together(setting, run):
        follow(setting, run, steps=[step])


@contextmanager
def _ends_together(setting: Setting, run: DagRun) -> Iterator[None]:
    """End the DAG run where this one is cancelled, and go on."""
    try:
        yield
    except DagsterExecutionInterruptedError:
        # Returned from: what is left of the DAG run is waited for, and the run ends cancelled.
        # A DAG run that waits behind another one has no sync yet.
        with suppress(ConfigError):
            steps.cancel(setting, run.sync_id)
        stop_run(run)


def _reopen(setting: Setting, sync_id: str) -> DagRun:
    """Return the DAG run of a sync that was started by one."""
    row = setting.ledger.history.find(sync_id)
    found = find_run(row.root_run_id)
    assert found is not None
    return DagRun(
        client=open_client(setting.project),
        dag=found[0],
        id=found[1],
        environment=row.environment,
    )


def select(connector: Connector, streams: Collection[str]) -> tuple[str, ...]:
    """Return the streams to be synced, in the connector's order; none where it is all of them."""
    chosen = tuple(one.name for one in connector.streams if one.name in streams)
    return () if len(chosen) == len(connector.streams) else chosen
