"""How the subjects are made: projects of ours, bare engines, peers; and how their tables count."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import yaml

from benchmarks.measure import Subject
from benchmarks.peers import Peer, install_peer
from benchmarks.run import Command, CommandFailed, run_command, unplaced
from connector_assets.destinations.connect import connected
from connector_assets.destinations.extensions import extension_file
from connector_assets.errors import ConnectorError
from connector_assets.model import Destination, DestinationKind
from connector_assets.project import load_project

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
#: Our two kinds of destination: how a project declares each.
DESTINATIONS: dict[str, dict[str, str]] = {
    "DuckDB": {"type": "duckdb", "path": "data/bench.duckdb"},
    "DuckLake": {
        "type": "ducklake",
        "catalog": "sqlite:///data/lake.sqlite",
        "data_path": "data/lake",
    },
}
_SILENT = {
    "DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a row makes its data, how much of it, and what ends with the row."""

    folder: Path
    scale: float
    stack: ExitStack

    def rows(self, number: int) -> int:
        """Return how many rows stand for ``number`` at this scale."""
        return max(1_000, round(number * self.scale))

    def make(self, name: str) -> Path:
        """Make a folder of the row."""
        made = self.folder / name
        made.mkdir(parents=True)
        return made


def make_project(folder: Path, *, to: str = "DuckDB", connector: Mapping[str, Any]) -> Path:
    """Write a project with one connector ``shop`` into ``folder``, which may hold other files."""
    (folder / "connectors").mkdir(parents=True)
    project = {
        "version": 1,
        "project_id": "bench",
        "destinations": {"warehouse": DESTINATIONS[to]},
        "defaults": {"owner": "bench", "write": "append", "retries": {"max": 0}},
    }
    (folder / "connectors.yaml").write_text(yaml.safe_dump(project))
    named = {"name": "shop", "engine": "dlt", "destination": "warehouse.shop", **connector}
    (folder / "connectors" / "shop.yaml").write_text(yaml.safe_dump(named))
    return folder


def sync(
    project: Path, *, to: str, env: Mapping[str, str] | None = None, table: str = "orders"
) -> Subject:
    """Return a sync of the connector of a project, from nothing: earlier ones are removed."""
    argv = (sys.executable, "-m", "connector_assets.cli", "sync", "shop", "--json")
    # The connector's source is a module of this repository.
    given = {**_SILENT, "PYTHONPATH": str(ROOT), **(env or {})}
    return Subject(
        name=f"connectors sync, {to}",
        ours=True,
        command=Command(argv=argv, cwd=project, env=given),
        reset=lambda: remove(project, ".connectors", "data"),
        count=lambda: count_ours(project, table=table),
    )


def count_ours(project: Path, *, table: str) -> int:
    """Return the rows of a table in the destination of a project."""
    return _count(load_project(project).destination("warehouse"), table=table)


def _count(destination: Destination, *, table: str) -> int:
    with _counting(), connected(destination, secrets={}) as connection:
        return _only(connection.execute(f"SELECT count(*) FROM warehouse.shop.{table}"))


def bare(what: str, folder: Path, *arguments: str, name: str, table: str = "orders") -> Subject:
    """Return a function of benchmarks/bare.py, from an empty folder, in a process of its own."""
    argv = (sys.executable, "-m", "benchmarks.bare", what, str(folder), *arguments)
    return Subject(
        name=name,
        command=Command(argv=argv, cwd=ROOT, env=_SILENT),
        reset=lambda: remove(folder, "*"),
        count=lambda: count_file(folder / "bare.duckdb", f"shop.{table}"),
    )


