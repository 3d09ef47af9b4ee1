"""Rotated secrets: the new value goes where the old one was, or nowhere."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from connector_assets.credentials.sources import resolve_secrets
from connector_assets.credentials.write_back import Rotation, write_back
from connector_assets.errors import CredentialError
from tests.config.folder import ProjectFolder, lines

OLD, NEW = "canary-old", "canary new\n'1'"
TAP = """\
name: books
owner: team
engine: meltano
source: tap-books
secrets: {refresh_token: "%s"}
credentials: {write_back: {refresh_token: %s}}
destination: files.books
streams: {orders: {write: append}}
"""


def rotate(source: str, store: str = "source", *, old: str = OLD, new: str = NEW) -> Rotation:
    return Rotation(name="refresh_token", source=source, store=store, old=old, new=new)


def resolve(source: str, root: Path) -> str:
    return resolve_secrets({"x": source}, of="x", root=root)["x"]


def prepare(root: Path, value: str = OLD) -> None:
    (root / ".env").write_text(f"# ours\nTOKEN='{value}'\nOTHER=1\n")
    (root / "token").write_text(f"{value}\n")
    (root / "token").chmod(0o640)


SOURCES = {
    "env": ("env:TOKEN", "source"),
    "old name": ("env:NEW_TOKEN|TOKEN", "source"),
    "file": ("file:token", "source"),
    "command": ("command:cat token", "command:sh -c 'cat > token'"),
}


@pytest.mark.parametrize(("source", "store"), SOURCES.values(), ids=SOURCES)
def test_new_value_is_where_the_old_one_was(tmp_path: Path, source: str, store: str) -> None:
    prepare(tmp_path)

    write_back(rotate(source, store), of="connector books", root=tmp_path)
    write_back(rotate(source, store), of="connector books", root=tmp_path)

    assert resolve(source, tmp_path) == NEW
    assert (tmp_path / ".env").read_text().startswith("# ours\n")
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("source", "store"), SOURCES.values(), ids=SOURCES)
def test_store_that_was_changed_meanwhile_stays(tmp_path: Path, source: str, store: str) -> None:
    prepare(tmp_path, "third")

    with pytest.raises(CredentialError, match="somebody changed it meanwhile") as caught:
        write_back(rotate(source, store), of="connector books", root=tmp_path)

    assert resolve(source, tmp_path) == "third"
    assert not any(one in str(caught.value) for one in ("canary", "third"))


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        ("command:true", "it gives another value back"),
        ("command:sh -c 'cat >&2; exit 3'", "ended with exit code 3"),
        ("command:no-such-program --token hunter2", "No such file or directory"),
    ],
)
def test_command_that_does_not_store_is_an_error(tmp_path: Path, store: str, reason: str) -> None:
    prepare(tmp_path)

    with pytest.raises(CredentialError) as caught:
        write_back(rotate("file:token", store), of="connector books", root=tmp_path)

    assert reason in caught.value.problem
    assert not any(one in str(caught.value) for one in ("canary", "hunter2"))


def test_variable_of_the_environment_would_hide_the_new_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    monkeypatch.setenv("TOKEN", OLD)

    with pytest.raises(CredentialError, match="TOKEN is set in the environment"):
        write_back(rotate("env:TOKEN"), of="connector books", root=tmp_path)

    assert OLD in (tmp_path / ".env").read_text()


def _rotate_one(root: Path, name: str) -> None:
    for number in range(10):
        rotation = rotate(f"env:{name}", old=f"{name}-{number}", new=f"{name}-{number + 1}")
        write_back(rotation, of="x", root=root)


@pytest.mark.integration
def test_processes_that_rotate_at_once_lose_nothing(tmp_path: Path) -> None:
    names = ("ONE", "TWO", "THREE")
    (tmp_path / ".env").write_text("".join(f"{name}={name}-0\n" for name in names))
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_rotate_one, args=(tmp_path, name)) for name in names]

    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert [resolve(f"env:{name}", tmp_path) for name in names] == [f"{name}-10" for name in names]


@pytest.mark.parametrize(
    ("source", "store", "problem"),
    [
        ("command:vault read x", "source", "cannot be written to where it comes from"),
        ("airflow-connection:x", "source", "cannot be written to where it comes from"),
        ("env:TOKEN", "file:x", "this is not where a new value can go"),
    ],
)
def test_store_that_cannot_be_is_refused(
    folder: ProjectFolder, source: str, store: str, problem: str
) -> None:
    assert problem in str(folder.refused(TAP % (source, store)))


def test_secret_that_is_not_there_or_has_no_tap_is_refused(folder: ProjectFolder) -> None:
    tap = TAP % ("env:TOKEN", "source")
    other = tap.replace("write_back: {refresh", "write_back: {refrsh")
    python = tap.replace("meltano", "dlt").replace("tap-books", "python:a.b:c")

    assert "Did you mean 'refresh_token'" in str(folder.refused(other))
    assert any("only taps hand over" in one for one in lines(folder.refused(python)))
