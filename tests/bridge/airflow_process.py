"""What Airflow makes of a folder of DAGs, told as JSON: a program for processes of their own.

``python -m tests.bridge.airflow_process WHAT FOLDER [WORD]``, in the environment of
``run_airflow``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HEAVY = ("dagster", "dagster_dlt", "dlt", "duckdb", "meltano", "pyarrow")


def run_airflow(what: str, folder: Path, *words: str, home: Path) -> Any:
    """Return what this program tells of a folder of DAGs, with Airflow's own files in ``home``."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }
    # Airflow warns of itself.
    shell = [sys.executable, "-W", "ignore", "-m", __name__, what, str(folder), *words]
    done = subprocess.run(
        shell, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    # Airflow logs to the same place.
    return json.loads(done.stdout.splitlines()[-1])


def describe(folder: Path) -> dict[str, Any]:
    """Return each DAG of the folder as Airflow has it after it was parsed."""
    return {dag_id: _describe_dag(dag) for dag_id, dag in _fill_bag(folder).dags.items()}


def list_modules(folder: Path) -> list[str]:
    """Return which of the heavy modules the DAG file imports."""
    before = set(sys.modules)
    bag = _fill_bag(folder)
    assert bag.dags
    return sorted((set(sys.modules) - before) & set(HEAVY))


def build_one(folder: Path, wanted: str) -> list[str]:
    """Return the DAGs that a worker builds for a task of one of them."""
    from airflow.sdk.definitions._internal import dag_parsing_context

    with dag_parsing_context._airflow_parsing_context_manager(dag_id=wanted):
        return sorted(_fill_bag(folder).dags)


def list_runs(folder: Path, dag_id: str, *, begin: str, count: str) -> list[str]:
    """Return when a DAG runs after an instant, in the time zone of its schedule."""
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import DataInterval, TimeRestriction
    from pendulum import instance

    dag = DagSerialization.from_dict(DagSerialization.to_dict(_fill_bag(folder).dags[dag_id]))
    at = instance(datetime.fromisoformat(begin))
    bounds = TimeRestriction(earliest=at, latest=None, catchup=True)
    found = []
    for _ in range(int(count)):
        info = dag.timetable.next_dagrun_info(
            last_automated_data_interval=DataInterval.exact(at), restriction=bounds
        )
        assert info is not None
        at = info.run_after
        found.append(at.in_timezone("Europe/Berlin").isoformat())
    return found


def live_a_year(folder: Path, dag_id: str, begin: str) -> list[str]:
    """Return the runs, in UTC, that a DAG has in a year whose clock this process sets.

    As the scheduler does, the next run is asked for again and again, not only after one: hourly,
    and every minute of the days around a change of clocks.
    """
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables import trigger
    from airflow.timetables.base import TimeRestriction
    from pendulum import instance

    timetable = DagSerialization.from_dict(
        DagSerialization.to_dict(_fill_bag(folder).dags[dag_id])
    ).timetable
    now, last, found = instance(datetime.fromisoformat(begin)), None, []
    vars(trigger)["utcnow"] = lambda: now
    bounds = TimeRestriction(earliest=None, latest=None, catchup=False)
    end = now.add(years=1)
    while now < end:
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=bounds)
        assert info is not None
        if info.run_after <= now:
            last = info.data_interval
            found.append(info.run_after.in_timezone("UTC").isoformat())
            continue
        offsets = {now.add(days=day).in_timezone("Europe/Berlin").offset for day in (-1, 1)}
        # The first run of all is given five minutes.
        now = now.add(minutes=1 if last is None or len(offsets) > 1 else 60)
    return found


def tell_first(folder: Path, dag_id: str) -> float:
    """Return in how many seconds a DAG that nobody has seen before runs for the first time."""
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import TimeRestriction

    dag = DagSerialization.from_dict(DagSerialization.to_dict(_fill_bag(folder).dags[dag_id]))
    info = dag.timetable.next_dagrun_info(
        last_automated_data_interval=None,
        restriction=TimeRestriction(earliest=None, latest=None, catchup=dag.catchup),
    )
    assert info is not None
    assert dag.start_date is None
    return info.run_after.timestamp() - datetime.now(UTC).timestamp()


