"""Marked secrets in every credential: none of them is in anything that is left behind."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from airflow_bridge.compile import compile_project
from airflow_bridge.servers import Local, serve_airflow
from connector_assets.ledger.store import Ledger
from connector_assets.project import load_project
from tests.airflow.world import SETTINGS, World
from tests.canary.nest import NAMES, Nest, open_nest
from tests.canary.search import MARK, find_in_text, find_leaks, mark, watch_processes

pytestmark = [pytest.mark.integration, pytest.mark.fault]


@pytest.fixture
def nest(
    tmp_path: Path,
    declare_taps: Callable[[Path], None],
    new_postgres_database: Callable[[], str],
) -> Iterator[Nest]:
    with open_nest(tmp_path, database=new_postgres_database(), declare_taps=declare_taps) as one:
        yield one


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text,
        json.dumps,
        quote,
        lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
        lambda text: base64.urlsafe_b64encode(f"me:{text}!".encode()).decode(),
        lambda text: text.encode().hex(),
    ],
    ids=["plain", "JSON", "URL", "base64", "base64 for URLs", "hex"],
)
def test_search_finds_a_secret_however_it_is_written(
    tmp_path: Path, write: Callable[[str], str]
) -> None:
    text = write(f"before {mark('x')} after")
    (tmp_path / "plain").write_text(text)
    (tmp_path / "packed").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "clean").write_text("nothing")

    assert find_in_text(text)
    assert [Path(one.split(" (")[0]).name for one in find_leaks(tmp_path)] == ["packed", "plain"]


def test_syncs_that_succeed_fail_and_are_killed_leave_no_secret(nest: Nest) -> None:
    names = ("tapped", "called")
    with watch_processes() as watch:
        nest.tell("fail")
        failed = nest.run_each("sync", names=names)
        nest.kill_in_extract("tapped")
        # So that this can fail: Meltano's file is there, and the next start removes it.
        left = nest.find_leaks()
        assert any("/run/" in leak for leak in left), left
        bundled = [_bundle(nest, name) for name in names]
        succeeded = nest.run_each("sync", names=names)
        bundled += [_bundle(nest, name) for name in names]

    assert all(failed.values()), nest.printed
    assert set(bundled) == {0}, nest.printed
    assert succeeded == dict.fromkeys(names, 0), nest.printed
    assert nest.find_leaks() == []
    assert watch.leaks == set()
    assert watch.looks > 20


@pytest.mark.full
def test_every_connector_in_every_command_leaves_no_secret(nest: Nest) -> None:
    with watch_processes() as watch:
        nest.tell("fail")
        failed = nest.run_each("sync")
        for name in NAMES:
            nest.kill_in_extract(name)
        killed = nest.run("sync", "called", CONNECTORS_FAULT="before_commit:kill")
        bundled = [_bundle(nest, name) for name in NAMES]
        succeeded = nest.run_each("sync")
        codes = {words: nest.run(*words) for words in LOOKS}

    assert all(failed.values()), nest.printed
    assert killed != 0
    assert set(bundled) == {0}, nest.printed
    assert succeeded == dict.fromkeys(NAMES, 0), nest.printed
    assert codes == dict.fromkeys(LOOKS, 0), nest.printed
    assert nest.find_leaks() == []
    assert watch.leaks == set()


@pytest.mark.full
def test_dagster_leaves_no_secret(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    import dagster as dg

    from connector_assets.assets.build import build_definitions

    for name, value in nest.environment.items():
        monkeypatch.setenv(name, value)
    home = nest.root.with_name("dagster")
    home.mkdir()
    job = build_definitions(load_project(nest.root)).resolve_implicit_global_asset_job_def()
    ends = {}
    with watch_processes() as watch, dg.DagsterInstance.local_temp(str(home)) as instance:
        for word in ("fail", "ok"):
            nest.tell(word)
            ran = job.execute_in_process(instance=instance, raise_on_error=False)
            ends[word] = ran.success

    assert ends == {"fail": False, "ok": True}
    assert nest.find_leaks() == []
    assert watch.leaks == set()


@pytest.mark.full
def test_airflow_leaves_no_secret_and_hands_over_its_connections(
    nest: Nest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in nest.environment.items():
        monkeypatch.setenv(name, value)
    nest.hand_python("airflow-connection:canary")
    project = load_project(nest.root)
    compile_project(project, folder=nest.root / "dags")
    local = Local(dags=nest.root / "dags", port=0, settings=SETTINGS, servers=SERVERS)
    with (
        watch_processes() as watch,
        Ledger.open(f"sqlite:///{nest.root / '.connectors' / 'ledger.db'}") as ledger,
        serve_airflow(project, local=local) as running,
    ):
        world = World(root=nest.root, airflow=running, ledger=ledger)
        given = {"connection_id": "canary", "conn_type": "http", "password": mark("python")}
        running.client.ask("POST", "/connections", given)
        world.wait_until(lambda: set(NAMES) <= set(world.list_dags()), seconds=300)
        ends = {word: _run_dags(world, nest, word) for word in ("fail", "ok")}
        killed = _kill_run_step(world, nest)
        tidied = nest.run("maintain")

    assert tidied == 0, nest.printed
    assert ends == {"fail": {"failed"}, "ok": {"success"}}
    assert killed == "failed"
    assert nest.find_leaks() == []
    assert watch.leaks == set()


def _bundle(nest: Nest, name: str) -> int:
    """Write all that is known of a connector's last sync where it is looked through."""
    number = len(list(nest.root.glob("*.zip")))
    return nest.run("debug", name, "--bundle", str(nest.root / f"{name}-{number}.zip"))


def _run_dags(world: World, nest: Nest, word: str) -> set[str]:
    nest.tell(word)
    runs = {name: world.start(name) for name in NAMES}
    return {world.end(name, run, seconds=600) for name, run in runs.items()}


def _kill_run_step(world: World, nest: Nest) -> str:
    """Kill the command of a run step while its tap is at work; return how the DAG run ended."""
    nest.tell("wait")
    run = world.start("tapped")
    world.wait_until(lambda: nest.is_waiting("tapped"), seconds=300)
    sync = world.sync("tapped", run)
    assert sync
    step = world.find_step("run", sync.sync_id)
    assert step
    step.kill()
    nest.tell("ok")
    return world.end("tapped", run, seconds=600)


SERVERS = ("api-server", "scheduler", "dag-processor")
LOOKS = (
    ("credentials", "check", "--live"),
    ("show", "tapped", "--json"),
    ("status", "--json"),
    ("logs", "called"),
    ("maintain",),
)


def test_mark_is_no_word_of_the_project() -> None:
    root = Path(__file__).parents[2]
    # Environments, those of peers too, are in folders that are hidden.
    files = [
        file
        for file in root.rglob("*.py")
        if not any(part.startswith(".") for part in file.relative_to(root).parts)
    ]

    assert [file.name for file in files if MARK in file.read_text()] == ["search.py"]
