"""The command line as a whole: its help, what it loads, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connector_assets.cli.app import COMMANDS
from tests.cli.conftest import Close, Run

COMMAND = (sys.executable, "-m", "connector_assets.cli")
HEAVY = {"airflow", "alembic", "dagster", "dlt", "duckdb", "meltano", "pyarrow", "pydantic", "rich"}
# Their commands have the options.
GROUPS = ("alerts", "bridge", "import", "ledger", "step", "drift", "lock", "credentials", "state")


def test_help_lists_every_command_with_its_first_sentence(run: Run) -> None:
    shown = run("--help")

    assert shown.code == 0
    listed = [line.split()[0] for line in shown.out.splitlines() if line.startswith("  ")]
    assert [name for name in COMMANDS if name not in listed] == []
    assert "Sync a connector: completely, or not at all." in shown.out


def test_no_command_shows_the_help(run: Run) -> None:
    bare, asked = run(), run("--help")

    assert bare.code == 0
    assert sorted(bare.out.split()) == sorted(asked.out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_with_what_every_command_takes(run: Run, name: str) -> None:
    shown = run(name, "--help")

    assert shown.code == 0
    assert "--json" in shown.out or name in GROUPS
    assert "<bool>" not in shown.out


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import json, sys\n"
        "from connector_assets.cli import main\n"
        "main(['--help'])\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert sorted(HEAVY & set(json.loads(done.stderr))) == []


def test_version_is_the_package_s(run: Run) -> None:
    from connector_assets import __version__

    assert run("--version").out == f"connectors {__version__}\n"


def test_unknown_command_exits_with_2_and_a_near_one(run: Run) -> None:
    ran = run("statsu")

    assert ran.code == 2
    assert "Did you mean 'status'" in ran.err
    assert ran.out == ""


def test_wrong_option_is_json_where_json_is_asked_for(run: Run) -> None:
    ran = run("list", "--josn", "--json")

    assert ran.code == 2
    assert ran.error["type"] == "UsageError"
    assert ran.error["fix"] == "connectors list --help"


def test_no_project_exits_with_3_and_says_what_to_do(run: Run, tmp_path: Path) -> None:
    ran = run("list", "--project", tmp_path)

    assert ran.code == 3
    assert ran.err.splitlines()[0] == "error  there is no connectors.yaml in this folder"
    assert "connectors init" in ran.err


def test_error_is_one_object_on_stdout_with_json(run: Run, tmp_path: Path) -> None:
    ran = run("list", "--project", tmp_path, "--json")

    assert ran.code == 3
    assert ran.error["type"] == "ConfigError"
    assert ran.error["place"] == str(tmp_path)
    assert ran.error["problem"] in ran.err


def test_options_count_before_the_command_too(run: Run, project: Path, tmp_path: Path) -> None:
    os.chdir(tmp_path)

    before = run("--project", project, "--json", "list")

    assert [one["name"] for one in before.json] == ["shop", "stock"]


def test_project_is_found_upwards(run: Run, project: Path) -> None:
    os.chdir(project / "connectors")

    assert run("list").code == 0


def test_unexpected_error_exits_with_1_and_no_traceback(run: Run, project: Path) -> None:
    (project / "schemas").write_text("not a folder")

    ran = run("schema", "--write")

    assert ran.code == 1
    assert "unexpected: FileExistsError" in ran.err
    assert "--debug" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("asked", ["option", "variable"])
def test_debug_shows_the_traceback(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    if asked == "variable":
        monkeypatch.setenv("CONNECTORS_DEBUG", "1")
    words = ("--debug",) if asked == "option" else ()

    ran = run("list", "--project", tmp_path, *words)

    assert ran.code == 3
    assert "Traceback" in ran.err


@pytest.mark.integration
def test_reader_that_stops_gets_no_complaint() -> None:
    command = " ".join((*COMMAND, "schema"))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -c 20"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.returncode in (0, 141)


@pytest.mark.integration
def test_interrupt_exits_quietly_with_130(project: Path, close: Close) -> None:
    close("7f3a01")
    log = project / ".connectors" / "artifacts" / "logs" / "shop" / "7f3a01.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text("first\n")
    command = (*COMMAND, "logs", "--follow", "shop")
    with subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout
        lines = [following.stdout.readline(), following.stdout.readline()]
        time.sleep(0.1)
        following.send_signal(signal.SIGINT)
        try:
            _, err = following.communicate(timeout=20)
        finally:
            # Whatever became of it, it has to end.
            following.kill()

    assert lines[1] == "first\n"
    assert following.returncode == 130
    assert err == ""
