"""Each way in which a tap, its installation or Meltano fails: the class of error, and its words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from connector_assets.engines.meltano_overlay import open_overlay
from connector_assets.errors import (
    BadRecord,
    ConfigError,
    ConnectorError,
    CredentialError,
    EngineFailed,
    TransientSyncError,
)

from .bench import Bench, connector, stream

pytestmark = pytest.mark.integration


def fail(bench: Bench, source: str, **config: Any) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        bench.stage(connector(source, config=config))
    assert caught.value.connector == "shop"
    return caught.value


def declare(root: Path, **plugin: Any) -> None:
    """Add an extractor to meltano.yml."""
    file = root / "meltano.yml"
    content = yaml.safe_load(file.read_text())
    content["plugins"]["extractors"].append(plugin)
    file.write_text(yaml.safe_dump(content))


def test_a_tap_that_dies_half_way_is_named_with_its_exit_code_and_last_lines(bench: Bench) -> None:
    error = fail(bench, "tap-dies-half-way")

    assert type(error) is EngineFailed
    assert "tap-dies-half-way ended with exit code 3" in error.problem
    assert error.problem.endswith("KeyError: 'next_page'")


@pytest.mark.parametrize(
    ("source", "config", "place"),
    [
        pytest.param("tap-prints-garbage", {}, "line 3", id="garbage"),
        pytest.param("tap-record-before-schema", {}, "line 1", id="record before schema"),
        pytest.param("tap-bad-state", {"kind": "cut"}, "line 3", id="state is not JSON"),
        pytest.param("tap-bad-state", {"kind": "none"}, "line 3", id="state without a value"),
    ],
)
def test_messages_that_cannot_be_staged_are_bad_records(
    bench: Bench, source: str, config: dict[str, Any], place: str
) -> None:
    error = fail(bench, source, **config)

    assert type(error) is BadRecord
    assert error.place == f"{source}, {place} of its output"


@pytest.mark.parametrize("in_discovery", [True, False])
def test_refused_credentials_are_a_credential_error(bench: Bench, in_discovery: bool) -> None:
    error = fail(bench, "tap-refuses-credentials", in_discovery=in_discovery)

    assert type(error) is CredentialError
    assert "401 Client Error" in error.problem
    assert "tap-refuses-credentials" in error.problem


def test_a_source_that_does_not_answer_is_transient_until_it_does(
    bench: Bench, tmp_path: Path
) -> None:
    answers = tmp_path / "answers"
    error = fail(bench, "tap-flaky", until=str(answers))
    assert type(error) is TransientSyncError
    assert "503 Server Error" in error.problem

    answers.touch()
    manifest = bench.stage(connector("tap-flaky", config={"until": str(answers)}))
    assert manifest["streams"]["orders"]["staged"] == 10


def test_a_tap_that_sends_another_stream_is_told_from_one_that_is_asked(bench: Bench) -> None:
    # Without capabilities Meltano gives it no catalog, and so no selection.
    declare(
        bench.root,
        name="tap-deaf",
        namespace="tap_deaf",
        executable="./taps/tap-dies-half-way",
        capabilities=[],
    )
    with pytest.raises(ConfigError, match="sent stream 'orders'") as caught:
        bench.stage(connector("tap-deaf", stream("customers"), config={"rows": 200_000}))

    assert caught.value.stream == "orders"


def test_a_connector_whose_overlay_is_in_use_is_not_run_twice(bench: Bench) -> None:
    overlay = bench.prepare(connector("tap-well-behaved")).overlay

    with (
        open_overlay(overlay, wait=1),
        pytest.raises(TransientSyncError, match="another process is running Meltano"),
        open_overlay(overlay, wait=0.1),
    ):
        pytest.fail("two have one overlay")


@pytest.mark.parametrize(
    ("plugin", "problem", "fix"),
    [
        pytest.param(
            {"pip_url": "tap-x==1", "namespace": "x"},
            "'tap-x' is not installed",
            "meltano install extractor tap-x",
            id="not installed",
        ),
        pytest.param(
            {"inherit_from": "tap-missing"},
            "no definition of tap-x",
            "meltano lock",
            id="not locked",
        ),
        pytest.param(
            {"executable": "./taps/nope", "namespace": "x"},
            "'./taps/nope' of tap-x is not there",
            "Correct its `executable`",
            id="no executable",
        ),
        pytest.param(
            {"executable": "tap-nowhere", "namespace": "x"},
            "'tap-nowhere' of tap-x is not there",
            "Correct its `executable`",
            id="not on the path",
        ),
        pytest.param(
            {"executable": "./taps/stale", "namespace": "x"},
            "'./taps/stale' of tap-x could not be found",
            "meltano install extractor tap-x",
            id="interpreter gone",
        ),
    ],
)
def test_a_plugin_that_cannot_be_started_is_a_config_error(
    bench: Bench, plugin: dict[str, Any], problem: str, fix: str
) -> None:
    stale = bench.root / "taps" / "stale"
    stale.write_text("#!/no/such/python\n")
    stale.chmod(0o755)
    declare(bench.root, name="tap-x", **plugin)

    error = fail(bench, "tap-x")

    assert type(error) is ConfigError
    assert problem in error.problem
    assert fix in error.fix
    assert error.place == "meltano.yml"


def test_an_extractor_not_declared_is_refused_with_those_that_are(bench: Bench) -> None:
    error = fail(bench, "tap-flakky")

    assert type(error) is ConfigError
    assert error.place == "connectors/shop.yaml"
    assert error.fix.startswith("Did you mean 'tap-flaky'?")


def test_a_cursor_without_the_capability_for_states_is_refused(bench: Bench) -> None:
    executable = "./taps/tap-well-behaved"
    declare(bench.root, name="tap-x", namespace="tap_x", executable=executable)
    declared = connector("tap-x", stream("orders", cursor="id"))

    with pytest.raises(ConfigError, match="does not have the capability `state`"):
        bench.stage(declared)


def test_a_state_that_meltano_keeps_from_the_tap_is_an_error(bench: Bench) -> None:
    executable = "./taps/tap-well-behaved"
    capabilities = ["catalog", "discover"]
    declare(
        bench.root,
        name="tap-x",
        namespace="tap_x",
        executable=executable,
        capabilities=capabilities,
    )
    state = bench.write_state({"bookmarks": {"orders": {"id": 7}}})

    with pytest.raises(ConfigError, match="did not hand over the state"):
        bench.stage(connector("tap-x"), state=state)


def test_a_project_that_meltano_cannot_read_says_why(bench: Bench) -> None:
    declare(bench.root, name="tap-x", namespace="x", executable="./taps/tap-flaky", settings=[5])

    error = fail(bench, "tap-x")

    assert type(error) is EngineFailed
    assert "meltano ended with exit code" in error.problem
    assert "DeprecationWarning" not in error.problem
