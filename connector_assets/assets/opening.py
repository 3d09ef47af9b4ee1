"""Opens a project and its ledger for what Dagster runs: an op, or a tick of a sensor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector_assets.credentials.sources import resolve_text
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Observer, Setting
from connector_assets.project import load_project


@contextmanager
def open_setting(
    root: Path, *, environment: str, observer: Observer | None = None
) -> Iterator[Setting]:
    """Read the project as its files are now, and open its ledger, as long as the block.

    Raises:
        ConfigError: connectors.yaml breaks a rule.
        LedgerUnreachable: The ledger does not answer.
    """
    project = load_project(root, environment=environment, tolerate=True)
    url = resolve_text(project.ledger_url, of="ledger", root=project.root)
    with Ledger.open(url) as ledger:
        yield Setting(project=project, ledger=ledger, observer=observer or Observer())
