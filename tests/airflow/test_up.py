"""`connectors up` as a person starts it: both pages answer, what changes is compiled, all ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.request import urlopen

import psutil
import pytest

from connector_assets.airflow_api.client import AirflowClient, AirflowError
from connector_assets.assets.servers import ask

pytestmark = [pytest.mark.integration, pytest.mark.fault]
PROJECT = """\
version: 1
project_id: shop
destinations: {lake: {type: ducklake, catalog: "sqlite:///lake.sqlite", data_path: lake}}
pools: {shop_api: 2}
"""
CONNECTOR = """\
name: shop
engine: dlt
source: python:nothing:rows
destination: lake.shop
schedule: {cron: "0 2 * * *", timezone: Europe/Berlin}
owner: team
pool: shop_api
streams: {rows: {write: append}}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "connectors").mkdir()
    (root / "connectors.yaml").write_text(PROJECT)
    (root / "connectors" / "shop.yaml").write_text(CONNECTOR)
    return root


def start(root: Path, output: IO[str], *words: str) -> subprocess.Popen[str]:
    ports = ("--port", "0", "--airflow-port", "0")
    argv = [sys.executable, "-m", "connector_assets.cli", "up", *ports, *words]
    return subprocess.Popen(argv, cwd=root, stdout=output, stderr=output, text=True)


@pytest.fixture(scope="module")
def up(root: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The running command, and what it printed."""
    log = root / "up.json"
    with log.open("w") as output, start(root, output, "--json") as process:
        try:
            wait_until(lambda: log.read_text().endswith("}}\n"), process=process)
            yield process, json.loads(log.read_text())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def wait_until(
    held: Callable[[], bool], *, process: subprocess.Popen[str] | None = None, seconds: float = 150
) -> None:
    deadline = time.monotonic() + seconds
    while not held():
        assert process is None or process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.3)


def test_both_pages_answer_and_airflow_asks_for_the_login(
    root: Path, up: tuple[subprocess.Popen[str], dict[str, Any]]
) -> None:
    _, told = up
    airflow = told["airflow"]
    password = json.loads(Path(airflow["password_file"]).read_text())[airflow["user"]]
    client = AirflowClient(airflow["url"])

    assert ask(told["url"], "{ version }")["data"]["version"]
    with urlopen(airflow["url"]) as page:
        assert page.status == 200
    with pytest.raises(AirflowError, match="401"):
        client.dag("shop")
    client = client.log_in(airflow["user"], password)
    dag, pools = client.dag("shop"), client.pages("/pools", of="pools")
    assert (dag["is_paused"], dag["timetable_summary"]) == (False, "0 2 * * *")
    # Without it the run step would wait for ever.
    assert {"shop_api": 2}.items() <= {one["name"]: one["slots"] for one in pools}.items()
    assert Path(airflow["password_file"]).stat().st_mode & 0o077 == 0
    assert not (root / "dags").exists()


def test_changed_file_is_compiled_and_a_broken_one_is_told(
    root: Path, up: tuple[subprocess.Popen[str], dict[str, Any]]
) -> None:
    process, told = up
    file = root / "connectors" / "shop.yaml"
    group = Path(told["airflow"]["home"]) / "dags" / "connectors" / "shop.json"
    log = root / "up.json"

    file.write_text(CONNECTOR.replace("0 2", "0 3"))
    wait_until(lambda: "0 3 * * *" in group.read_text(), process=process, seconds=30)
    file.write_text("name: shop\nengine: none\n")
    wait_until(lambda: "`engine` cannot be 'none'" in log.read_text(), seconds=30)
    # A connector that is broken for a while keeps its DAG.
    assert json.loads(group.read_text())["schedule"]["cron"] == "0 3 * * *"
    file.write_text(CONNECTOR)
    wait_until(lambda: "0 2 * * *" in group.read_text(), process=process, seconds=30)

    assert json.loads(group.read_text())["schedule"]["timezone"] == "Europe/Berlin"
    assert process.poll() is None


def is_scheduler(words: list[str]) -> bool:
    names = [Path(word).name for word in words]
    return "scheduler" in names and "airflow" in names and "guard.py" not in names


def test_server_that_dies_ends_all_of_them(
    root: Path, up: tuple[subprocess.Popen[str], dict[str, Any]]
) -> None:
    """Last: it is down then."""
    process, _ = up
    family = psutil.Process(process.pid).children(recursive=True)
    scheduler = next(one for one in family if is_scheduler(one.cmdline()))

    scheduler.kill()

    assert process.wait(60) != 0
    assert "airflow scheduler was ended by signal 9" in (root / "up.json").read_text()
    gone, alive = psutil.wait_procs(family, timeout=30)
    assert (len(gone), alive) == (len(family), [])


def test_ctrl_c_stops_all_of_them(root: Path) -> None:
    log = root / "up.log"
    with log.open("w") as output, start(root, output) as process:
        wait_until(lambda: "Ctrl-C stops both" in log.read_text(), process=process)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)

        assert process.wait(60) == 0
    assert psutil.wait_procs(family, timeout=30)[1] == []
    # The password was printed by the first start.
    assert "password in " in log.read_text()
