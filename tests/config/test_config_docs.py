"""The pages of the files and errors are fresh and whole, and their examples load."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from connector_assets import errors
from connector_assets.config import ConnectorFile, ProjectFile
from connector_assets.config_errors import valid_keys
from connector_assets.config_schema import Kind, build_schema
from connector_assets.errors import ConnectorError
from connector_assets.model import DriftKind
from connector_assets.yaml_marks import parse_document

from .folder import ProjectFolder

jsonschema: Any = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONNECTOR, PROJECT = "connector-file.md", "project-file.md"
BLOCKS: dict[str, list[tuple[str, ...]]] = {
    CONNECTOR: [(), ("schedule",), ("defaults",), ("streams", "x"), ("retries",), ("alerts",)],
    PROJECT: [
        (),
        ("environments", "x"),
        ("destinations", "x"),
        ("defaults",),
        ("alerts",),
        ("alerts", "rules", "x"),
        ("heartbeat",),
    ],
}


def examples(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def error_classes() -> Iterator[type[ConnectorError]]:
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, ConnectorError):
            yield kind


@pytest.mark.integration
def test_pages_are_fresh() -> None:
    command = [sys.executable, "scripts/make_config_docs.py", "--check"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "docs of the files: fresh\n"), done.stderr


@pytest.mark.parametrize(
    ("page", "model"),
    [(CONNECTOR, ConnectorFile), (PROJECT, ProjectFile)],
    ids=[CONNECTOR, PROJECT],
)
def test_every_key_is_in_its_page(page: str, model: type[BaseModel]) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")

    keys = {key for path in BLOCKS[page] for key in valid_keys(model, path)}

    assert len(keys) > 15
    assert {key for key in keys if f"| `{key}` |" not in text} == set()


def test_every_kind_of_drift_is_in_the_page() -> None:
    text = (DOCS / CONNECTOR).read_text(encoding="utf-8")

    assert [kind for kind in DriftKind if f"| `{kind}` |" not in text] == []


@pytest.mark.parametrize("at", range(len(examples(PROJECT))))
def test_example_of_connectors_yaml_loads(folder: ProjectFolder, at: int) -> None:
    text = examples(PROJECT)[at]
    folder.write("connectors.yaml", text)

    assert [folder.load(name).environment for name in folder.load().environments]
    jsonschema.validate(parse_document(text, label="x").values, build_schema(Kind.PROJECT))


def test_examples_of_connector_files_load_together(folder: ProjectFolder) -> None:
    folder.write("connectors.yaml", examples(PROJECT)[0])
    for at, text in enumerate(examples(CONNECTOR)):
        folder.write(f"connectors/{at}.yaml", text)

    projects = [folder.load(name) for name in folder.load().environments]

    assert [len(project.connectors) for project in projects] == [len(examples(CONNECTOR))] * 3


@pytest.mark.parametrize("at", range(len(examples(CONNECTOR))))
def test_example_of_a_connector_file_fits_the_schema_of_editors(at: int) -> None:
    values = parse_document(examples(CONNECTOR)[at], label="x").values

    errors = jsonschema.Draft202012Validator(build_schema(Kind.CONNECTOR)).iter_errors(values)
    assert [error.message for error in errors] == []


@pytest.mark.parametrize("kind", tuple(error_classes()), ids=lambda kind: kind.__name__)
def test_error_is_in_its_page_with_exit_code_and_class(kind: type[ConnectorError]) -> None:
    text = (DOCS / "errors.md").read_text(encoding="utf-8")

    row = f"| `{kind.__name__}` | {kind.exit_code} | `{kind.failure_class}` |"

    assert text.count(row) == 1
