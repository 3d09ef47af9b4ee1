"""A tap that rotates its refresh token, through real Meltano, killed where it hurts."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb
import psutil
import pytest

from connector_assets.credentials.sources import resolve_secrets

pytestmark = pytest.mark.integration
PROJECT = """\
version: 1
project_id: books
defaults: {owner: team, retries: {max: 0}}
destinations: {file: {type: duckdb, path: data/file.duckdb}}
"""
BOOKS = """\
name: books
engine: meltano
source: tap-rotates
config: {source: "%s"%s}
secrets: {refresh_token: "%s"}
credentials: {write_back: {refresh_token: %s}}
destination: file.books
streams: {orders: {write: append}}
"""
FIRST = "canary-refresh-1"
STORES = {
    "env file": ("env:BOOKS_REFRESH", "source", ""),
    "renamed file": ("file:refresh", "source", ", renames: true"),
    "command": ("command:cat refresh", "command:sh -c 'cat > refresh'", ""),
}


class Books:
    """A project with a connector whose tap rotates."""

    def __init__(self, root: Path, *, source: str, store: str, more: str) -> None:
        self.root, self.source = root, source
        self.valid = root.with_name("valid")
        self.valid.write_text(FIRST)
        (root / "connectors").mkdir()
        (root / "connectors.yaml").write_text(PROJECT)
        (root / "connectors" / "books.yaml").write_text(BOOKS % (self.valid, more, source, store))
        (root / ".env").write_text(f"BOOKS_REFRESH={FIRST}\n")
        (root / "refresh").write_text(FIRST)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "connector_assets.cli", *words, "--project", str(self.root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str) -> tuple[int, str]:
        with self.start(*words) as process:
            printed, _ = process.communicate()
        return process.returncode, printed

    @property
    def stored(self) -> str:
        return resolve_secrets({"x": self.source}, of="x", root=self.root)["x"]

    @property
    def rows(self) -> list[int]:
        with duckdb.connect(self.root / "data" / "file.duckdb", read_only=True) as connection:
            found = connection.execute("SELECT id FROM books.orders ORDER BY id").fetchall()
        return [row[0] for row in found]

    def find_text(self, text: str) -> list[Path]:
        files = (file for file in self.root.rglob("*") if file.is_file() and not file.is_symlink())
        stores = (self.root / ".env", self.root / "refresh")
        return [file for file in files if file not in stores and text.encode() in file.read_bytes()]


@pytest.fixture
def books(
    tmp_path: Path, declare_taps: Callable[[Path], None], request: pytest.FixtureRequest
) -> Books:
    root = tmp_path / "project"
    root.mkdir()
    declare_taps(root)
    source, store, more = getattr(request, "param", STORES["env file"])
    return Books(root, source=source, store=store, more=more)


def install(root: Path) -> None:
    """Let the tap be one that Meltano has installed, in an environment of its own."""
    programs = root / ".meltano" / "extractors" / "tap-rotates" / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    shutil.copy(root / "taps" / "tap-rotates", programs / "tap-rotates")
    file = root / "meltano.yml"
    text = file.read_text().replace("executable: ./taps/tap-rotates", "pip_url: tap-rotates")
    file.write_text(text)


def test_tap_that_meltano_has_installed_is_kept_an_eye_on(books: Books) -> None:
    install(books.root)

    code, printed = books.run("sync", "books")

    assert code == 0, printed
    assert books.stored == books.valid.read_text() == "canary-refresh-2"


@pytest.mark.parametrize("books", list(STORES.values()), ids=list(STORES), indirect=True)
def test_each_sync_stores_the_token_of_the_next(books: Books) -> None:
    for number in (2, 3):
        code, printed = books.run("sync", "books")
        assert code == 0, printed
        assert books.stored == books.valid.read_text() == f"canary-refresh-{number}"

    assert books.rows == [2, 3]
    assert books.find_text("canary-refresh") == []


@pytest.mark.fault
@pytest.mark.parametrize("name", ["books", "novels"], ids=["same name", "renamed"])
def test_token_is_not_lost_where_everything_is_killed_after_it_was_rotated(
    books: Books, name: str
) -> None:
    kill_after_rotation(books)
    assert books.stored == FIRST != books.valid.read_text()
    if name != "books":
        file = books.root / "connectors" / "books.yaml"
        file.write_text(
            file.read_text().replace("name: books", f"name: {name}\nrenamed_from: books")
        )

    code, printed = books.run("sync", name)

    assert code == 0, printed
    assert books.stored == books.valid.read_text() == "canary-refresh-3"
    assert books.rows == [3]
    assert books.find_text("canary-refresh") == []


@pytest.mark.fault
def test_store_that_was_changed_meanwhile_stops_the_next_start_and_loses_nothing(
    books: Books,
) -> None:
    kill_after_rotation(books)
    (books.root / ".env").write_text("BOOKS_REFRESH=by-hand\n")
    (books.root / "refresh").write_text("by-hand")

    code, printed = books.run("sync", "books")

    assert code == 4, printed
    assert "somebody changed it meanwhile" in printed
    assert books.stored == "by-hand"
    (kept,) = (file for file in books.find_text("canary-refresh-2") if file.name == "config.json")
    assert kept.stat().st_mode & 0o077 == 0


def find_processes(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def kill_after_rotation(books: Books) -> None:
    """Start a sync and kill every process of it when the source has given a new token."""
    hangs = Path(f"{books.valid}.hangs")
    hangs.touch()
    with books.start("sync", "books") as process:
        deadline = time.monotonic() + 60
        while not Path(f"{books.valid}.rotated").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for victim in find_processes(process.pid):
            with suppress(psutil.NoSuchProcess):
                victim.kill()
    hangs.unlink()
