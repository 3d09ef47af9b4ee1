"""Meltano's maintenance commands as jobs, run by Dagster on a real Meltano project."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from connector_assets.assets.build import build_definitions
from connector_assets.assets.meltano_jobs import INSTALL, STATE_LIST, TEST
from connector_assets.project import load_project

pytestmark = pytest.mark.integration

PROJECT = """\
version: 1
project_id: shop
destinations: {file: {type: duckdb, path: data/file.duckdb}}
defaults: {owner: team}
"""
CONNECTOR = """\
name: NAME
engine: meltano
source: tap-NAME
config: {note: "${token}"}
secrets: {token: "env:SHOP_TOKEN"}
destination: file.NAME
streams: {orders: {write: merge}}
"""
SECRET = "s3cret-token"
MELTANO = Path(sys.executable).with_name("meltano")


@dataclass(frozen=True)
class Ended:
    """A run that has ended: its result, and the lines that its log has got from commands."""

    result: dg.ExecuteInProcessResult
    lines: list[str]
    everything: str

    @property
    def failure(self) -> Any:
        """What the failed step says: its description and metadata."""
        (event,) = [one for one in self.result.all_node_events if one.is_step_failure]
        return event.step_failure_data.user_failure_data


Run = Callable[[str], Ended]


@pytest.fixture
def root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declare_taps: Callable[[Path], None]
) -> Path:
    """A project with a connector that reads by a tap."""
    declare_taps(tmp_path)
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors.yaml").write_text(PROJECT)
    add(tmp_path, "well-behaved")
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    return tmp_path


def add(root: Path, tap: str) -> None:
    """Add a connector that reads by one of the taps of tests/taps."""
    name = tap.replace("-", "_")
    text = CONNECTOR.replace("tap-NAME", f"tap-{tap}").replace("NAME", name)
    (root / "connectors" / f"{name}.yaml").write_text(text)


def declare(root: Path, **extractor: Any) -> None:
    """Let an extractor be the only one of meltano.yml."""
    content = {"environments": [{"name": "dev"}], "plugins": {"extractors": [extractor]}}
    (root / "meltano.yml").write_text(yaml.safe_dump(content))


def write_wheel(folder: Path) -> Path:
    """Write a package that installs without an index: one command, nothing that it needs."""
    info = "tap_tiny-1.0.dist-info"
    files = {
        "tap_tiny.py": "def main():\n    print('tiny')\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tap-tiny\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ntap-tiny = tap_tiny:main\n",
    }
    wheel = folder / "tap_tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        listed = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
        archive.writestr(f"{info}/RECORD", listed)
    return wheel


@pytest.fixture
def run(root: Path) -> Run:
    """A function that runs a job as the project's files are now."""

    def execute(job: str) -> Ended:
        definitions = build_definitions(load_project(root, tolerate=True))
        with dg.DagsterInstance.ephemeral() as instance:
            result = definitions.resolve_job_def(job).execute_in_process(
                raise_on_error=False, instance=instance
            )
            entries = instance.all_logs(result.run_id)
        lines = [one.user_message for one in entries if not one.is_dagster_event]
        return Ended(result, lines, "\n".join(map(str, entries)))

    return execute


def jobs_of(root: Path) -> set[str]:
    found = build_definitions(load_project(root, tolerate=True)).resolve_all_job_defs()
    return {job.name for job in found if not job.name.startswith("__")}


def test_the_jobs_are_there_where_taps_are(root: Path) -> None:
    with_taps = jobs_of(root)
    (root / "connectors" / "well_behaved.yaml").unlink()

    assert with_taps == {INSTALL, TEST, STATE_LIST}
    assert jobs_of(root) == set()


