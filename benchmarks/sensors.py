"""The sensors at work: ticks over connectors that are not due, and syncs of elsewhere told.

``python -m benchmarks.sensors probed|ticks|synced|mirror FOLDER NUMBER``, each in its own process.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

_PROJECT = """\
version: 1
project_id: bench
destinations:
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
defaults: {owner: bench, write: append}
"""
_CONNECTOR = """\
name: %(name)s
engine: dlt
source: python:rows:shop
destination: lake.%(name)s
streams: {orders: {}, stores: {}, staff: {}, items: {}, days: {}}
"""
_SOURCE = """\
import dlt

@dlt.source
def shop():
    for name in ("orders", "stores", "staff", "items", "days"):
        yield dlt.resource([{"id": 1}], name=name)
"""
CONNECTORS = 5


def probed(folder: Path, _number: int) -> None:
    """Note for each connector of a project that it was probed just now: none is due."""
    from connector_assets.assets.opening import open_setting
    from connector_assets.ledger.audit_records import ProbeRecord

    at = datetime.now(UTC) + timedelta(hours=1)
    with open_setting(folder, environment="dev") as setting:
        for one in setting.project.connectors:
            record = ProbeRecord(environment="dev", connector=one.name, probe_id="bench", at=at)
            setting.ledger.probes.save(record)


def ticks(folder: Path, number: int) -> None:
    """Evaluate the drift sensor as a code server does: once, and so many times more."""
    import dagster as dg

    from connector_assets.assets.sensors import DRIFT, build_sensors

    (sensor,) = [one for one in build_sensors(folder, environment="dev") if one.name == DRIFT]
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(1 + number):
            with dg.build_sensor_context(instance) as context:
                answer = sensor(context)
            assert isinstance(answer, dg.SkipReason), answer


def synced(folder: Path, _number: int) -> None:
    """Write a project, and sync each of its connectors once."""
    from connector_assets.assets.opening import open_setting
    from connector_assets.lifecycle.setting import StartRequest
    from connector_assets.lifecycle.sync import run_sync
    from connector_assets.model import Verdict

    (folder / "connectors").mkdir(parents=True)
    (folder / "connectors.yaml").write_text(_PROJECT)
    (folder / "rows.py").write_text(_SOURCE)
    for number in range(CONNECTORS):
        name = f"shop_{number}"
        (folder / "connectors" / f"{name}.yaml").write_text(_CONNECTOR % {"name": name})
    with open_setting(folder, environment="dev") as setting:
        for connector in setting.project.connectors:
            row = run_sync(setting, connector, request=StartRequest(root_run_id=uuid4().hex))
            assert row.verdict is Verdict.SUCCEEDED, row.cause


def mirror(folder: Path, number: int) -> None:
    """Start Dagster and wait until it was told of so many syncs; they are copies of real ones."""
    from connector_assets.assets.opening import open_setting
    from connector_assets.assets.servers import serve
    from connector_assets.ledger.records import View

    shutil.rmtree(folder / ".connectors" / "dagster", ignore_errors=True)
    with open_setting(folder, environment="dev") as setting, serve(setting.project, port=0):
        _wait(lambda: not setting.ledger.outbox.pending(View.DAGSTER, environment="dev"))
        _copy_syncs(folder, number)
        _wait(lambda: not setting.ledger.outbox.pending(View.DAGSTER, environment="dev"))


def _copy_syncs(folder: Path, number: int) -> None:
    import sqlalchemy as sa

    from connector_assets.ledger.tables import OUTBOX, SYNCS

    engine = sa.create_engine(f"sqlite:///{folder / '.connectors' / 'ledger.db'}")
    with engine.begin() as connection:
        real = connection.execute(sa.select(SYNCS, OUTBOX).join(OUTBOX).limit(CONNECTORS)).all()
        for at in range(number):
            row, sync_id = real[at % len(real)]._mapping, uuid4().hex
            sync = {column.name: row[column] for column in SYNCS.columns}
            told = {column.name: row[column] for column in OUTBOX.columns if column.name != "id"}
            connection.execute(SYNCS.insert().values(**sync | {"sync_id": sync_id}))
            connection.execute(OUTBOX.insert().values(**told | {"sync_id": sync_id}))
    engine.dispose()


def _wait(held: Callable[[], bool]) -> None:
    while not held():
        time.sleep(0.1)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    subjects = {"probed": probed, "ticks": ticks, "synced": synced, "mirror": mirror}
    subjects[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
    os._exit(0)
