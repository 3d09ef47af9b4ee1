"""Files and functions that do not fit together: told by place and next step, never run."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from connector_assets.assets.dlt_assets import ConnectorDltResource
from connector_assets.errors import ConfigError
from connector_assets.ledger.store import Ledger
from connector_assets.model import Verdict
from tests.assets.hand_written.conftest import Load, Run
from tests.assets.hand_written.project import command, edit

pytestmark = [
    pytest.mark.integration,
    # Dagster's own, of every resource that is a class.
    pytest.mark.filterwarnings("ignore:The `__fields__` attribute:DeprecationWarning"),
]
OTHER = """\
import dlt
from dagster_dlt import dlt_assets
from github_source import github


@dlt_assets(dlt_source=github("a"), dlt_pipeline=dlt.pipeline("other"), name="other")
def other(context):
    yield
"""


def test_broken_file_is_told_and_takes_nothing_else_down(root: Path, load: Load, run: Run) -> None:
    edit(root / "connectors" / "github.yaml", "write: replace", "write: wrong")

    graph = load("definitions").defs.get_repository_def().asset_graph
    shown = graph.get(dg.AssetKey(["github", "issues"]))
    result = run("github/issues")

    assert shown.kinds == {"broken"}
    assert "connectors/github.yaml:8" in shown.description
    assert not result.success
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert "connectors/github.yaml:8" in str(failed.step_failure_data.error)


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        (
            "connectors/github.yaml",
            ("name: github", "name: gitlab"),
            ("no connector 'github'", "gitlab"),
        ),
        (
            "connectors/github.yaml",
            ("dlt_assets:github_assets:", "python:github_source:"),
            ("not what is written by hand", "source: dlt_assets:"),
        ),
        (
            "connectors/github.yaml",
            ("  issues:", "  tickets:"),
            ("no stream 'issues'", "`streams:`"),
        ),
        (
            "github_assets.py",
            ('"github")', '"github", destination="duckdb", dataset_name="github")'),
            ("the pipeline loads into duckdb.github", "Leave `destination=`"),
        ),
        (
            "github_assets.py",
            ('"github")', '"github", dataset_name="other")'),
            ("the pipeline loads into other", "dlt remembers them"),
        ),
    ],
    ids=["connector", "source", "stream", "destination", "dataset"],
)
def test_file_and_function_that_differ_are_refused_at_load(
    root: Path, load: Load, file: str, change: tuple[str, str], told: tuple[str, str]
) -> None:
    edit(root / file, *change)

    with pytest.raises(ConfigError) as caught:
        load("github_assets")

    assert told[0] in caught.value.problem
    assert told[1] in caught.value.fix


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            ("(context=context)", '(context=context, write_disposition="append")'),
            "cannot hand write_disposition to the engine",
        ),
        (("ConnectorDltTranslator(Path(__file__).parent)", "None"), "which connector this is"),
        (
            (
                'name="github",',
                'name="github", partitions_def=dg.StaticPartitionsDefinition(["a"]),',
            ),
            "knows no partitions",
        ),
    ],
    ids=["arguments", "translator", "partitions"],
)
def test_run_that_cannot_mean_what_it_says_is_refused(
    root: Path, load: Load, ledger: Ledger, change: tuple[str, str], problem: str
) -> None:
    edit(root / "github_assets.py", *change)

    result = dg.materialize(
        [load("github_assets").github_assets],
        resources={"dlt": ConnectorDltResource()},
        partition_key="a" if "partitions" in problem else None,
        raise_on_error=False,
    )

    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert problem in str(failed.step_failure_data.error)
    assert ledger.history.recent(environment="dev") == []


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("github_assets:nothing", "cannot be imported"),
        ("github_source:github", "is no function with `@dlt_assets`"),
        ("other_assets:other", "has the pipeline 'other', which is another connector"),
    ],
)
def test_file_that_names_another_function_fails_the_sync(
    root: Path, ledger: Ledger, target: str, problem: str
) -> None:
    (root / "other_assets.py").write_text(OTHER)
    edit(root / "connectors" / "github.yaml", "github_assets:github_assets", target)

    done = command(root, "sync", "github")

    assert done.returncode == ConfigError.exit_code
    (sync,) = ledger.history.recent(environment="dev")
    assert (sync.verdict, sync.result["error"]["type"]) == (Verdict.FAILED, "ConfigError")
    assert problem in sync.cause
