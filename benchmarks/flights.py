"""The rows with the example project's flights, by Meltano and by dlt; syncs with nothing new."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks.loads import each_by_its_own
from benchmarks.measure import Aim, Row, Subject, Target
from benchmarks.peers import install_peer
from benchmarks.run import Command
from benchmarks.subjects import (
    BIN,
    DESTINATIONS,
    ROOT,
    Place,
    bare,
    count_file,
    in_lake,
    make_project,
    meltano,
    prepare,
    sync,
)

_EXAMPLE = ROOT / "examples" / "nyc-flights"
_KEY = ["time_hour", "carrier", "flight"]
_WHOLE = (
    "year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay flight"
    " air_time distance hour minute"
)
_SCRIPT = """\
#!/bin/sh
PYTHONPATH={folder} exec {python} -c 'from tap_flights.tap import TapFlights; TapFlights.cli()' "$@"
"""


def flights_by_meltano(place: Place) -> Row:
    """Every flight through tap-flights, merged by its key."""
    files, rows = _publish(place)
    tap = _declare_tap(place, files=files)
    return Row(
        key="flights_meltano",
        title=f"{rows:,} flights x 20 of the example project, by Meltano",
        subjects=(
            *(_by_meltano(place.make(kind), to=kind, tap=tap) for kind in DESTINATIONS),
            _tap_alone(place.make("alone"), tap=tap),
            replace(_peer(place.make("peer"), tap=tap), slow=True),
        ),
        rows=rows,
    )


def flights_by_dlt(place: Place) -> Row:
    """Every flight from its CSV files."""
    files, rows = _publish(place)
    peer = "plain dlt, parquet"
    types = dict.fromkeys(_WHOLE.split(), "bigint")
    where = {"bucket_url": str(files), "file_glob": "*.csv", "null_values": ["NA"], "types": types}
    connector = {"source": "filesystem", "streams": {"flights": {"config": where}}}
    ours = (
        sync(make_project(place.make(kind), to=kind, connector=connector), to=kind, table="flights")
        for kind in DESTINATIONS
    )
    pattern = str(files / "*.csv")
    plain = bare("csv_parquet", place.make("bare"), pattern, "flights", name=peer, table="flights")
    return Row(
        key="flights_dlt",
        title=f"{rows:,} flights x 19 of the example project, by dlt from twelve CSV files",
        subjects=(*ours, replace(plain, slow=True)),
        rows=rows,
    )


def nothing_new(place: Place) -> Row:
    """A sync with nothing new: the whole process."""
    connector = {
        "source": "python:benchmarks.data:nothing_new",
        "streams": {"orders": {"cursor": "id"}},
    }
    ours = [
        sync(make_project(place.make(kind), to=kind, connector=connector), to=kind)
        for kind in DESTINATIONS
    ]
    plain = bare("nothing_new", place.make("bare"), name="the same dlt pipeline, bare")
    folder = place.make("bare_lake")
    lake = bare("nothing_new", folder, name="the same dlt pipeline, bare")
    bares = (plain, in_lake(lake, folder, home=place.make("home")))
    return Row(
        key="nothing_new",
        title="a sync with nothing new, by dlt: the whole process",
        # The run that warms up is the one that loads.
        subjects=tuple(replace(one, reset=lambda: None) for one in (*ours, *bares)),
        targets=each_by_its_own(ours, bares, aim=Aim.EXTRA, value=1),
    )


def nothing_new_by_meltano(place: Place) -> Row:
    """A sync through a tap that has nothing new: its bookmark's day comes again."""
    files, _ = _publish(place)
    last = max(files.glob("*.csv")).stem
    tap = _declare_tap(place, files=files, start=f"{last}-31")
    ours = [_by_meltano(place.make(kind), to=kind, tap=tap) for kind in DESTINATIONS]
    plain = _peer(place.make("peer"), tap=tap)
    return Row(
        key="nothing_new_meltano",
        title="a sync with nothing new, by Meltano: the whole process, the bookmark's day again",
        subjects=tuple(replace(one, reset=lambda: None) for one in (*ours, plain)),
        targets=(Target(aim=Aim.EXTRA, value=1, peer=plain.name),),
    )


def _publish(place: Place) -> tuple[Path, int]:
    """Publish the flights, of January alone at a small scale; return their folder and number."""
    folder = place.make("source")
    until = "2013-12" if place.scale >= 1 else "2013-01"
    argv = (str(BIN / "python"), str(_EXAMPLE / "prepare.py"), "--folder", str(folder))
    loading = Subject(name="prepare", command=Command(argv=(*argv, "--until", until), cwd=ROOT))
    prepare(loading)
    files = folder / "flights"
    heads = sorted(files.glob("*.csv"))
    return files, sum(file.read_bytes().count(b"\n") - 1 for file in heads)


def _declare_tap(place: Place, *, files: Path, start: str = "2013-01-01") -> dict[str, Any]:
    """Return the plugin of tap-flights, whose program runs the example's own folder."""
    peer = install_peer("tap-flights")
    program = place.folder / "tap-flights"
    folder = shlex.quote(str(_EXAMPLE / "tap-flights"))
    python = shlex.quote(str(peer.programs / "python"))
    program.write_text(_SCRIPT.format(folder=folder, python=python))
    program.chmod(0o755)
    return {
        "name": "tap-flights",
        "namespace": "tap_flights",
        "executable": str(program),
        "capabilities": ["catalog", "discover", "state"],
        "settings": [{"name": name} for name in ("data_dir", "start_date", "end_date")],
        "config": {"data_dir": str(files), "start_date": start},
    }


def _by_meltano(folder: Path, *, to: str, tap: dict[str, Any]) -> Subject:
    streams = {"flights": {"write": "merge", "primary_key": _KEY, "cursor": "date"}}
    connector = {"engine": "meltano", "source": "tap-flights", "streams": streams}
    project = make_project(folder, to=to, connector=connector)
    content = {"version": 1, "project_id": "bench", "plugins": {"extractors": [tap]}}
    (project / "meltano.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    return sync(project, to=to, table="flights")


def _peer(folder: Path, *, tap: dict[str, Any]) -> Subject:
    peers = {name: install_peer(name) for name in ("tap-flights", "target-duckdb")}
    subject = meltano(folder, tap=tap, peers=peers)
    return replace(subject, count=lambda: count_file(folder / "peer.duckdb", "shop.flights"))


def _tap_alone(folder: Path, *, tap: dict[str, Any]) -> Subject:
    (folder / "config.json").write_text(json.dumps(tap["config"]))
    argv = (tap["executable"], "--config", "config.json")
    return Subject(
        name="the tap alone, to nowhere",
        command=Command(argv=argv, cwd=folder),
        problem=install_peer("tap-flights").problem,
    )
