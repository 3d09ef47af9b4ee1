"""The four steps as Dagster ops: the same ones in every connector's graph, built once.

Ops of one name have to be one object, so the steps are shared by all connectors; each finds its
connector by the name of the graph that it stands in. (Dagster reads the annotations of `context` as
objects: no `from __future__ import annotations` here.)
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from dagster import (
    AssetCheckResult,
    Failure,
    In,
    Nothing,
    OpDefinition,
    OpExecutionContext,
    Out,
    Output,
    op,
)

from connector_assets.assets.checks import answer
from connector_assets.assets.opening import open_setting
from connector_assets.assets.ports import list_checks, stream_name, upstream_name
from connector_assets.assets.run_metadata import describe_end, describe_failure, tell_failure
from connector_assets.assets.runners import pick_runner, select
from connector_assets.ledger.records import SyncRow
from connector_assets.lifecycle.setting import Observer, Setting
from connector_assets.model import Connector, Step

_ID = {"sync_id": In(str)}
#: What the first op hands on in a run of checks alone: nothing is synced.
_NO_SYNC = ""


class StepOps:
    """The ops of one project in one environment, each made when it is first asked for."""

    def __init__(self, root: Path, *, environment: str) -> None:
        """Take the project's folder; the ops read it anew whenever they run."""
        self._root = root
        self._environment = environment
        self.start = cache(self._build_start)
        self.run = cache(self._build_run)
        self.final = cache(self._build_final)
        self.finalize = self._build_finalize()

    def _build_start(self, upstream: int) -> OpDefinition:
        """Return the first op for a connector that waits for so many other assets."""

        @op(
            name=f"{Step.START}_{upstream}" if upstream else str(Step.START),
            ins={upstream_name(number): In(Nothing) for number in range(upstream)},
            out=Out(str),
        )
        def start_dag(context: OpExecutionContext) -> str:
            with self._open(context) as (setting, connector):
                streams = _find_selected(context, connector)
                if not streams:
                    return _NO_SYNC
                runner = pick_runner(context, setting)
                return runner.start(setting, connector, streams=select(connector, streams))

        return start_dag

    def _build_run(self, step: Step) -> OpDefinition:
        @op(name=str(step), ins=_ID, out=Out(str))
        def run(context: OpExecutionContext, sync_id: str) -> str:
            if sync_id == _NO_SYNC:
                return sync_id
            with self._open(context) as (setting, connector):
                pick_runner(context, setting).run(setting, connector, sync_id=sync_id)
            return sync_id

        return run

    def _build_finalize(self) -> OpDefinition:
        @op(name=str(Step.FINALIZE), ins=_ID, out=Out(str))
        def finalize_dag(context: OpExecutionContext, sync_id: str) -> str:
            if sync_id == _NO_SYNC:
                return sync_id
            with self._open(context) as (setting, _):
                pick_runner(context, setting).finalize(setting, sync_id=sync_id)
            return sync_id

        return finalize_dag

    def _build_final(self, streams: int) -> OpDefinition:
        """Return the last op for a connector of so many streams."""
        names = [stream_name(number) for number in range(streams)]
        outputs = (*names, *list_checks(streams))

        @op(
            name=f"{Step.STATUS}_{streams}",
            ins=_ID,
            out={name: Out(Nothing, is_required=False) for name in outputs},
        )
        def final_status(
            context: OpExecutionContext, sync_id: str
        ) -> Iterator[Output[Any] | AssetCheckResult]:
            chosen = context.selected_output_names
            with self._open(context) as (setting, connector):
                runner = pick_runner(context, setting)
                row = None if sync_id == _NO_SYNC else runner.status(setting, sync_id=sync_id)
                # Before the run can fail: a sync that failed is what the checks are there for.
                yield from (one for name, one in answer(setting, connector) if name in chosen)
                if row is None:
                    return
                check_end(setting, row)
                for name, stream in zip(names, connector.streams, strict=True):
                    if name in chosen:
                        told = describe_end(setting, row, stream=stream)
                        yield Output(None, name, metadata=told)

        return final_status

    @contextmanager
    def _open(self, context: OpExecutionContext) -> Iterator[tuple[Setting, Connector]]:
        observer = LogObserver(context.log.info)
        environment = self._environment
        with open_setting(self._root, environment=environment, observer=observer) as setting:
            yield setting, setting.project.connector(context.op_handle.path[0])


def check_end(setting: Setting, row: SyncRow) -> None:
    """Make sure that a sync ended well.

    Raises:
        Failure: It did not; with cause and next command.
    """
    if row.verdict is None or not row.verdict.good:
        told = describe_failure(setting, row)
        raise Failure(tell_failure(row), metadata=told, allow_retries=False)


class LogObserver(Observer):
    """Tells a run's log what a person has to know; the rest is in the sync's own log."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell

    def notes(self, text: str) -> None:
        """Take note of something that a person should do later."""
        self._tell(text)

    def waits(self, reason: str) -> None:
        """Take note that the sync waits for something."""
        self._tell(reason)


def _find_selected(context: OpExecutionContext, connector: Connector) -> tuple[str, ...]:
    """Return the streams that the run is to sync; none where it only asks checks."""
    # The public `selected_asset_keys` is only that of ops with outputs that are assets.
    keys = {tuple(key.path) for key in context.job_def.asset_layer.executable_asset_keys}
    return tuple(one.name for one in connector.streams if (connector.name, one.name) in keys)
