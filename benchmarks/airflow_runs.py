"""Runs of DAGs in a real local Airflow: a connector with nothing new, or four empty tasks.

``python -m benchmarks.airflow_runs connector|empty FOLDER`` runs one of them once, in the Airflow
that :func:`serve` keeps, and prints its seconds; to those of the empty tasks it adds those of the
bare engine, run after them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from airflow_bridge.compile import compile_project
from airflow_bridge.servers import SERVERS, Local, serve_airflow
from connector_assets.airflow_api.client import AirflowClient
from connector_assets.project import load_project

_EMPTY = """\
from airflow.sdk import DAG, BaseOperator


class Step(BaseOperator):
    def execute(self, context):
        pass


with DAG("empty", schedule=None, catchup=False):
    Step(task_id="one") >> Step(task_id="two") >> Step(task_id="three") >> Step(task_id="four")
"""
_DAGS = {"connector": "shop", "empty": "empty"}
_ENDED = {"success", "failed"}


@contextmanager
def serve(folder: Path) -> Iterator[None]:
    """Keep an Airflow with both DAGs, for the project in ``folder``, as long as the block."""
    dags = folder / "dags"
    dags.mkdir()
    (dags / "empty.py").write_text(_EMPTY)
    project = load_project(folder / "project")
    compile_project(project, folder=dags)
    settings = {"CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}
    local = Local(dags=dags, port=0, settings=settings, servers=SERVERS[:3])
    with serve_airflow(project, local=local) as running:
        while set(_DAGS.values()) - {
            one["dag_id"] for one in running.client.pages("/dags", of="dags")
        }:
            running.servers.check()
            time.sleep(0.5)
        login = [running.url, running.login.user, running.login.password]
        (folder / "login.json").write_text(json.dumps(login))
        yield


def run(client: AirflowClient, dag: str) -> float:
    """Run a DAG and return how long it took, by Airflow's clock."""
    found = {"state": ""}
    name = client.trigger(dag)
    while found["state"] not in _ENDED:
        time.sleep(0.2)
        found = client.run(dag, name)
    assert found["state"] == "success", client.tasks(dag, name)
    begin, end = (datetime.fromisoformat(found[key]) for key in ("start_date", "end_date"))
    return (end - begin).total_seconds()


def run_bare(folder: Path) -> float:
    """Run the engine alone and return how long it took."""
    argv = [sys.executable, "-m", "benchmarks.bare", "nothing_new", str(folder)]
    began = time.perf_counter()
    subprocess.run(argv, check=True, capture_output=True)
    return time.perf_counter() - began


def main(what: str, folder: Path) -> None:
    """Run one of them and print the seconds."""
    url, user, password = json.loads((folder / "login.json").read_text())
    seconds = run(AirflowClient(url).log_in(user, password), _DAGS[what])
    if what == "empty":
        seconds += run_bare(folder)
    sys.stdout.write(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
