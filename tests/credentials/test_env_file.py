"""The project's ``.env``: read behind the environment, and changed without touching the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector_assets.credentials.commands import MissingError
from connector_assets.credentials.env_file import read_variables, replace_value
from connector_assets.credentials.sources import resolve_secrets, resolve_text
from connector_assets.errors import CredentialError

TEXT = """\
# theirs
export TOKEN='a b'  # by hand
EMPTY=
\tINDENTED = "x\\ny"

LAST=${TOKEN}"""


def resolve(source: str, root: Path) -> str:
    return resolve_secrets({"token": source}, of="connector shop", root=root)["token"]


def test_variable_is_found_in_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(TEXT)

    assert resolve("env:TOKEN", tmp_path) == "a b"
    assert resolve("env:INDENTED", tmp_path) == "x\ny"
    # As it stands: a secret may look like a reference.
    assert resolve("env:LAST", tmp_path) == "${TOKEN}"
    assert resolve_text("env:LAST", of="ledger", root=tmp_path) == "${TOKEN}"


def test_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("TOKEN=file\n")
    monkeypatch.setenv("TOKEN", "process")

    assert resolve("env:TOKEN", tmp_path) == "process"


@pytest.mark.parametrize("value", ["EMPTY", "MISSING"])
def test_variable_without_a_value_is_missed(tmp_path: Path, value: str) -> None:
    (tmp_path / ".env").write_text(TEXT)

    with pytest.raises(CredentialError):
        resolve(f"env:{value}", tmp_path)


def make_pipe(file: Path) -> None:
    os.mkfifo(file)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, ".env is not a file"),
        (make_pipe, ".env is not a file"),
        (lambda file: file.write_bytes(b"TOKEN=hunter2\xff"), ".env is not text in UTF-8"),
        (lambda file: file.write_bytes(b"T=hunter2\n" * 200_000), ".env is too large"),
    ],
    ids=["folder", "pipe", "Latin-1", "huge"],
)
def test_file_that_cannot_be_read_is_refused_without_its_content(
    tmp_path: Path, make: object, reason: str
) -> None:
    assert callable(make)
    make(tmp_path / ".env")

    with pytest.raises(CredentialError) as caught:
        resolve("env:TOKEN", tmp_path)

    assert reason in caught.value.problem
    assert "hunter2" not in str(caught.value)


def test_value_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(TEXT)
    file.chmod(0o600)

    replace_value(tmp_path, "TOKEN", value="it's new")

    assert file.read_text() == TEXT.replace("'a b'  # by hand", r"'it\'s new'")
    assert read_variables(tmp_path)["TOKEN"] == "it's new"
    assert file.stat().st_mode & 0o777 == 0o600


def test_value_is_added_at_the_end_of_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    replace_value(tmp_path, "TOKEN", value="one")
    replace_value(tmp_path, "OTHER", value="two")

    assert (tmp_path / ".env").read_text() == "TOKEN=one\nOTHER=two\n"
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"])))
def test_every_value_is_read_as_it_was_written(tmp_path: Path, value: str) -> None:
    (tmp_path / ".env").write_text(TEXT)

    replace_value(tmp_path, "TOKEN", value=value)

    found = read_variables(tmp_path)
    assert found["TOKEN"] == value
    assert {**found, "TOKEN": ""} == {
        "TOKEN": "",
        "EMPTY": "",
        "INDENTED": "x\ny",
        "LAST": "${TOKEN}",
    }


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"\.env cannot be written"):
        replace_value(tmp_path / "away", "TOKEN", value="x")