def test_the_taps_are_tested_with_the_settings_of_their_connectors(root: Path, run: Run) -> None:
    add(root, "refuses-credentials")

    ended = run(TEST)

    steps = {one.step_key: one.event_type_value for one in ended.result.all_node_events}
    assert not ended.result.success
    assert steps[f"{TEST}_well_behaved"] == "STEP_SUCCESS"
    assert steps[f"{TEST}_refuses_credentials"] == "STEP_FAILURE"
    assert any("Plugin configuration is valid" in line for line in ended.lines)
    log = root / ".connectors" / "meltano-commands" / "config-test-tap-refuses-credentials.log"
    assert ended.failure.metadata["place"].value == str(log)
    assert "ended with exit code 1; its last lines:" in ended.failure.description
    assert "Plugin configuration is invalid" in log.read_text()
    assert not any((root / ".connectors" / "meltano").glob("*/.meltano/run"))


def test_a_missing_secret_fails_the_test_and_names_its_variable(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_TOKEN")

    assert "env:SHOP_TOKEN" in run(TEST).failure.description


def test_plugins_are_installed_into_the_project(root: Path, run: Run) -> None:
    wheel = write_wheel(root)
    declare(root, name="tap-tiny", namespace="tiny", pip_url=str(wheel), executable="tap-tiny")
    before = (root / "meltano.yml").read_bytes()

    ended = run(INSTALL)

    program = root / ".meltano" / "extractors" / "tap-tiny" / "venv" / "bin" / "tap-tiny"
    assert ended.result.success, ended.everything
    assert subprocess.check_output([program], text=True) == "tiny\n"
    assert any("tap-tiny" in line for line in ended.lines)
    assert (root / "meltano.yml").read_bytes() == before


def test_a_failed_installation_fails_the_run_without_a_secret(root: Path, run: Run) -> None:
    missing = f"{root}/not-there-{SECRET}-1.0-py3-none-any.whl"
    declare(root, name="tap-tiny", namespace="tiny", pip_url=missing, executable="tap-tiny")

    ended = run(INSTALL)

    log = root / ".connectors" / "meltano-commands" / "install.log"
    assert not ended.result.success
    assert "not-there-***" in ended.failure.description
    assert SECRET not in ended.everything + log.read_text()


def test_the_states_of_meltanos_own_runs_are_listed(root: Path, run: Run) -> None:
    state = '{"singer_state": {"bookmarks": {"orders": {"id": 7}}}}'
    words = ("state", "set", "--force", "dev:tap-shop-to-target-x", state)
    subprocess.run([MELTANO, *words], cwd=root, check=True, capture_output=True)

    ended = run(STATE_LIST)

    assert ended.result.success, ended.everything
    assert "dev:tap-shop-to-target-x" in ended.lines


# Importing Dagster asks `file` about Python.
LOAD = """
import dagster, sys
seen = []
sys.addaudithook(lambda event, _: seen.append(event))
from pathlib import Path
from connector_assets.assets.build import build_definitions
from connector_assets.project import load_project
jobs = build_definitions(load_project(Path(sys.argv[1]), tolerate=True)).resolve_all_job_defs()
print([job.name for job in jobs if "meltano" in job.name])
print({"subprocess.Popen", "socket.connect"} & set(seen), {"meltano", "dlt"} & set(sys.modules))
"""
HIDE = """
import importlib.machinery, sys
class Others:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "dagster_meltano":
            return importlib.machinery.PathFinder.find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Others
"""
ASK = """
try:
    import connector_assets.assets.meltano_jobs
except Exception as error:
    print(type(error).__name__, error.fix)
"""


def run_python(code: str, root: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_loading_runs_nothing_and_imports_neither_meltano_nor_dlt(root: Path) -> None:
    shown = run_python(LOAD, root)

    assert shown == f"{[INSTALL, STATE_LIST, TEST]}\nset() set()\n"


def test_without_the_extra_there_are_no_jobs_and_the_module_says_what_is_missing(
    root: Path,
) -> None:
    shown = run_python(HIDE + LOAD + ASK, root)

    first, _, last = shown.splitlines()
    assert first == "[]"
    assert last.startswith("ConfigError It is the extra `import-meltano`: pip install --no-deps")
