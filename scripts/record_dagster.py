"""Take the pictures of docs/dagster.md from a real Dagster with the demo's project.

``make screenshots`` runs it; by hand: ``python -m scripts.record_dagster`` in the project's folder.
It needs Chromium on the PATH (or its place in ``CHROMIUM``) and the dependency group ``docs``, and
takes three minutes. Everything that it starts has stopped when it ends.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from connector_assets.assets.servers import serve
from connector_assets.cli import demo_project
from connector_assets.cli.demo_shell import build_environment
from connector_assets.project import load_project
from tests.assets.instance import Instance

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
#: With the demo's own three, they show a source that two read, and one that waits for others.
MORE = {
    "fleet": """\
name: fleet
owner: team-maintenance
engine: dlt
source: sql_database
config: {credentials: "sqlite:///source/operations.sqlite"}
destination: lake.fleet
defaults: {write: replace}
streams:
  planes: {primary_key: tailnum}
""",
    "punctuality": """\
name: punctuality
owner: team-aviation
schedule: {cron: "0 6 * * *", timezone: America/New_York}
engine: dlt
source: python:punctuality:delays
destination: lake.punctuality
depends_on: [flights, airports]
defaults: {write: replace}
streams:
  delays: {primary_key: [origin, month]}
""",
}
PUNCTUALITY = '''\
"""Mean delays of each origin and month, computed from the published flights."""

import csv
from collections import defaultdict
from pathlib import Path

import dlt


@dlt.resource(name="delays")
def delays():
    found = defaultdict(list)
    for file in sorted(Path("source/flights").glob("*.csv")):
        for row in csv.DictReader(file.open()):
            if row["dep_delay"] not in ("", "NA"):
                found[row["origin"], int(row["month"])].append(float(row["dep_delay"]))
    for (origin, month), values in sorted(found.items()):
        yield {"origin": origin, "month": month, "flights": len(values),
               "minutes": sum(values) / len(values)}
'''


ASSETS = (
    ("flights/flights",),
    ("airports/airports",),
    ("operations/airlines", "operations/planes", "operations/weather"),
    ("fleet/planes",),
    ("punctuality/delays",),
)
SENSOR = "schema_drift_sensor"
WIDTH, HEIGHT = 1400, 900
#: What keeps Chromium from calling home.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Take the four pictures; return 0, or 1 with a message where something is missing."""
    problem = find_problem()
    if problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "nyc-flights-demo"
        prepare(folder)
        with start(folder) as instance, open_page() as page:
            for keys in ASSETS:
                say(f"syncing {', '.join(keys)}")
                expect(instance, keys, status="SUCCESS")
            take_asset(page, instance)
            say("the API changes, and the drift sensor looks at it")
            change_the_api(folder)
            wait_for(lambda: instance.checks("airports/airports")["schema"] is False)
            take_sensor(page, instance)
            say("syncing airports/airports, which is blocked")
            blocked = expect(instance, ("airports/airports",), status="FAILURE")
            take_run(page, instance, blocked)
            take_lineage(page, instance)
    return 0


def find_problem() -> str:
    """Return what is missing and how to get it; empty where nothing is."""
    if not find_browser():
        return "Chromium is missing: apt-get install chromium, or name its place in CHROMIUM"
    try:
        import playwright.sync_api  # noqa: F401 # is it there?
    except ImportError:
        return "Playwright is missing: uv pip install --group docs, or run: make screenshots"
    return ""


def find_browser() -> str | None:
    """Return the place of Chromium, None where there is none."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def prepare(folder: Path) -> None:
    """Copy the demo's project into ``folder``, install its tap, and add two connectors."""
    demo_project.check_data()
    demo_project.copy_example(folder)
    demo_project.install_tap(folder)
    demo_project.publish_flights(folder, until="2013-02")
    for name, text in MORE.items():
        (folder / "connectors" / f"{name}.yaml").write_text(text, encoding="utf-8")
    (folder / "punctuality.py").write_text(PUNCTUALITY, encoding="utf-8")