def in_lake(subject: Subject, folder: Path, *, home: Path) -> Subject:
    """Return a subject of benchmarks/bare.py that loads into a DuckLake of its own folder.

    DuckDB looks for extensions in the home folder: ``home`` gets those that it needs.
    """
    with duckdb.connect(config={"extension_directory": f"{home}/.duckdb/extensions"}) as connection:
        for name in ("ducklake", "sqlite_scanner"):
            connection.execute(f"INSTALL '{extension_file(name)}'")
    lake = Destination(
        name="warehouse",
        kind=DestinationKind.DUCKLAKE,
        catalog=f"sqlite:///{folder / 'lake.sqlite'}",
        data_path=str(folder / "lake"),
    )
    command = subject.command
    env = {**command.env, "BENCH_TO": "DuckLake", "HOME": str(home)}
    return replace(
        subject,
        name=f"{subject.name}, into a DuckLake",
        command=replace(command, env=env),
        count=lambda: _count(lake, table="orders"),
    )


def ingestr(folder: Path, *, source: str, table: str) -> Subject:
    """Return ``ingestr ingest`` of a table into a DuckDB file."""
    peer, file = install_peer("ingestr"), folder / "peer.duckdb"
    read = ("--source-uri", source, "--source-table", table)
    write = ("--dest-uri", f"duckdb:///{file}", "--dest-table", "shop.orders", "--yes")
    return Subject(
        name="ingestr 0.14.155",
        command=Command(
            argv=(str(peer.programs / "ingestr"), "ingest", *read, *write), cwd=folder, env=_SILENT
        ),
        reset=lambda: remove(folder, "*"),
        count=lambda: count_file(file, "shop.orders"),
        problem=peer.problem,
    )


def meltano(folder: Path, *, tap: Mapping[str, Any], peers: Mapping[str, Peer]) -> Subject:
    """Return ``meltano run`` of a tap into target-duckdb, from nothing; writes its project."""
    target = peers["target-duckdb"]
    loader = {
        "name": "target-duckdb",
        "namespace": "target_duckdb",
        "executable": str(target.programs / "target-duckdb"),
        "settings": [{"name": "path"}, {"name": "default_target_schema"}],
        "config": {"path": str(folder / "peer.duckdb"), "default_target_schema": "shop"},
    }
    content = {
        "version": 1,
        "project_id": "bench",
        "default_environment": "dev",
        "environments": [{"name": "dev"}],
        "plugins": {"extractors": [dict(tap)], "loaders": [loader]},
    }
    (folder / "meltano.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    argv = (str(BIN / "meltano"), "--log-format", "plain", "run", str(tap["name"]), "target-duckdb")
    return Subject(
        name="meltano run, target-duckdb 0.8.0",
        command=Command(argv=argv, cwd=folder, env=_SILENT),
        reset=lambda: remove(folder, "peer.duckdb*", ".meltano"),
        problem="; ".join(one.problem for one in peers.values() if one.problem),
    )


def prepare(subject: Subject, *, env: Mapping[str, str] | None = None) -> None:
    """Run a subject once, unmeasured, with other words in its environment."""
    both = {**subject.command.env, **(env or {})}
    run_command(replace(subject.command, env=both), watch=False)


def keep(folder: Path, *names: str) -> Callable[[], None]:
    """Copy what ``folder`` holds now; return a function that puts it back."""
    kept = folder.with_name(f"{folder.name}-kept")
    shutil.copytree(folder, kept, symlinks=True)

    def put_back() -> None:
        remove(folder, *names)
        for name in names:
            for path in kept.glob(name):
                target = folder / path.name
                if path.is_dir():
                    shutil.copytree(path, target, symlinks=True)
                else:
                    shutil.copy2(path, target)

    return put_back


def count_file(file: Path, table: str) -> int:
    """Return the rows of a table in a DuckDB file.

    Raises:
        CommandFailed: The table is not there.
    """
    with _counting(), duckdb.connect(str(file), read_only=True) as connection:
        return _only(connection.execute(f"SELECT count(*) FROM {table}"))


@contextmanager
def _counting() -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, ConnectorError) as error:
        raise CommandFailed(f"nothing to count: {unplaced(str(error))}") from error


def _only(found: Any) -> int:
    return int(found.fetchone()[0])


def remove(folder: Path, *patterns: str) -> None:
    """Remove what matches in ``folder``, if anything."""
    for path in (each for pattern in patterns for each in folder.glob(pattern)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
