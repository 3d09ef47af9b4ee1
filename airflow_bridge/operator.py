"""The four steps as tasks; what a person would type is what they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, BaseHook, BaseOperator
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
)

from airflow_bridge.group import Group
from airflow_bridge.steps import StepCall, StepFailed, run_step
from connector_assets.airflow_api.runs import make_root, name_trigger
from connector_assets.credentials.connections import connection_variable, render_connection

_BY_HAND = "manual"


def _fetch_connections(group: Group) -> Iterator[tuple[str, str]]:
    """Yield the variables of a group's connections; the step says which one is not there."""
    for name in group.connections:
        with suppress(AirflowNotFoundException):
            found = BaseHook.get_connection(name)
            yield connection_variable(name), render_connection(found)


class StepOperator(BaseOperator):
    """One of the four steps of a group's sync.

    Only the sync's id goes from start to the others; what happened is in the ledger. The command
    and its engine end with the task, however it ends.
    """

    def __init__(self, *, step: str, group: Group, root: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.group = group
        self.root = root

    def execute(self, context: Any) -> dict[str, Any]:
        """Run the step; the name of the argument is Airflow's, which gives it by name."""
        words = self._start(context) if self.step == "start" else self._later(context)
        call = StepCall(
            group=self.group,
            root=self.root,
            words=(self.step, *words),
            tell=self.log.info,
            connections=dict(_fetch_connections(self.group)),
        )
        try:
            answer = run_step(call)
        except StepFailed as error:
            if error.transient:
                raise AirflowException(str(error)) from error
            raise AirflowFailException(str(error)) from error
        if self.step == "status":
            self._announce(context, answer)
        return {name: answer.get(name) for name in ("sync_id", "attempt", "verdict")}

    def _start(self, context: Any) -> list[str]:
        run = context["dag_run"]
        conf = run.conf or {}
        by_hand = run.run_type == _BY_HAND and not conf.get("scheduled")
        trigger = name_trigger(run.run_id) if by_hand else "schedule"
        chosen = context["params"].get("streams") or []
        root = make_root(run.dag_id, run.run_id)
        words = ["--connector", self.group.name, "--root-run-id", root, "--trigger", trigger]
        words += [word for name in chosen for word in ("--stream", name)]
        words += ["--full-refresh"] if context["params"].get("full_refresh") else []
        # No param: it is for one run, of somebody who knows why.
        return [*words, *(["--rebuild"] if conf.get("rebuild") else [])]

    def _later(self, context: Any) -> list[str]:
        started = context["ti"].xcom_pull(task_ids="start_dag")
        if not started:
            raise AirflowFailException("start_dag did not start a sync: there is nothing to do")
        return ["--sync-id", started["sync_id"]]

    def _announce(self, context: Any, answer: Mapping[str, Any]) -> None:
        """Let the assets of the streams that were synced have an event, and no others."""
        counts = {one["stream"]: one for one in answer["streams"]}
        told = {one.asset.name: one.name for one in self.group.streams if one.name in counts}
        task = context["ti"].task
        task.outlets = [one for one in task.outlets if one.name in told]
        for asset in task.outlets:
            assert isinstance(asset, Asset)
            context["outlet_events"][asset].extra = {
                "source": "connector-assets",
                "sync_id": answer["sync_id"],
                "attempt": answer["attempt"],
                "verdict": answer["verdict"],
                "fingerprint": self.group.plan,
                "rows": counts[told[asset.name]],
            }
