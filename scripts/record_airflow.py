"""Take the pictures of docs/airflow.md from a real Airflow with the demo's project.

``make screenshots`` runs it after that of Dagster, whose project and browser it takes; by hand:
``python -m scripts.record_airflow``. Everything that it starts has stopped when it ends.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_bridge.compile import compile_project
from airflow_bridge.servers import Local, Running, serve_airflow
from connector_assets.cli import demo_project
from connector_assets.cli.demo_shell import build_environment
from connector_assets.project import load_project
from scripts.record_dagster import IMAGES, WIDTH, find_problem, open_page, prepare, say

if TYPE_CHECKING:
    from playwright.sync_api import Page

DAGS = ("airports", "operations", "fleet", "flights")
ENDED = {"success", "failed"}


def main() -> int:
    """Take the pictures; return 0, or 1 with a message where something is missing."""
    problem = find_problem()
    if problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "nyc-flights-demo"
        prepare(folder)
        with start(folder) as airflow, open_page() as page:
            runs = {dag: run(airflow, dag) for dag in DAGS}
            log_in(page, airflow)
            take_dags(page, airflow)
            take_run(page, airflow, runs["operations"])
    return 0


@contextmanager
def start(folder: Path) -> Iterator[Running]:
    """Run the demo's API and Airflow as long as the block."""
    environment = build_environment()
    os.environ.update(environment)
    project = load_project(folder)
    compile_project(project, folder=folder / "dags")
    settings = {"CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}
    local = Local(dags=folder / "dags", port=0, settings=settings)
    with (
        demo_project.serve_airports(folder, environment=environment),
        serve_airflow(project, local=local) as running,
    ):
        yield running


def run(airflow: Running, dag: str) -> str:
    """Run a DAG to its end and return the run's id; exit where it does not end well."""
    while not any(one["dag_id"] == dag for one in airflow.client.pages("/dags", of="dags")):
        airflow.servers.check()
        time.sleep(1)
    say(f"running {dag}")
    name = airflow.client.trigger(dag)
    while (state := airflow.client.run(dag, name)["state"]) not in ENDED:
        time.sleep(0.5)
    if state != "success":
        sys.exit(f"the run of {dag} ended as {state}, and not as success")
    return name


def log_in(page: Page, airflow: Running) -> None:
    """Log in as a person does."""
    page.goto(airflow.url)
    page.locator("input[name=username]").fill(airflow.login.user)
    page.locator("input[name=password]").fill(airflow.login.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{airflow.url}/")


def take_dags(page: Page, airflow: Running) -> None:
    """Take the picture of the DAGs with their schedules and last runs."""
    page.goto(f"{airflow.url}/dags")
    page.get_by_text("punctuality").first.wait_for()
    save(page, "dags", height=824)


def take_run(page: Page, airflow: Running, run_id: str) -> None:
    """Take the picture of a run with its four steps."""
    page.goto(f"{airflow.url}/dags/operations/runs/{run_id}")
    page.get_by_role("link", name="final_status").first.wait_for()
    save(page, "run", height=640)


def save(page: Page, name: str, *, height: int) -> None:
    """Write the upper part of the page to docs/images, once its last parts have come."""
    page.wait_for_timeout(4_000)
    file = IMAGES / f"airflow-{name}.png"
    page.screenshot(path=file, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    say(f"docs/images/airflow-{name}.png")


if __name__ == "__main__":
    sys.exit(main())
