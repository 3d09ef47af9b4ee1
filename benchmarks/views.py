"""The rows about the views: what Dagster and Airflow cost with a thousand connectors."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.airflow_runs import serve
from benchmarks.dagster_view import make
from benchmarks.measure import Aim, Row, Subject, Target
from benchmarks.run import Command
from benchmarks.subjects import ROOT, Place, make_project, prepare


def dagster(place: Place) -> Row:
    """A thousand connectors loaded into Dagster."""
    make(place.folder)
    return Row(
        key="dagster_1000",
        title="1,000 connectors of 5 streams loaded into Dagster",
        subjects=(
            _run("dagster_view", "ours", place.folder, name="definitions of a project", ours=True),
            _run("dagster_view", "bare", place.folder, name="bare multi-assets"),
        ),
        targets=(Target(aim=Aim.RATIO, value=2.5, peer="bare multi-assets"),),
    )


def drift_ticks(place: Place) -> Row:
    """The drift sensor where nothing is due."""
    make(place.folder)
    prepare(_run("sensors", "probed", place.folder, "0", name="probed"))
    return Row(
        key="drift_ticks",
        title="the drift sensor over 1,000 connectors that are not due",
        subjects=(
            _run("sensors", "ticks", place.folder, "10", name="10 ticks", ours=True),
            _run("sensors", "ticks", place.folder, "0", name="no tick"),
        ),
        targets=(Target(aim=Aim.EXTRA, value=5, peer="no tick"),),
    )


def mirror(place: Place) -> Row:
    """The mirror sensor of a real daemon."""
    prepare(_run("sensors", "synced", place.folder, "0", name="synced"))
    return Row(
        key="mirror_100",
        title="syncs of 5 streams told by the mirror sensor of a real daemon",
        subjects=(
            _run("sensors", "mirror", place.folder, "100", name="100 syncs", ours=True),
            _run("sensors", "mirror", place.folder, "0", name="no sync"),
        ),
        targets=(Target(aim=Aim.EXTRA, value=60, peer="no sync"),),
    )


def airflow(place: Place) -> Row:
    """A thousand groups loaded and serialized by Airflow."""
    prepare(_run("airflow_view", "make", place.folder, name="make"))
    return Row(
        key="airflow_1000",
        title="1,000 compiled groups loaded and serialized by Airflow",
        subjects=(
            _run("airflow_view", "ours", place.folder, name="compiled groups", ours=True),
            _run("airflow_view", "bare", place.folder, name="DAGs by hand"),
        ),
        targets=(Target(aim=Aim.RATIO, value=1.2, peer="DAGs by hand"),),
    )


def airflow_parse(place: Place) -> Row:
    """What each task pays for the DAG file."""
    prepare(_run("airflow_view", "make", place.folder, name="make"))
    return Row(
        key="airflow_parse",
        title="a worker's load of its DAG among 1,000 groups",
        subjects=(
            _run("airflow_view", "start", place.folder, name="its DAG", ours=True),
            _run("airflow_view", "empty", place.folder, name="an empty DAG file"),
        ),
        targets=(Target(aim=Aim.EXTRA, value=0.1, peer="an empty DAG file"),),
    )


def airflow_idle(place: Place) -> Row:
    """A DAG run of a connector with nothing new, in a real Airflow."""
    connector = {
        "source": "python:benchmarks.data:nothing_new",
        "streams": {"orders": {"cursor": "id"}},
    }
    make_project(place.folder / "project", connector=connector)
    place.stack.enter_context(serve(place.folder))
    peer = "four empty tasks, and bare dlt"
    ours = _run("airflow_runs", "connector", place.folder, name="a connector", ours=True, told=True)
    return Row(
        key="airflow_idle",
        title="a DAG run of a connector with nothing new",
        subjects=(ours, _run("airflow_runs", "empty", place.folder, name=peer, told=True)),
        targets=(Target(aim=Aim.EXTRA, value=2, peer=peer),),
    )


def _run(module: str, what: str, folder: Path, *more: str, **of_the_subject: str | bool) -> Subject:
    argv = (sys.executable, "-m", f"benchmarks.{module}", what, str(folder), *more)
    return Subject(command=Command(argv=argv, cwd=ROOT), **of_the_subject)  # type: ignore[arg-type] # its own fields
