"""Where secrets come from: found, or refused with their source and never their value."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from connector_assets.credentials.commands import MAX_BYTES, MissingError, fetch_output
from connector_assets.credentials.sources import (
    check_secrets,
    resolve_connector,
    resolve_secrets,
    resolve_text,
)
from connector_assets.errors import CredentialError

from .folder import PROJECT, SHOP, ProjectFolder, shown

OF = "connector shop"


def resolve(source: str, root: Path) -> str:
    return resolve_secrets({"token": source}, of=OF, root=root)["token"]


def refusal(source: str, root: Path) -> CredentialError:
    with pytest.raises(CredentialError) as caught:
        resolve(source, root)
    assert "hunter2" not in shown(caught.value)
    assert caught.value.fix
    return caught.value


def test_variable_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", " hünter2 ")

    assert resolve("env:TOKEN", tmp_path) == " hünter2 "


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_variable_that_is_empty_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TOKEN", value)

    error = refusal("env:TOKEN", tmp_path)

    assert error.problem == "connector shop: the secret 'token' is empty: env:TOKEN"


def test_variable_that_is_not_set_or_no_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hunter2" + os.fsdecode(b"\xff"))

    missing, odd = refusal("env:TOKEM", tmp_path), refusal("env:TOKEN", tmp_path)

    assert "is not there: env:TOKEM: the variable is not set" in missing.problem
    assert missing.fix == "Set it: export TOKEM=..., or write it into .env of the project."
    assert "it is not text in UTF-8" in odd.problem


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n\r\n", "hunter2"),
        (b"\xef\xbb\xbfhunter2\n", "hunter2"),
        (b" a b \n", " a b "),
        (b"-- BEGIN\nx\n-- END\n", "-- BEGIN\nx\n-- END"),
    ],
)
def test_file_is_read_without_what_editors_add(tmp_path: Path, raw: bytes, value: str) -> None:
    (tmp_path / "secret").write_bytes(raw)

    assert resolve("file:secret", tmp_path) == value
    assert resolve(f"file:{tmp_path}/secret", tmp_path / "elsewhere") == value


def make_loop(file: Path) -> None:
    file.symlink_to(file)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda file: None, "No such file or directory"),
        (Path.mkdir, "this is not a file"),
        (os.mkfifo, "this is not a file"),
        (make_loop, "Too many levels of symbolic links"),
        (lambda file: file.write_bytes(b"hunter2" * MAX_BYTES), "the file is too large"),
        (lambda file: file.write_bytes(b"hunter2\xff"), "it is not text in UTF-8"),
        (lambda file: file.write_bytes(b"hunter2\0"), "it holds a NUL character"),
        (lambda file: file.write_bytes(b"\n"), "is empty: file:secret"),
    ],
    ids=["missing", "folder", "pipe", "loop", "huge", "Latin-1", "NUL", "empty"],
)
def test_file_that_holds_no_secret_is_refused(tmp_path: Path, make: Any, reason: str) -> None:
    make(tmp_path / "secret")

    assert reason in refusal("file:secret", tmp_path).problem


@pytest.mark.parametrize("path", ["~nobody-here/x", "a\0b"])
def test_file_of_no_path_is_refused(tmp_path: Path, path: str) -> None:
    assert "this is no path" in refusal(f"file:{path}", tmp_path).problem


def test_command_is_run_in_the_project_folder(tmp_path: Path) -> None:
    (tmp_path / "a secret").write_text("hunter2\n")

    assert resolve("command:cat 'a secret'", tmp_path) == "hunter2"
    assert resolve("command:sh -c 'cat \"a secret\" | cat'", tmp_path) == "hunter2"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("sh -c 'echo hunter2; echo hunter2 >&2; exit 3'", "ended with exit code 3"),
        ("sh -c 'echo hunter2; kill -9 $$'", "ended with exit code -9"),
        ("no-such-program --token=hunter2", "No such file or directory"),
        ("TOKEN=hunter2 vault read", "No such file or directory"),
        ("sh -c 'hunter2", "it cannot be split into words"),
        ("sh '\0hunter2'", "it cannot be split into words"),
        ("''", ""),
        ("true", "is empty: command:true"),
        ("printf 'hunter2\\377'", "it is not text in UTF-8"),
        ("yes hunter2", "it printed too much"),
    ],
)
def test_command_without_an_answer_is_refused(tmp_path: Path, command: str, reason: str) -> None:
    assert reason in refusal(f"command:{command}", tmp_path).problem


@pytest.mark.parametrize(
    "command",
    [
        "sh -c 'sleep 61 | cat'",
        "sh -c 'sleep 61 & echo hunter2; wait'",
        "sh -c 'trap \"\" TERM; exec sleep 61'",
    ],
    ids=["pipeline", "waits", "deaf"],
)
def test_command_that_takes_too_long_is_ended_with_its_children(
    tmp_path: Path, command: str
) -> None:
    started = time.monotonic()

    with pytest.raises(MissingError) as caught:
        fetch_output(command, folder=tmp_path, seconds=0.1)

    assert caught.value.reason == "the command did not answer within 0.1 seconds"
    assert "hunter2" not in shown(caught.value)
    assert time.monotonic() - started < 10
    assert not left_behind(tmp_path)


def left_behind(folder: Path) -> list[int]:
    """The processes that work in a folder; what was just killed may take a moment to go."""
    until = time.monotonic() + 5
    while found := [pid for pid in psutil.pids() if works(pid, folder)]:
        if time.monotonic() > until:
            break
        time.sleep(0.01)
    return found


def works(pid: int, folder: Path) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder)
    except psutil.Error:
        return False


def test_command_leaves_no_child_behind(tmp_path: Path) -> None:
    command = "sh -c 'sleep 61 >/dev/null & echo hunter2'"

    assert fetch_output(command, folder=tmp_path, seconds=20) == b"hunter2\n"
    assert not left_behind(tmp_path)


def test_command_gets_no_terminal_to_ask(tmp_path: Path) -> None:
    assert "is empty" in refusal("command:cat", tmp_path).problem


def test_source_of_no_kind_is_refused_and_not_repeated(tmp_path: Path) -> None:
    assert "has no source" in refusal("hunter2", tmp_path).problem
    assert "has no source" in refusal("vault:hunter2", tmp_path).problem


def test_every_secret_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    sources = {"a": "env:TOKEN", "b": "env:MISSING", "c": "command:false"}

    errors = check_secrets(sources, of=OF, root=tmp_path)

    assert [error.problem.split("'")[1] for error in errors] == ["b", "c"]
    assert check_secrets({"a": "env:TOKEN"}, of=OF, root=tmp_path) == ()


def test_text_that_may_be_a_source_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URL", "postgresql://db")

    assert resolve_text("env:URL", of="the ledger", root=tmp_path) == "postgresql://db"
    assert resolve_text("sqlite:///x.db", of="the ledger", root=tmp_path) == "sqlite:///x.db"
    with pytest.raises(CredentialError, match="the ledger: the secret 'url' is not there"):
        resolve_text("env:URK", of="the ledger", root=tmp_path)


def test_secrets_of_connector_and_destination_are_not_shown(
    folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A", "hunter2")
    monkeypatch.setenv("B", "hunter3")
    catalog = (
        "{type: ducklake, catalog: 'postgresql://${pw}@h/d', data_path: x, secrets: {pw: 'env:B'}}"
    )
    folder.write("connectors.yaml", f"{PROJECT}  pg: {catalog}\n")
    shop = folder.connector(SHOP.replace("lake.shop", "pg.shop") + "secrets: {token: 'env:A'}\n")

    secrets = resolve_connector(shop, root=folder.root)

    assert (secrets.connector, secrets.destination) == ({"token": "hunter2"}, {"pw": "hunter3"})
    assert secrets.values == {"hunter2", "hunter3"}
    assert "hunter" not in repr(secrets) + str(secrets)
