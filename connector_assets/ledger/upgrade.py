"""Looks at a ledger's revision, and brings it to that of this installation, with a copy before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from connector_assets.ledger.address import parse_url, render_place
from connector_assets.ledger.database import Database
from connector_assets.ledger.revision import REVISIONS, ensure_tables, fetch_revision


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRevision:
    """A ledger's revision, None where it has no tables; ``file`` is None for one on a server."""

    place: str
    found: str | None
    known: str = REVISIONS[-1]
    file: Path | None = None


def look_at_ledger(url: str) -> LedgerRevision:
    """Return the revision of a ledger; changes nothing, and makes no file.

    Raises:
        ConfigError: The URL is wrong, or the ledger newer than this installation.
        LedgerUnreachable: The database does not answer.
    """
    file = _find_file(url)
    if file is not None and not file.exists():
        return LedgerRevision(place=render_place(parse_url(url)), found=None, file=file)
    with Database(url) as database:
        return LedgerRevision(place=database.place, found=fetch_revision(database), file=file)


def upgrade_ledger(url: str) -> Path | None:
    """Migrate a ledger in one transaction; return the copy that was made of an SQLite one before.

    A ledger without tables, or of this revision, is left as it is.

    Raises:
        ConfigError: The ledger is newer than this installation.
        LedgerUnreachable: The database does not answer.
    """
    ledger = look_at_ledger(url)
    if ledger.found in (None, ledger.known):
        return None
    copy = _copy(ledger.file, revision=ledger.known) if ledger.file else None
    with Database(url) as database:
        ensure_tables(database)
    return copy


def _find_file(url: str) -> Path | None:
    address = parse_url(url)
    is_file = address.get_backend_name() == "sqlite"
    return Path(address.database or "") if is_file else None


def _copy(file: Path, *, revision: str) -> Path:
    """Copy a database that others may write to, as one of its transactions left it."""
    copy = file.with_name(f"{file.name}.before-{revision}")
    if copy.exists():
        copy = copy.with_name(f"{copy.name}-{datetime.now(UTC):%Y%m%d%H%M%S}")
    part = copy.with_name(f"{copy.name}.part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
    part.replace(copy)
    return copy
