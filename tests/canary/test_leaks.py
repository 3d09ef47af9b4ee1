"""Marked secrets in every credential: none of them is in anything that is left behind."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.canary.nest import NAMES, Nest, open_nest
from tests.canary.search import MARK, find_in_text, find_leaks, mark, watch_processes

pytestmark = [pytest.mark.integration, pytest.mark.fault]


@pytest.fixture
def nest(
    tmp_path: Path,
    declare_taps: Callable[[Path], None],
    new_postgres_database: Callable[[], str],
) -> Iterator[Nest]:
    with open_nest(tmp_path, database=new_postgres_database(), declare_taps=declare_taps) as one:
        yield one


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text,
        json.dumps,
        quote,
        lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
        lambda text: base64.urlsafe_b64encode(f"me:{text}!".encode()).decode(),
        lambda text: text.encode().hex(),
    ],
    ids=["plain", "JSON", "URL", "base64", "base64 for URLs", "hex"],
)
def test_search_finds_a_secret_however_it_is_written(
    tmp_path: Path, write: Callable[[str], str]
) -> None:
    text = write(f"before {mark('x')} after")
    (tmp_path / "plain").write_text(text)
    (tmp_path / "packed").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "clean").write_text("nothing")

    assert find_in_text(text)
    assert [Path(one.split(" (")[0]).name for one in find_leaks(tmp_path)] == ["packed", "plain"]


def test_syncs_that_succeed_fail_and_are_killed_leave_no_secret(nest: Nest) -> None:
    with watch_processes() as watch:
        nest.tell("fail")
        failed = nest.run_all("sync")
        nest.kill_in_extract("tapped")
        # So that this can fail: Meltano's file is there, and the next start removes it.
        left = nest.find_leaks()
        assert any("/run/" in leak for leak in left), left
        succeeded = nest.run_all("sync")
        for words in LOOKS:
            nest.run(*words)

    assert all(failed.values()), nest.printed
    assert succeeded == dict.fromkeys(NAMES, 0), nest.printed
    assert nest.find_leaks() == []
    assert watch.leaks == set()
    assert watch.looks > 50


LOOKS = (
    ("credentials", "check", "--live"),
    ("show", "tapped", "--json"),
    ("status", "--json"),
    ("logs", "called"),
    ("maintain",),
)


def test_mark_is_no_word_of_the_project() -> None:
    tests = Path(__file__).parents[1]
    files = [file for file in tests.parent.rglob("*.py") if ".venv" not in file.parts]

    assert [file.name for file in files if MARK in file.read_text()] == ["search.py"]
