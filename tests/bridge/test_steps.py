"""The command of a step, its environment, and what its end says of trying again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from airflow_bridge.group import Place
from airflow_bridge.steps import StepCall, StepFailed, build_argv, build_environment, run_step
from tests.bridge.sample import vary

WORDS = ("finalize", "--sync-id", "7f3a")


def call(place: Place, *, root: Path = Path("/srv/shop")) -> StepCall:
    return StepCall(group=vary(place=place), root=root, words=WORDS, tell=lambda _line: None)


@pytest.mark.parametrize(
    ("place", "interpreter"),
    [
        pytest.param(Place(), sys.executable, id="local"),
        pytest.param(
            Place(kind="python", interpreter="/opt/bin/python"), "/opt/bin/python", id="python"
        ),
    ],
)
def test_command_is_that_of_the_place(place: Place, interpreter: str) -> None:
    assert build_argv(call(place)) == (
        *(interpreter, "-m", "connector_assets.cli", "step"),
        *WORDS,
        *("--project", "/srv/shop", "--env", "prod"),
    )


def test_environment_is_the_tasks_without_airflows_own() -> None:
    given = {
        "PATH": "/bin",
        "SHOP_TOKEN": "s3cret",
        "AIRFLOW_HOME": "/srv/airflow",
        "AIRFLOW_CONN_SHOP": "json",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://airflow:pw@db/airflow",
        "AIRFLOW__API_AUTH__JWT_SECRET": "key",
        "AIRFLOW_CTX_DAG_ID": "shop",
        "_AIRFLOW_PROCESS_CONTEXT": "client",
        "CONNECTORS_ENV": "dev",
    }

    found = build_environment(given, environment="prod")

    assert found == {
        "PATH": "/bin",
        "SHOP_TOKEN": "s3cret",
        "AIRFLOW_HOME": "/srv/airflow",
        "AIRFLOW_CONN_SHOP": "json",
        "CONNECTORS_ENV": "prod",
        "NO_COLOR": "1",
    }
    assert given["CONNECTORS_ENV"] == "dev"


def interpreter(folder: Path, body: str) -> Place:
    """A place whose interpreter is a program that does what ``body`` says."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return Place(kind="python", interpreter=str(file))


@pytest.mark.integration
def test_step_answers_with_its_last_object_and_tells_its_log(tmp_path: Path) -> None:
    place = interpreter(
        tmp_path, "echo '{\"no\": 1}'; echo loading; pwd; echo '{\"sync_id\": \"7f3a\"}'; echo '{'"
    )
    told: list[str] = []
    asked = StepCall(group=vary(place=place), root=tmp_path, words=WORDS, tell=told.append)

    answer = run_step(asked)

    assert answer == {"sync_id": "7f3a"}
    assert [line.strip() for line in told] == ["loading", str(tmp_path)]


@pytest.mark.integration
def test_step_gets_the_connections_and_nobody_else_sees_them(tmp_path: Path) -> None:
    place = interpreter(tmp_path, 'echo "{\\"sync_id\\": \\"$AIRFLOW_CONN_SHOP\\"}"')
    given = {"AIRFLOW_CONN_SHOP": "hunter2"}
    asked = StepCall(
        group=vary(place=place, connections=("shop",)),
        root=tmp_path,
        words=WORDS,
        tell=lambda _line: None,
        connections=given,
    )

    assert run_step(asked) == {"sync_id": "hunter2"}
    assert "hunter2" not in repr(asked)
    assert "AIRFLOW_CONN_SHOP" not in os.environ


@pytest.mark.integration
@pytest.mark.parametrize(
    ("body", "transient", "says"),
    [
        pytest.param("echo gone; exit 7", True, "exit code 7; its last", id="transient"),
        pytest.param("echo odd; exit 9", False, "exit code 9", id="fatal"),
        pytest.param("exit 1", False, "exit code 1; it wrote nothing", id="error"),
        pytest.param("kill -9 $$", True, "was ended by signal 9", id="killed"),
        pytest.param(
            'echo \'{"verdict": "failed", "cause": "a 503"}\'; exit 7',
            False,
            "FAILED: a 503",
            id="verdict",
        ),
        pytest.param(
            'echo \'{"verdict": "unknown", "cause": "no evidence"}\'; exit 9',
            True,
            "UNKNOWN: no evidence",
            id="unknown",
        ),
    ],
)
def test_failure_says_whether_trying_again_can_help(
    tmp_path: Path, body: str, transient: bool, says: str
) -> None:
    with pytest.raises(StepFailed) as failed:
        run_step(call(interpreter(tmp_path, body), root=tmp_path))

    assert failed.value.transient is transient
    assert says in str(failed.value)
