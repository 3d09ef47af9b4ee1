"""Opens a project and its ledger for what Dagster runs: an op, or a tick of a sensor."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector_assets.credentials.sources import resolve_text
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.setting import Observer, Setting
from connector_assets.project import (
    PROJECT_VARIABLE,
    Project,
    find_project,
    load_project,
    stamp_project,
)

#: A file changed this shortly before it was read could change again without another time (ns).
_RESTLESS = 1_000_000_000
_Stamp = tuple[tuple[str, int, int, int], ...]
_read: dict[tuple[Path, str], tuple[_Stamp, Project]] = {}


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
    """Open the project as its files are now, and its ledger, as long as the block.

    Raises:
        ConfigError: connectors.yaml breaks a rule, or production's ledger is older than this.
        LedgerUnreachable: The ledger does not answer.
    """
    project = read_project(root, environment=environment)
    url = resolve_text(project.ledger_url, of="ledger", root=project.root)
    with Ledger.open(url, migrate=not project.production) as ledger:
        yield Setting(project=project, ledger=ledger, observer=observer or Observer())


def read_project(root: Path, *, environment: str) -> Project:
    """Return the project as its files are now; reads them only where one has changed.

    The sensors ask every few seconds, and a thousand files take half a second to read.

    Raises:
        ConfigError: connectors.yaml breaks a rule.
    """
    stamp = stamp_project(root)
    known = _read.get((root, environment))
    if known and known[0] == stamp:
        return known[1]
    project = load_project(root, environment=environment, tolerate=True)
    if max(changed for _, _, changed, _ in stamp) < time.time_ns() - _RESTLESS:
        _read[root, environment] = (stamp, project)
    return project
