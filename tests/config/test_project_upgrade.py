"""A project's files are brought up all or none, by steps that leave everything else as it is."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connector_assets.config import VERSION
from connector_assets.errors import ConfigError
from connector_assets.project_file import check_version
from connector_assets.project_upgrade import STEPS, StepEdit, apply_upgrade, plan_upgrade
from connector_assets.yaml_edit import Edit
from connector_assets.yaml_marks import load_document

PROJECT = """\
# The shop's.
version: 1   # of the files
project_id: shop   # never changed
house: here
"""
SHOP = """\
name: shop   # as it was
origin: rest_api
"""
Values = Mapping[str, Mapping[str, Any]]


def rename_origin(files: Values) -> Iterator[StepEdit]:
    """Call `origin` `source`, as a version 2 could."""
    for file, values in files.items():
        if "origin" in values:
            renamed = {"source" if key == "origin" else key: one for key, one in values.items()}
            yield StepEdit(
                file=file, edits=(Edit(path=("origin",), name="source"),), values=renamed
            )


def drop_house(files: Values) -> Iterator[StepEdit]:
    """Take `house` out of connectors.yaml, as a version 3 could."""
    values = dict(files["connectors.yaml"])
    if values.pop("house", None):
        edit = Edit(path=("house",), remove=True)
        yield StepEdit(file="connectors.yaml", edits=(edit,), values=values)


TO_THREE: dict[str, Any] = {"steps": {1: rename_origin, 2: drop_house}, "version": 3}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors.yaml").write_text(PROJECT)
    (tmp_path / "connectors" / "shop.yaml").write_text(SHOP)
    (tmp_path / "connectors" / "stock.yaml").write_text("name: stock\nsource: tap\n")
    return tmp_path


def read(root: Path) -> dict[str, str]:
    files = [root / "connectors.yaml", *sorted((root / "connectors").glob("*"))]
    return {file.name: file.read_text() for file in files}


def test_every_version_before_this_one_has_a_step() -> None:
    assert sorted(STEPS) == list(range(1, VERSION))


def test_project_of_this_version_is_left_alone(root: Path) -> None:
    plan = plan_upgrade(root)

    assert (plan.found, plan.known, plan.files) == (VERSION, VERSION, ())


def test_steps_run_one_after_the_other_and_comments_stay(root: Path) -> None:
    before = read(root)
    plan = plan_upgrade(root, **TO_THREE)
    assert read(root) == before
    assert [str(one.file) for one in plan.files] == ["connectors/shop.yaml", "connectors.yaml"]

    apply_upgrade(plan, root=root)

    assert read(root) == {
        "connectors.yaml": "# The shop's.\nversion: 3   # of the files\n"
        "project_id: shop   # never changed\n",
        "shop.yaml": "name: shop   # as it was\nsource: rest_api\n",
        "stock.yaml": before["stock.yaml"],
    }
    assert plan_upgrade(root, **TO_THREE).files == ()


def test_upgrade_that_was_killed_half_way_begins_again(root: Path) -> None:
    plan = plan_upgrade(root, **TO_THREE)
    (root / "connectors" / "shop.yaml").write_text(plan.files[0].after)

    again = plan_upgrade(root, **TO_THREE)
    apply_upgrade(again, root=root)

    assert [str(one.file) for one in again.files] == ["connectors.yaml"]
    assert plan_upgrade(root, **TO_THREE).found == 3


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("# The shop's.\nproject_id: shop\n", "# The shop's.\nversion: 1\nproject_id: shop\n"),
        ("---\nproject_id: shop", "---\nversion: 1\nproject_id: shop"),
        ("project_id: shop\r\n", "version: 1\r\nproject_id: shop\r\n"),
        ("project_id: shop\nversion:\n", "project_id: shop\nversion: 1\n"),
        ("project_id: shop\nversion: null # ?\n", "project_id: shop\nversion: 1 # ?\n"),
    ],
)
def test_file_that_says_no_version_gets_the_first_one(root: Path, text: str, after: str) -> None:
    file = root / "connectors.yaml"
    file.write_bytes(text.encode())

    plan = plan_upgrade(root)
    apply_upgrade(plan, root=root)

    assert plan.found is None
    assert file.read_bytes().decode() == after


@pytest.mark.parametrize(("version", "problem"), [("9", "has version 9"), ("one", "cannot be")])
def test_newer_version_or_none_at_all_is_refused(root: Path, version: str, problem: str) -> None:
    (root / "connectors.yaml").write_text(f"project_id: shop\nversion: {version}\n")

    with pytest.raises(ConfigError, match=problem) as caught:
        plan_upgrade(root)

    assert caught.value.place == "connectors.yaml:2"


def test_project_of_an_older_version_is_refused_with_the_way_up(root: Path) -> None:
    document = load_document(root / "connectors.yaml", label="connectors.yaml")

    with pytest.raises(ConfigError, match="has version 1; this installation needs 3") as caught:
        check_version(document, known=3)

    assert caught.value.fix == "Bring it up: connectors upgrade --apply"


def test_nothing_is_written_where_a_file_was_changed_meanwhile(root: Path) -> None:
    plan = plan_upgrade(root, **TO_THREE)
    (root / "connectors.yaml").write_text(PROJECT + "ledger: x\n")
    before = read(root)

    with pytest.raises(ConfigError, match="changed meanwhile"):
        apply_upgrade(plan, root=root)

    assert read(root) == before


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Let no file of this process become larger than so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_files_before_one_that_cannot_be_written_are_as_they_were(root: Path) -> None:
    (root / "connectors.yaml").write_text(PROJECT + "# " + "x" * 5000 + "\n")
    before, plan = read(root), plan_upgrade(root, **TO_THREE)

    with at_most(1000), pytest.raises(ConfigError, match="cannot be written"):
        apply_upgrade(plan, root=root)

    assert read(root) == before
