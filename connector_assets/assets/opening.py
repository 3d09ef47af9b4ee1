"""Opens a project and its ledger for what Dagster runs: an op, or a tick of a sensor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector_assets.credentials.sources import resolve_text
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Observer, Setting
from connector_assets.project import PROJECT_VARIABLE, find_project, load_project


def find_root() -> Path:
    """Return the project of ``CONNECTORS_PROJECT``, else that of the working directory.

    Raises:
        ConfigError: There is none in the working directory or above.
    """
    named = os.environ.get(PROJECT_VARIABLE)
    return Path(named) if named else find_project(Path.cwd())


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
