"""Try a wheel as a user would: plain pip, empty environments, outside the repository.

``try_wheel.py WHEEL [EXTRA ...]``: for each extra (by default ``bare``, which is none, ``dagster``
and ``airflow``), a new environment and a new project in it: init, new, discover, sync. Exits with 1
at the first thing that is not as documented; everything is made in one temporary folder.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

BARE = "bare"
EXTRAS = (BARE, "dagster", "airflow")
ROWS = 3
HEAVY = ("dagster", "airflow", "dlt", "meltano", "duckdb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One environment with the wheel in it, and the folder where its project is made."""

    bin: Path
    folder: Path

    def run(self, *command: str, folder: Path | None = None) -> str:
        """Return what a command of the environment printed; it must exit with 0."""
        return _run([str(self.bin / command[0]), *command[1:]], folder=folder or self.folder)


def main(wheel: Path, extras: list[str]) -> int:
    """Try the wheel with each extra; return 0, or raise at the first failure."""
    with tempfile.TemporaryDirectory(prefix="connectors-wheel-") as folder:
        for word in extras or EXTRAS:
            started = time.monotonic()
            extra = "" if word == BARE else word
            trial = _install(wheel.resolve(), extra, Path(folder) / word)
            _check_imports(trial)
            _check_project(trial)
            name = f"connector-assets[{extra}]" if extra else "connector-assets"
            sys.stdout.write(f"wheel: {name} ok, {time.monotonic() - started:.0f} s\n")
    return 0


def _install(wheel: Path, extra: str, folder: Path) -> Trial:
    venv.create(folder / "venv", with_pip=True)
    trial = Trial(bin=folder / "venv" / "bin", folder=folder)
    requirement = f"{wheel}[{extra}]" if extra else str(wheel)
    trial.run("python", "-m", "pip", "install", "--quiet", "--no-input", requirement)
    trial.run("python", "-m", "pip", "check")
    if extra:
        trial.run("python", "-c", f"import {extra}")
    return trial


def _check_imports(trial: Trial) -> None:
    code = (
        "import sys, connector_assets\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])\n"
        "from connector_assets.cli.demo_project import find_example\n"
        "print(find_example())"
    )
    loaded, example = trial.run("python", "-c", code).split("\n")[:2]
    _expect(not loaded, f"importing the package loaded {loaded}")
    _expect(trial.folder in Path(example).parents, f"the example stands in {example}")


def _check_project(trial: Trial) -> None:
    project = trial.folder / "project"
    trial.run("connectors", "init", str(project))
    trial.run("connectors", "new", "shop", "--engine", "dlt", "--source", "sql_database",
              folder=project)  # fmt: skip
    _fill_in(project)
    trial.run("connectors", "validate", folder=project)
    found = trial.run("connectors", "discover", "shop", folder=project)
    _expect("orders" in found and "total" in found, f"discover printed {found!r}")
    synced = _last_object(trial.run("connectors", "sync", "shop", "--json", folder=project))
    _expect(synced.get("verdict") == "succeeded", f"sync ended with {synced}")
    _expect([stream["in_destination"] for stream in synced["streams"]] == [ROWS], str(synced))
    (status,) = json.loads(trial.run("connectors", "status", "--json", folder=project))
    _expect(status["sync_id"] == synced["sync_id"], f"status tells of {status}")


def _fill_in(project: Path) -> None:
    """Point the scaffolded connector at a real database, as its comments tell a user to do."""
    with sqlite3.connect(project / "shop.sqlite") as database:
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)")
        database.executemany("INSERT INTO orders VALUES (?, ?)", [(i, i / 2) for i in range(ROWS)])
    database.close()
    (file,) = (project / "connectors").glob("*.yaml")
    connector = yaml.safe_load(file.read_text(encoding="utf-8"))
    connector |= {
        "config": {"credentials": "sqlite:///shop.sqlite"},
        "secrets": {},
        "defaults": {},
        "streams": {"orders": {"write": "merge", "primary_key": "id"}},
    }
    file.write_text(yaml.safe_dump(connector, sort_keys=False), encoding="utf-8")


def _last_object(output: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return found


def _run(command: list[str], *, folder: Path) -> str:
    # Nothing of the calling environment's Python may reach the one under trial.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, check=False, timeout=900
    )
    problem = f"{' '.join(command)} exited with {done.returncode}\n{done.stdout}{done.stderr}"
    _expect(done.returncode == 0, problem)
    return done.stdout


def _expect(condition: bool, problem: str) -> None:
    if not condition:
        raise SystemExit(f"wheel: {problem}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