@contextmanager
def start(folder: Path) -> Iterator[Instance]:
    """Run the demo's API and Dagster as long as the block."""
    environment = build_environment()
    os.environ.update(environment)
    with (
        demo_project.serve_airports(folder, environment=environment),
        serve(load_project(folder), port=0) as running,
    ):
        yield Instance(running.url)


@contextmanager
def open_page() -> Iterator[Page]:
    """Open an empty browser with a page in it as long as the block."""
    from playwright.sync_api import sync_playwright

    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else [*FLAGS]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=flags)
        yield browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, timezone_id="UTC", locale="en-US"
        )
        browser.close()


def change_the_api(folder: Path) -> None:
    """Let the API answer as its next version, and the connector be due within a minute."""
    demo_project.publish_api(folder, version="2")
    file = folder / "connectors" / "airports.yaml"
    due = datetime.now(UTC) + timedelta(minutes=1)
    schedule = f'schedule: {{cron: "{due.minute} {due.hour} * * *", timezone: UTC}}'
    file.write_text(re.sub("schedule: .*", schedule, file.read_text(encoding="utf-8")))


def take_lineage(page: Page, instance: Instance) -> None:
    """Take the picture of all connectors, their sources, and what waits for what."""
    page.goto(f"{instance.url}/asset-groups")
    page.locator("svg").get_by_text("punctuality").wait_for()
    save(page, "lineage", height=680)


def take_asset(page: Page, instance: Instance) -> None:
    """Take the picture of a stream with its columns."""
    page.goto(f"{instance.url}/assets/operations/weather")
    page.get_by_text("wind_dir").wait_for()
    save(page, "asset")


def take_sensor(page: Page, instance: Instance) -> None:
    """Take the picture of the drift sensor, with what its last tick but some found."""
    page.goto(f"{instance.url}/locations/connector_assets.definitions/sensors/{SENSOR}")
    page.get_by_text("View logs").first.wait_for()
    found = next(at for at, one in enumerate(instance.skips(SENSOR)) if "type_changed" in one)
    # The words stand once for the last tick, twice in each row; pointed at, they tell why.
    page.get_by_text("0 runs requested").nth(1 + 2 * found).hover()
    page.get_by_text("type_changed").wait_for()
    save(page, "sensor")


def take_run(page: Page, instance: Instance, run_id: str) -> None:
    """Take the picture of a run that was blocked: its steps, and what its last one says."""
    page.goto(f"{instance.url}/runs/{run_id}?logs={quote('type:STEP_FAILURE')}")
    page.get_by_text("drift diff").first.wait_for()
    save(page, "blocked", height=640)


def save(page: Page, name: str, *, height: int = HEIGHT) -> None:
    """Write the upper part of the page to docs/images, once its last parts have come."""
    # Statuses come after the names, and graphs fade in: no element says that it is over.
    page.wait_for_timeout(3_000)
    file = IMAGES / f"dagster-{name}.png"
    page.screenshot(path=file, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
    say(f"docs/images/dagster-{name}.png")


def expect(instance: Instance, keys: tuple[str, ...], *, status: str) -> str:
    """Sync assets and return the run's id; exit where it ends otherwise."""
    run_id = instance.materialize(*keys)
    found = instance.wait(run_id, seconds=180)["status"]
    if found != status:
        sys.exit(f"the run of {', '.join(keys)} ended as {found}, and not as {status}")
    return run_id


def wait_for(held: Callable[[], bool], *, seconds: float = 180) -> None:
    """Wait until something holds; exit where it does not."""
    deadline = time.monotonic() + seconds
    while not held():
        if time.monotonic() > deadline:
            sys.exit(f"the drift sensor found nothing within {seconds:.0f} seconds")
        time.sleep(1)


def say(text: str) -> None:
    """Tell what happens now."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
