"""What is measured: each row with both of its subjects, in folders of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.airflow_runs import serve
from benchmarks.dagster_view import make
from benchmarks.data import write_messages
from benchmarks.measure import Row, Subject

_ROOT = Path(__file__).parents[1]
_PROJECT = """\
version: 1
project_id: bench
destinations:
  warehouse: {type: duckdb, path: data/bench.duckdb}
defaults: {owner: bench, write: append, retries: {max: 0}}
"""
_CONNECTOR = """\
name: shop
engine: dlt
source: python:benchmarks.data:%s
destination: warehouse.shop
streams:
  orders: {cursor: %s}
"""


def build_rows(folder: Path, *, rows: int) -> list[Row]:
    """Return every row of the table, its data made below ``folder``; ``rows`` is usually 1M."""
    return [
        _singer(folder / "singer", rows=rows),
        _bulk(folder / "bulk"),
        _nothing_new(folder / "nothing_new"),
        _gate(folder / "gate"),
        _dagster(folder / "dagster"),
        _drift_ticks(folder / "dagster"),
        _mirror(folder / "mirror"),
        _airflow(folder / "airflow"),
        _airflow_parse(folder / "airflow"),
        _airflow_idle(folder / "airflow_idle"),
    ]


def _singer(folder: Path, *, rows: int) -> Row:
    folder.mkdir(parents=True)
    messages = write_messages(folder / "messages.jsonl", rows=rows)
    config = folder / "config.json"
    config.write_text(
        json.dumps(
            {"destination": "duckdb:///ours.duckdb", "dataset": "shop", "default_write": "append"}
        )
    )
    target = str(Path(sys.executable).with_name("connector-target"))
    return Row(
        key="singer_1m",
        title=f"{rows:,} Singer records through connector-target, against DuckDB's read_json",
        ours=Subject(
            name="connector-target",
            argv=(target, "--config", str(config)),
            cwd=folder,
            stdin=messages,
            reset=lambda: _remove(folder, "ours.duckdb*"),
        ),
        baseline=_bare("read_json", folder, "DuckDB read_json", str(messages)),
        bound=2.5,
    )


def _bulk(folder: Path) -> Row:
    project = _make_project(folder / "project", source="orders", cursor="")
    bare = folder / "bare"
    bare.mkdir()
    return Row(
        key="dlt_1m",
        title="1,000,000 rows through a dlt connector, against the same dlt pipeline bare",
        ours=_sync(project, reset=lambda: _remove(project, ".connectors", "data")),
        baseline=_bare("bulk", bare, "dlt, parquet", reset="*"),
        bound=1.1,
    )


def _nothing_new(folder: Path) -> Row:
    project = _make_project(folder / "project", source="nothing_new", cursor="id")
    bare = folder / "bare"
    bare.mkdir()
    return Row(
        key="nothing_new",
        title="a sync with nothing new, against the bare dlt process",
        ours=_sync(project, reset=lambda: None),
        baseline=_bare("nothing_new", bare, "dlt, nothing new"),
        bound=1.0,
        bound_is_extra=True,
    )


def _gate(folder: Path) -> Row:
    project = _make_project(folder / "project", source="orders", cursor="")
    return Row(
        key="gate",
        title="1,000,000 rows through a dlt connector, against the same without its audit gate",
        ours=_sync(project, reset=lambda: _remove(project, ".connectors", "data")),
        part="gate",
        bound=1.02,
    )


def _dagster(folder: Path) -> Row:
    make(folder)
    argv = (sys.executable, "-m", "benchmarks.dagster_view")
    return Row(
        key="dagster_1000",
        title="1,000 connectors of 5 streams loaded into Dagster, against bare multi-assets",
        ours=Subject(name="definitions", argv=(*argv, "ours", str(folder)), cwd=_ROOT),
        baseline=Subject(name="multi-assets", argv=(*argv, "bare", str(folder)), cwd=_ROOT),
        bound=2.5,
    )


def _drift_ticks(folder: Path) -> Row:
    _prepare("probed", folder)
    return Row(
        key="drift_ticks",
        title="10 ticks of the drift sensor over 1,000 connectors that are not due, against none",
        ours=_sensors("ticks", folder, 10),
        baseline=_sensors("ticks", folder, 0),
        bound=5.0,
        bound_is_extra=True,
    )


def _mirror(folder: Path) -> Row:
    _prepare("synced", folder)
    return Row(
        key="mirror_100",
        title="100 syncs of 5 streams told by the mirror sensor of a real daemon, against none",
        ours=_sensors("mirror", folder, 100),
        baseline=_sensors("mirror", folder, 0),
        bound=60.0,
        bound_is_extra=True,
    )


def _airflow(folder: Path) -> Row:
    subprocess.run(_airflow_view("make", folder).argv, cwd=_ROOT, check=True, capture_output=True)
    return Row(
        key="airflow_1000",
        title="1,000 compiled groups loaded and serialized by Airflow, against DAGs by hand",
        ours=_airflow_view("ours", folder),
        baseline=_airflow_view("bare", folder),
        bound=1.2,
    )


def _airflow_parse(folder: Path) -> Row:
    return Row(
        key="airflow_parse",
        title="a worker's load of its DAG among 1,000 groups, against an empty DAG file",
        ours=_airflow_view("start", folder),
        baseline=_airflow_view("empty", folder),
        bound=0.1,
        bound_is_extra=True,
    )


def _airflow_idle(folder: Path) -> Row:
    _make_project(folder / "project", source="nothing_new", cursor="id")
    return Row(
        key="airflow_idle",
        title="a DAG run of a connector with nothing new, against four empty tasks and bare dlt",
        ours=_airflow_run("connector", folder),
        baseline=_airflow_run("empty", folder),
        bound=2.0,
        bound_is_extra=True,
        within=partial(serve, folder),
    )


def _airflow_run(what: str, folder: Path) -> Subject:
    argv = (sys.executable, "-m", "benchmarks.airflow_runs", what, str(folder))
    return Subject(name=f"DAG run, {what}", argv=argv, cwd=_ROOT, told=True)


def _airflow_view(what: str, folder: Path) -> Subject:
    argv = (sys.executable, "-m", "benchmarks.airflow_view", what, str(folder))
    return Subject(name=f"airflow {what}", argv=argv, cwd=_ROOT)


def _prepare(what: str, folder: Path) -> None:
    argv = _sensors(what, folder, 0).argv
    subprocess.run(argv, cwd=_ROOT, check=True, capture_output=True)


def _sensors(what: str, folder: Path, number: int) -> Subject:
    argv = (sys.executable, "-m", "benchmarks.sensors", what, str(folder), str(number))
    return Subject(name=f"{what} {number}", argv=argv, cwd=_ROOT)


def _make_project(folder: Path, *, source: str, cursor: str) -> Path:
    (folder / "connectors").mkdir(parents=True)
    (folder / "connectors.yaml").write_text(_PROJECT)
    text = _CONNECTOR % (source, cursor)
    if not cursor:
        text = text.replace("{cursor: }", "{}")
    (folder / "connectors" / "shop.yaml").write_text(text)
    return folder


def _sync(project: Path, *, reset: object) -> Subject:
    assert callable(reset)
    argv = (sys.executable, "-m", "connector_assets.cli", "sync", "shop", "--json")
    # The connector's source is a module of this repository.
    environment = {"PYTHONPATH": str(_ROOT)}
    return Subject(name="connectors sync", argv=argv, cwd=project, env=environment, reset=reset)


def _bare(what: str, folder: Path, name: str, *arguments: str, reset: str = "") -> Subject:
    return Subject(
        name=name,
        argv=(sys.executable, "-m", "benchmarks.bare", what, str(folder), *arguments),
        cwd=_ROOT,
        reset=lambda: _remove(folder, reset) if reset else None,
    )


def _remove(folder: Path, *patterns: str) -> None:
    for path in (each for pattern in patterns for each in folder.glob(pattern)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