def choose(folder: Path, dag_id: str, *streams: str) -> dict[str, Any]:
    """Return what a task gets of the streams that a person chose, and what the form is made of."""
    from airflow.sdk.definitions.param import process_params
    from airflow.sdk.exceptions import ParamValidationError
    from airflow.serialization.serialized_objects import DagSerialization

    dag = _fill_bag(folder).dags[dag_id]
    form = DagSerialization.from_dict(DagSerialization.to_dict(dag)).params.get_param("streams")
    task, chosen = dag.get_task("start_dag"), {"streams": list(streams)} if streams else {}
    try:
        given = process_params(dag, task, chosen, suppress_exception=False)["streams"]
    except ParamValidationError as error:
        given = str(error).splitlines()[0]
    return {"given": given, "form": form.schema["items"]["enum"]}


def process(_folder: Path) -> dict[str, Any]:
    """Let Airflow's DAG processor read the folder once, and return what it noted."""
    from airflow.dag_processing.manager import DagFileProcessorManager
    from airflow.models import DagModel
    from airflow.models.errors import ParseImportError
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session
    from sqlalchemy import select

    if not (Path(os.environ["AIRFLOW_HOME"]) / "airflow.db").exists():
        initdb()
    began = datetime.now(UTC)
    DagFileProcessorManager(max_runs=1).run()  # type: ignore[no-untyped-call]  # Airflow's
    with create_session() as session:
        dags = list(session.scalars(select(DagModel)))
        errors = list(session.scalars(select(ParseImportError)))
        return {
            "errors": {str(one.filename): one.stacktrace for one in errors},
            "flawed": sorted(one.dag_id for one in dags if one.is_stale or one.has_import_errors),
            "parsed": sorted(
                one.dag_id for one in dags if one.last_parsed_time and one.last_parsed_time > began
            ),
            "serialized": sorted(session.scalars(select(SerializedDagModel.dag_id).distinct())),
        }


def _fill_bag(folder: Path) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(folder, bundle_path=folder)
    assert bag.import_errors == {}
    return bag


def _describe_dag(dag: Any) -> dict[str, Any]:
    timetable = dag.timetable
    condition = getattr(timetable, "asset_condition", None)
    upstream = condition.objects if condition else ()
    return {
        "catchup": dag.catchup,
        "doc": dag.doc_md,
        "max_active_runs": dag.max_active_runs,
        "streams": dag.params.get_param("streams").schema["items"]["enum"],
        "params": {name: dag.params[name] for name in dag.params},
        "tags": sorted(dag.tags),
        "tasks": {task.task_id: _describe_task(task) for task in dag.topological_sort()},
        "timeout": dag.dagrun_timeout,
        "cron": [str(getattr(timetable, name, "")) for name in ("expression", "timezone")],
        "waits_for": sorted([one.name, one.uri] for one in upstream),
        "timetable": type(timetable).__name__,
    }


def _describe_task(task: Any) -> dict[str, Any]:
    timeout = task.execution_timeout
    return {
        "after": sorted(task.upstream_task_ids),
        "fails_the_run": task.on_failure_fail_dagrun,
        "outlets": [[one.name, one.uri] for one in task.outlets],
        "owner": task.owner,
        "pool": task.pool,
        "retries": task.retries,
        "role": "setup" if task.is_setup else "teardown" if task.is_teardown else "work",
        "timeout": timeout and timeout.total_seconds(),
        "wait": task.retry_delay.total_seconds(),
    }


if __name__ == "__main__":
    what, folder, *words = sys.argv[1:]
    if what == "runs":
        told: Any = list_runs(Path(folder), words[0], begin=words[1], count=words[2])
    else:
        tells: dict[str, Any] = {
            "describe": describe,
            "choose": choose,
            "first": tell_first,
            "year": live_a_year,
            "modules": list_modules,
            "one": build_one,
            "process": process,
        }
        told = tells[what](Path(folder), *words)
    sys.stdout.write(f"\n{json.dumps(told)}\n")
