"""A project that reads the API by one engine into one destination; what is in it, and what is told.

After its first sync the project's folder is kept, so that each case starts from there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from connector_assets.ledger.audit_records import DriftEvent, DriftStatus
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle import decisions
from connector_assets.lifecycle.setting import Setting, StartRequest
from connector_assets.lifecycle.sync import run_sync
from connector_assets.project import Project, load_project
from tests.faults.content import Dump, dump_destination

from .api import Api

PROJECT = """\
version: 1
project_id: shop
defaults: {owner: team, retries: {max: 0}}
destinations:
  warehouse: {type: duckdb, path: data/warehouse.duckdb}
  lake: {type: ducklake, catalog: "sqlite:///data/lake.sqlite", data_path: data/lake}
"""
_CLIENT = {"paginator": {"type": "json_link", "next_url_path": "next"}}


class Shop:
    """The project at ``root``; ``engine`` is ``dlt`` or ``meltano``."""

    def __init__(self, root: Path, api: Api, *, engine: str, destination: str) -> None:
        self.root, self.api, self.engine, self.destination = root, api, engine, destination
        (root / "connectors").mkdir(parents=True)
        self.declare()

    def declare(self, *, alerts: str = "", **streams: dict[str, Any]) -> None:
        """Write the project's files; ``streams`` change those that are usual."""
        extra = f'alerts: {{urls: ["{alerts}"]}}\n' if alerts else ""
        (self.root / "connectors.yaml").write_text(PROJECT + extra)
        usual: dict[str, dict[str, Any]] = {
            "orders": {"write": "merge", "primary_key": "id", "cursor": "updated"},
            "stores": {"write": "replace", "min_share": 0.6},
            "events": {"write": "append", "cursor": "at"},
        }
        declared = {name: {**one, **streams.get(name, {})} for name, one in usual.items()}
        content = {
            "name": "shop",
            "destination": f"{self.destination}.shop_data",
            **(self._by_dlt(declared) if self.engine == "dlt" else self._by_tap(declared)),
        }
        # JSON is YAML.
        (self.root / "connectors" / "shop.yaml").write_text(json.dumps(content))

    def _by_dlt(self, streams: dict[str, dict[str, Any]]) -> dict[str, Any]:
        for name, one in streams.items():
            since = {"params": {"since": "${cursor}"}} if "cursor" in one else {}
            one["config"] = {"path": name, "data_selector": "data", **since}
        client = {"base_url": f"{self.api.url}/", **_CLIENT}
        return {
            "engine": "dlt",
            "source": "rest_api",
            "config": {"client": client},
            "streams": streams,
        }

    def _by_tap(self, streams: dict[str, dict[str, Any]]) -> dict[str, Any]:
        config = {"url": self.api.url}
        return {
            "engine": "meltano",
            "source": "tap-streams-api",
            "config": config,
            "streams": streams,
        }

    @property
    def project(self) -> Project:
        return load_project(self.root)

    @contextmanager
    def setting(self) -> Iterator[Setting]:
        project = self.project
        with Ledger.open(f"sqlite:///{self.root / '.connectors' / 'ledger.db'}") as ledger:
            yield Setting(project=project, ledger=ledger)

    def sync(self) -> SyncRow:
        with self.setting() as setting:
            request = StartRequest(root_run_id=uuid4().hex)
            return run_sync(setting, setting.project.connector("shop"), request=request)

    def approve(self) -> list[DriftEvent]:
        with self.setting() as setting:
            return decisions.approve(setting, "shop", who="ada")

    def release(self, row: SyncRow) -> SyncRow:
        with self.setting() as setting:
            return decisions.release(setting, row.sync_id, who="ada")

    def events(self) -> list[DriftEvent]:
        """Return what is open or recorded, as ``connectors drift list --all`` does."""
        with self.setting() as setting:
            return setting.ledger.drift.find(environment="dev", statuses=tuple(DriftStatus))

    def told(self) -> set[str]:
        """Return every drift that counts as one line: where, what, and what is done about it."""
        return {
            f"{'.'.join((one.stream, *one.column))} {one.kind} {one.policy}"
            for one in self.events()
            if one.status is not DriftStatus.NOTED
        }

    def held(self) -> list[str]:
        """Return the syncs whose packages are held."""
        with self.setting() as setting:
            return [one.sync_id for one in setting.ledger.packages.held(environment="dev")]

    def dump(self) -> Dump:
        """Return everything that the destination has: tables, states, load records."""
        return dump_destination(self.project.destination(self.destination))

    def rows(self, stream: str) -> list[dict[str, str | None]]:
        return self.dump()[f"shop_data.{stream}"]


class Start:
    """The project's folder after the first sync: each case begins with a copy, in its place."""

    def __init__(self, shop: Shop, kept: Path) -> None:
        self.shop, self._kept = shop, kept
        shutil.copytree(shop.root, kept, symlinks=True)

    def again(self) -> Shop:
        shutil.rmtree(self.shop.root)
        shutil.copytree(self._kept, self.shop.root, symlinks=True)
        return self.shop
