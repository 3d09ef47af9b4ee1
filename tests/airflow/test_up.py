"""`connectors up` as a person runs it: both servers answer, follow the files, and end together."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from connector_assets.airflow_api.client import AirflowClient
from connector_assets.assets.servers import ask
from tests.assets.conftest import write_project

pytestmark = pytest.mark.integration
SERVERS = {"api-server", "scheduler", "dag-processor", "triggerer", "dagster-daemon"}


@dataclass(frozen=True)
class Up:
    """The command, what it printed, and everything that it started."""

    command: subprocess.Popen[str]
    told: dict[str, Any]

    @property
    def client(self) -> AirflowClient:
        airflow = self.told["airflow"]
        password = json.loads(Path(airflow["password_file"]).read_text())[airflow["user"]]
        return AirflowClient(airflow["url"]).log_in(airflow["user"], password)

    def list_dags(self) -> dict[str, bool]:
        """Return whether each DAG is paused, by its id."""
        dags = self.client.pages("/dags", of="dags")
        return {one["dag_id"]: one["is_paused"] for one in dags}

    def find_processes(self) -> dict[int, list[str]]:
        """Return the command lines of what runs below the command."""
        found = {}
        for one in psutil.Process(self.command.pid).children(recursive=True):
            with suppress(psutil.Error):
                found[one.pid] = one.cmdline()
        return found


@contextmanager
def run_up(root: Path) -> Iterator[Up]:
    words = ("up", "--port", "0", "--airflow-port", "0", "--json", "--project", str(root))
    with (
        (root / "up.err").open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "connector_assets.cli", *words],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as command,
    ):
        try:
            assert command.stdout is not None
            told = json.loads(command.stdout.readline() or "{}")
            assert "airflow" in told, (root / "up.err").read_text()
            yield Up(command=command, told=told)
        finally:
            command.terminate()


def wait_until(held: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not held():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def find_left(pids: dict[int, list[str]]) -> list[list[str]]:
    return [words for pid, words in pids.items() if psutil.pid_exists(pid)]


def test_up_serves_both_and_sigterm_leaves_nothing(tmp_path: Path) -> None:
    write_project(tmp_path)
    connector = (tmp_path / "connectors" / "shop.yaml").read_text()
    with run_up(tmp_path) as up:
        wait_until(lambda: up.list_dags().get("shop") is False)
        assert ask(up.told["url"], "{ version }")["data"]["version"]
        mode = Path(up.told["airflow"]["password_file"]).stat().st_mode & 0o777
        assert mode == 0o600

        more = connector.replace("name: shop", "name: store").replace(".shop", ".store")
        (tmp_path / "connectors" / "store.yaml").write_text(more)
        wait_until(lambda: "store" in up.list_dags())

        pids = up.find_processes()
        assert {word for words in pids.values() for word in map(_name, words)} >= SERVERS
        up.command.terminate()
        assert up.command.wait(60) == 0
    wait_until(lambda: not find_left(pids))


def test_a_server_that_dies_ends_the_others(tmp_path: Path) -> None:
    write_project(tmp_path)
    with run_up(tmp_path) as up:
        pids = up.find_processes()
        (scheduler,) = (
            pid
            for pid, words in pids.items()
            if [_name(word) for word in words[1:3]] == ["airflow", "scheduler"]
        )
        psutil.Process(scheduler).kill()
        assert up.command.wait(60) not in (0, None)
    assert "airflow scheduler was ended by signal 9" in (tmp_path / "up.err").read_text()
    wait_until(lambda: not find_left(pids))


def _name(word: str) -> str:
    return word.rpartition("/")[2]
