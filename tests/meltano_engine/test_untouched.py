"""The user's Meltano project stays as it is, and no secret stays behind."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from connector_assets.engines.meltano_overlay import clean_overlays
from connector_assets.errors import ConnectorError

from .bench import Bench, connector, stream

pytestmark = pytest.mark.integration

SECRET = "s3cret-$HOME-${x}-'\"\\-€"
DECLARED = connector(
    "tap-well-behaved",
    stream("orders", cursor="id"),
    config={"auth": {"header": "Bearer ${token}"}},
    secrets={"token": "env:T", "password": "env:P"},
)
SHARED = ("extractors", "mappers", "utilities")


def snapshot(root: Path) -> dict[str, str]:
    """Return a hash per file, except in the platform's own folder."""
    found = {}
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if inside.parts[0] == ".connectors":
            continue
        content = path.read_bytes() if path.is_file() else b""
        found[str(inside)] = f"{path.stat().st_mode} {hashlib.sha256(content).hexdigest()}"
    return found


def find_text(folder: Path, text: str) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and text.encode() in path.read_bytes():
            yield path


def fill_project(root: Path) -> None:
    """Add what a Meltano project of some age has."""
    old = root / ".meltano" / "run" / "tap-old"
    old.mkdir(parents=True)
    (old / "state.json").write_text("{}")
    (root / ".meltano" / "meltano.db").write_bytes(b"not a database")
    (root / ".env").write_text("TAP_OLD_TOKEN=old\n")
    lock = root / "plugins" / "extractors" / "tap-other--x.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("{}")


def test_stage_changes_nothing_in_the_project(bench: Bench) -> None:
    fill_project(bench.root)
    before = snapshot(bench.root)

    bench.stage(DECLARED, secrets={"token": SECRET, "password": SECRET})

    after = snapshot(bench.root)
    shared = tuple(f".meltano/{name}" for name in SHARED)
    assert {name: each for name, each in after.items() if not name.startswith(shared)} == before


def test_stage_changes_nothing_in_the_home_of_the_user(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)

    bench.stage(DECLARED, secrets={"token": SECRET, "password": SECRET})

    assert not [path for path in home.rglob("*") if path.is_file() and "dlt" not in str(path)]


def test_secrets_reach_the_tap_as_they_are(bench: Bench) -> None:
    bench.stage(DECLARED, secrets={"token": SECRET, "password": SECRET})

    config = bench.config_of_tap()
    assert config == {"auth": {"header": f"Bearer {SECRET}"}, "password": SECRET}


@pytest.mark.parametrize("source", ["tap-well-behaved", "tap-dies-half-way"])
def test_no_secret_is_in_any_file_afterwards(bench: Bench, tmp_path: Path, source: str) -> None:
    secret = "s3cret-plain-as-day"
    declared = connector(source, config=DECLARED.config, secrets=DECLARED.secrets)

    with suppress(ConnectorError):
        bench.stage(declared, secrets={"token": secret, "password": secret})

    assert not list(find_text(tmp_path, secret))


KILLED = """
import sys
from pathlib import Path
from connector_assets.engines import meltano
from connector_assets.model import *

root, spec = Path(sys.argv[1]), Path(sys.argv[2])
lake = Destination(name="lake", kind=DestinationKind.DUCKDB, path="x.duckdb")
orders = Stream(name="orders", table="orders", write=WriteDisposition.APPEND)
declared = Connector(name="killed", owner="t", engine=Engine.MELTANO, source="tap-hangs",
    destination=lake, dataset="d", streams=(orders,), secrets={"token": "env:T"})
secrets = {"token": "left-here"}
run = meltano.prepare(declared, project_root=root, environment="dev", secrets=secrets)
list(meltano.stage(run, stage_file=spec, on_event=print))
"""


@pytest.mark.fault
def test_what_a_killed_run_left_is_removed_by_the_next_one(bench: Bench) -> None:
    spec = bench.write_spec(connector("tap-hangs", name="killed"))
    command = [sys.executable, "-c", KILLED, str(bench.root), str(spec)]
    overlays = bench.root / ".connectors" / "meltano"
    with subprocess.Popen(command, start_new_session=True) as process:
        deadline = time.monotonic() + 30
        while not list(find_text(overlays, "left-here")) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
    assert list(find_text(overlays, "left-here"))

    bench.stage(DECLARED, secrets={"token": SECRET, "password": SECRET})

    assert not list(find_text(bench.root, "left-here"))


def test_an_overlay_in_use_is_not_cleaned(bench: Bench) -> None:
    from connector_assets.engines.meltano_overlay import open_overlay

    run = bench.prepare(DECLARED)
    with open_overlay(run.overlay, wait=1) as folder:
        kept = folder / ".meltano" / "run" / "tap" / "config.json"
        kept.parent.mkdir(parents=True)
        kept.write_text("{}")

        clean_overlays(folder.parent)

        assert kept.exists()
    assert not kept.exists()
