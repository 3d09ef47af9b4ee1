"""The demo's acts, one after the other: each is shown, and each is checked."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connector_assets.cli import demo_project as project
from connector_assets.cli.demo_compare import Comparison, compare_stream, render_comparisons
from connector_assets.cli.demo_drift import change_the_api, let_it_through
from connector_assets.cli.demo_next import render_next
from connector_assets.cli.demo_shell import (
    CONNECTORS,
    Demo,
    ask,
    build_environment,
    expect,
    headline,
    read_json,
    say,
    show,
    sync,
)
from connector_assets.cli.output import Output

BY_MONTH = (
    "SELECT month, count(*) AS flights, min(date) AS first_day, max(date) AS last_day "
    "FROM nyc.flights GROUP BY month ORDER BY month"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a demo ended: where it stands, how long it took, and what is at both ends."""

    folder: Path
    set_up_seconds: float
    seconds: float
    streams: tuple[Comparison, ...]


def run_demo(folder: Path, *, output: Output, connectors: Sequence[str] = CONNECTORS) -> Done:
    """Copy the example into ``folder``, load it act by act, break it, and compare with the source.

    Needs the network once, when Meltano installs the tap. Everything it starts has stopped when
    it returns or raises; the folder stays, for trying things. ``connectors`` is the command that
    it drives.

    Raises:
        ConfigError: The folder holds something else, or the data package is missing.
        EngineFailed: A part of the set-up failed.
        FatalSyncError: A sync did not do what the demo says it does.
    """
    demo = Demo(
        folder=folder.resolve(),
        output=output,
        environment=build_environment(),
        connectors=connectors,
    )
    started = time.monotonic()
    _set_up(demo)
    ready = time.monotonic()
    with project.serve_airports(demo.folder, environment=demo.environment):
        _load_january(demo)
        _load_february(demo)
        _load_with_dlt(demo)
        _kill_the_loader(demo)
        _load_the_rest(demo)
        _sync_again(demo)
        streams = _compare(demo)
        before = change_the_api(demo)
    let_it_through(demo, before=before)
    done = Done(
        folder=demo.folder,
        set_up_seconds=round(ready - started, 1),
        seconds=round(time.monotonic() - ready, 1),
        streams=streams,
    )
    _finish(demo, done)
    return done


def _set_up(demo: Demo) -> None:
    project.check_data()
    headline(demo, "Set-up: a project folder with three connectors, and a tap of its own")
    again = project.copy_example(demo.folder)
    say(demo, f"{'started over' if again else 'copied to'}: {demo.folder}")
    with demo.output.waiting("Meltano installs tap-flights into its own environment ..."):
        project.install_tap(demo.folder)
    project.publish_flights(demo.folder, until="2013-01")
    say(demo, "tap-flights is installed; the sources stand in source/, with flights of January")


def _load_january(demo: Demo) -> None:
    headline(demo, "1. January's flights: a Singer tap, run by Meltano, loads into a DuckLake")
    sync(demo, "flights")


def _load_february(demo: Demo) -> None:
    headline(demo, "2. February arrives: the sync continues where the last one stopped")
    before = _count_flights(demo)
    project.publish_flights(demo.folder, until="2013-02")
    sync(demo, "flights")
    grown, sent = _count_flights(demo) - before, _emitted(demo, "flights")
    expect(0 < grown <= sent < before + grown, "the second sync read more than what was new")
    say(
        demo,
        f"the tap sent {sent:,} rows (a tap repeats its last day), the table grew by {grown:,}",
    )


def _load_with_dlt(demo: Demo) -> None:
    headline(demo, "3. An HTTP API, page by page, and a SQL database: two connectors of dlt")
    sync(demo, "airports")
    sync(demo, "operations")


def _kill_the_loader(demo: Demo) -> None:
    headline(demo, "4. March arrives, and the loader is killed just before it commits")
    project.publish_flights(demo.folder, until="2013-03")
    before = _count_flights(demo)
    code = show(demo, "sync", "flights", fault="before_commit:kill")
    expect(code != 0, "the sync did not tell that its loader was killed")
    after = _count_flights(demo)
    expect(after == before, f"the table had {before:,} rows, and after the kill {after:,}")
    say(demo, f"SIGKILL after every row was written: the table still has {after:,} rows, as before")


def _load_the_rest(demo: Demo) -> None:
    headline(demo, "5. The rest of the year arrives; the next sync takes it all, March too")
    project.publish_flights(demo.folder, until="2013-12")
    sync(demo, "flights")
    show(demo, "query", "lake", BY_MONTH)
    say(demo, "nothing had to be cleaned up, nothing is missing, nothing is there twice")


def _sync_again(demo: Demo) -> None:
    headline(demo, "6. Once more, with nothing new at the source: nothing is added")
    before = _count_flights(demo)
    sync(demo, "flights")
    after = _count_flights(demo)
    expect(after == before, f"a sync with nothing new changed {before:,} rows to {after:,}")
    say(demo, f"{before:,} rows before, {after:,} rows after")


def _compare(demo: Demo) -> tuple[Comparison, ...]:
    headline(demo, "7. Is it all there? Source and destination side by side")
    comparisons = tuple(
        compare_stream(
            stream,
            source=source,
            found=ask(demo, source["destination"], sql=source["query"]),
        )
        for stream, source in json.loads(project.read_sources(demo.folder)).items()
    )
    demo.output.print(render_comparisons(comparisons))
    wrong = [one.stream for one in comparisons if not one.equal]
    expect(not wrong, f"not equal to the source: {', '.join(wrong)}")
    say(demo, "equal: rows, nulls, smallest, largest and a checksum of each column and whole row")
    return comparisons


def _finish(demo: Demo, done: Done) -> None:
    headline(demo, "How everything stands")
    show(demo, "status")
    headline(demo, "What to try next")
    demo.output.print(*render_next(demo.folder))
    say(demo, f"set-up {done.set_up_seconds:.0f} s, everything else {done.seconds:.0f} s")


def _count_flights(demo: Demo) -> int:
    return int(ask(demo, "lake", sql="SELECT count(*) AS n FROM nyc.flights")[0]["n"])


def _emitted(demo: Demo, connector: str) -> int:
    (last,) = (one for one in read_json(demo, "status") if one["connector"] == connector)
    return sum(int(stream["emitted"]) for stream in last["streams"])
