"""A project with one connector, which gets the cases of the type contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest

from connector_assets.destinations.connect import connected
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.model import (
    Engine,
)
from connector_assets.project import load_project

from .case import Case, Sent, Way
from .cases import find
from .sources import by_stream, render_messages

PROJECT = """\
version: 1
project_id: contract
defaults: {owner: team, write: append, retries: {max: 0}}
destinations:
  file: {type: duckdb, path: data/file.duckdb}
  lake: {type: ducklake, catalog: "duckdb:///data/lake.ducklake", data_path: data/lake}
"""
CONNECTOR = """\
name: contract
engine: {engine}
source: {source}
config: {config}
destination: {destination}.contract
streams:
"""
DESTINATIONS = ("file", "lake")


class Contract:
    """A project with one connector, which gets all the cases that arrive."""

    def __init__(self, root: Path, destination: str) -> None:
        self.root, self.destination = root, destination
        (root / "connectors").mkdir()
        (root / "connectors.yaml").write_text(PROJECT)
        code = "from tests.type_contract.sources import contract, single\n"
        (root / "contract_source.py").write_text(code)

    def sync(self, engine: Engine, *, source: str, config: str, streams: list[str]) -> SyncRow:
        """Sync streams, each named after the policy that it ends with."""
        text = CONNECTOR.format(
            engine=engine, source=source, config=config, destination=self.destination
        )
        for stream in streams:
            policy = stream.partition("_")[2]
            rules = "{}" if policy == "unsaid" else f"{{naive_times: {policy}}}"
            text += f"  {stream}: {rules}\n"
        (self.root / "connectors" / "contract.yaml").write_text(text)
        project = load_project(self.root)
        with Ledger.open(f"sqlite:///{self.root / '.connectors' / 'ledger.db'}") as ledger:
            setting = Setting(project=project, ledger=ledger)
            request = StartRequest(root_run_id=uuid4().hex)
            return run_sync(setting, project.connector("contract"), request=request)

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        destination = load_project(self.root).destination(self.destination)
        with connected(destination, secrets={}, read_only=True) as connection:
            yield connection


def send(contract: Contract, given: list[tuple[Case, Sent]]) -> SyncRow:
    """Sync cases through the tap that prints them."""
    streams = {f"tap_{stream}": cases for stream, cases in by_stream(given).items()}
    (contract.root / "lines.jsonl").write_bytes(b"".join(render_messages(streams)))
    return contract.sync(
        Engine.MELTANO, source="tap-verbatim", config="{file: lines.jsonl}", streams=[*streams]
    )


def ids(given: list[tuple[Case, Sent]]) -> list[str]:
    return [case.name for case, _ in given]


def cases(way: Way, *, arrives: bool) -> pytest.MarkDecorator:
    """Parametrise over the names of cases."""
    return pytest.mark.parametrize("name", ids(find(way, arrives=arrives)))
