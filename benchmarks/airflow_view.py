"""Loads 1,000 four-step DAGs into Airflow: ours from compiled groups, or written by hand.

``python -m benchmarks.airflow_view make|ours|bare|start|empty FOLDER``, each in a process of its
own: `ours` and `bare` do what the DAG processor does with a file, `start` and `empty` what a worker
does before a task.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from airflow_bridge.group import Group, GroupSchedule, GroupStream, render_group
from airflow_bridge.names import stream_asset

GROUPS, STREAMS = 1_000, 5
_HAND_WRITTEN = """\
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, BaseOperator, CronTriggerTimetable


class Step(BaseOperator):
    def execute(self, context):
        pass


for number in range(%d):
    name = f"connector_{number}"
    with DAG(
        name,
        schedule=CronTriggerTimetable(f"{number %% 60} 2 * * *", timezone="Europe/Berlin"),
        start_date=datetime(2020, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        tags=["bench"],
        default_args={"owner": "bench"},
    ) as dag:
        assets = [
            Asset(name=f"{name}/{stream}", uri=f"x-bench://{name}/{stream}") for stream in range(%d)
        ]
        start = Step(task_id="start_dag")
        run = Step(task_id="run_dlt", retries=1, execution_timeout=timedelta(hours=1))
        finalize = Step(task_id="finalize_dag")
        status = Step(task_id="final_status", outlets=assets)
        start >> run >> finalize >> status
"""


def make(folder: Path) -> None:
    """Write the folders of DAGs: compiled, written by hand, and one with an empty DAG file."""
    from airflow_bridge.compile import LOADER_TEXT

    for name in ("ours/connectors", "bare", "empty"):
        (folder / name).mkdir(parents=True)
    (folder / "ours" / "connectors.py").write_text(LOADER_TEXT)
    for number in range(GROUPS):
        group = _build_group(f"connector_{number}", minute=number % 60)
        (folder / "ours" / "connectors" / f"{group.name}.json").write_text(render_group(group))
    (folder / "bare" / "dags.py").write_text(_HAND_WRITTEN % (GROUPS, STREAMS))
    (folder / "empty" / "dags.py").write_text("from airflow.sdk import DAG\n")


def _build_group(name: str, *, minute: int) -> Group:
    streams = tuple(
        GroupStream(name=stream, asset=stream_asset(name, stream), table=f"lake.{name}.{stream}")
        for stream in (f"stream_{number}" for number in range(STREAMS))
    )
    return Group(
        name=name,
        project_id="bench",
        project="../..",
        environment="dev",
        engine="dlt",
        run_step="run_dlt",
        streams=streams,
        schedule=GroupSchedule(cron=f"{minute} 2 * * *", timezone="Europe/Berlin"),
        retries=1,
        owner="bench",
        tags=("bench", "dlt", "lake"),
        doc=f"# {name}\n\nFrom rest_api into lake.{name}.\n",
    )


def load(folder: Path) -> None:
    """Load every DAG of a folder and serialize it."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    bag = DagBag(folder, bundle_path=folder)
    assert len(bag.dags) == GROUPS, bag.import_errors
    for dag in bag.dags.values():
        DagSerialization.to_dict(dag)


def start(folder: Path, *, wanted: str) -> None:
    """Load the DAG file as a worker does who has a task of one DAG."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.definitions._internal import dag_parsing_context

    with dag_parsing_context._airflow_parsing_context_manager(dag_id=wanted):
        bag = DagBag(folder, bundle_path=folder)
    assert list(bag.dags) == ([wanted] if wanted else []), bag.import_errors


def main(what: str, folder: Path) -> None:
    """Do one of them, with Airflow's own files in the folder."""
    os.environ["AIRFLOW_HOME"] = str(folder / "home")
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    if what == "make":
        make(folder)
    elif what in ("ours", "bare"):
        load(folder / what)
    else:
        wanted = {"start": "connector_500", "empty": ""}[what]
        start(folder / ("ours" if wanted else "empty"), wanted=wanted)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], Path(sys.argv[2]))
    # What Python takes down at its end is not what a person waits for.
    os._exit(0)
