"""What keeps the web server and the daemon from starting is said, not waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector_assets.assets.servers import serve
from connector_assets.errors import ConfigError, EngineFailed
from connector_assets.project import load_project
from tests.assets.conftest import write_project

pytestmark = pytest.mark.integration


def test_settings_that_break_a_rule_are_named_before_anything_starts(tmp_path: Path) -> None:
    write_project(tmp_path)
    settings = tmp_path / ".connectors" / "dagster" / "dagster.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text("telemetry: {enabled: perhaps}\n")

    with (
        pytest.raises(EngineFailed, match="perhaps") as caught,
        serve(load_project(tmp_path, tolerate=True), port=0),
    ):
        pass

    assert str(settings) in str(caught.value)
    assert not settings.with_name("dagster-webserver.log").exists()


def test_definitions_that_do_not_load_end_the_start(tmp_path: Path) -> None:
    write_project(tmp_path)
    project = load_project(tmp_path, tolerate=True)
    (tmp_path / "connectors.yaml").write_text("version: 1\nno_such_key: 1\n")

    with (
        pytest.raises(EngineFailed, match=r"could not load the definitions(.|\n)*no_such_key"),
        serve(project, port=0),
    ):
        pass


def test_port_that_is_taken_is_named(tmp_path: Path) -> None:
    write_project(tmp_path)
    project = load_project(tmp_path, tolerate=True)

    with (
        serve(project, port=0) as running,
        pytest.raises(ConfigError, match="taken"),
        serve(project, port=int(running.url.rpartition(":")[2])),
    ):
        pass
