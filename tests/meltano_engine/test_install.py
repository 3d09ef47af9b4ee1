"""Whether an extractor can be started is told from files, by Meltano's rules of inheritance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector_assets.engines import meltano
from connector_assets.engines.meltano_project import load_meltano_project, read_text_for_include
from connector_assets.errors import ConfigError

from .bench import connector


def declare(root: Path, *extractors: dict[str, Any]) -> None:
    content = {"plugins": {"extractors": list(extractors)}}
    (root / "meltano.yml").write_text(yaml.safe_dump(content))


def install(root: Path, folder: str, program: str) -> None:
    programs = root / ".meltano" / "extractors" / folder / "venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", program):
        (programs / name).touch()


def lock(root: Path, name: str, **content: Any) -> None:
    folder = root / "plugins" / "extractors"
    folder.mkdir(parents=True)
    (folder / f"{name}--someone.lock").write_text(json.dumps({"name": name, **content}))


def check(root: Path, source: str) -> None:
    meltano.check(connector(source), project_root=root)


def find_refusal(root: Path, source: str) -> str:
    """Return why an extractor cannot be run; empty where it can."""
    try:
        check(root, source)
    except ConfigError as error:
        return error.problem
    return ""


CUSTOM = {"name": "tap-a", "namespace": "a", "pip_url": "tap-a", "executable": "run-a"}


def test_an_installed_extractor_passes(tmp_path: Path) -> None:
    declare(tmp_path, CUSTOM)
    before = find_refusal(tmp_path, "tap-a")
    install(tmp_path, "tap-a", "run-a")

    assert "'tap-a' is not installed" in before
    assert find_refusal(tmp_path, "tap-a") == ""


def test_an_extractor_that_inherits_shares_the_installation(tmp_path: Path) -> None:
    child = {"name": "tap-b", "inherit_from": "tap-a"}
    same = {"name": "tap-c", "inherit_from": "tap-b", "pip_url": "tap-a"}
    declare(tmp_path, CUSTOM, child, same)
    install(tmp_path, "tap-a", "run-a")

    assert [find_refusal(tmp_path, name) for name in ("tap-b", "tap-c")] == ["", ""]


def test_an_extractor_with_a_pip_url_of_its_own_has_its_own_installation(tmp_path: Path) -> None:
    declare(tmp_path, CUSTOM, {"name": "tap-b", "inherit_from": "tap-a", "pip_url": "tap-a==2"})
    install(tmp_path, "tap-a", "run-a")

    with pytest.raises(ConfigError, match="'tap-b' is not installed") as caught:
        check(tmp_path, "tap-b")

    assert caught.value.connector == "shop"
    assert caught.value.fix == "Run `meltano install extractor tap-b` in the project folder."


def test_a_locked_definition_is_read(tmp_path: Path) -> None:
    declare(tmp_path, {"name": "tap-a", "variant": "someone"})
    lock(tmp_path, "tap-a", namespace="a", pip_url="tap-a", executable="run-a")
    with pytest.raises(ConfigError, match="'tap-a' is not installed"):
        check(tmp_path, "tap-a")

    install(tmp_path, "tap-a", "run-a")
    assert find_refusal(tmp_path, "tap-a") == ""


def test_a_locked_definition_is_inherited_from(tmp_path: Path) -> None:
    declare(tmp_path, {"name": "tap-b", "inherit_from": "tap-a"})
    lock(tmp_path, "tap-a", namespace="a", pip_url="tap-a")
    before = find_refusal(tmp_path, "tap-b")
    install(tmp_path, "tap-a", "tap-a")

    assert "is not installed" in before
    assert find_refusal(tmp_path, "tap-b") == ""


def test_an_installation_without_the_executable_is_refused(tmp_path: Path) -> None:
    declare(tmp_path, CUSTOM)
    install(tmp_path, "tap-a", "tap-a")

    with pytest.raises(ConfigError, match="'tap-a' has no executable 'run-a'"):
        check(tmp_path, "tap-a")


def test_a_folder_without_a_meltano_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no meltano\.yml"):
        check(tmp_path, "tap-a")


def test_a_project_file_that_is_not_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_text("plugins:\n  a: b: c\n")

    with pytest.raises(ConfigError, match="not YAML") as caught:
        check(tmp_path, "tap-a")

    assert caught.value.place == "meltano.yml:2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nschedules:\nb: 2\n", "a: 1\n\nb: 2\n"),
        ("include_paths:\n- x\n- y\nb: 2\n", "\n\n\nb: 2\n"),
        ("include_paths: [x,\n  y]\nb: 2\n", "\n\nb: 2\n"),
        ("b: &x [1]\nc: *x\n", "b: &x [1]\nc: *x\n"),
        ("", ""),
    ],
)
def test_an_included_copy_lacks_what_only_the_main_file_may_have(
    tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "x.yml").write_text(text)

    assert read_text_for_include(tmp_path / "x.yml") == expected


def test_a_project_has_the_extractors_of_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_text("include_paths: ['parts/*.yml', 'meltano.yml']\n")
    (tmp_path / "parts").mkdir()
    declare(tmp_path / "parts", CUSTOM)
    (tmp_path / "parts" / "empty.yml").write_text("plugins:\n")

    project = load_meltano_project(tmp_path)

    assert list(project.extractors) == ["tap-a"]
    assert [file.name for file in project.files] == ["meltano.yml", "empty.yml", "meltano.yml"]
