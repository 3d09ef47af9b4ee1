"""The file lock: who may open a DuckDB file, for restore, load and read-back only.

Extraction stays parallel. DuckDB lets one process open a file for writing; without the lock the
second one would fail at once instead of waiting its turn.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from connector_assets.errors import FileLocked
from connector_assets.model import Destination, DestinationKind

DEFAULT_WAIT = 120.0


def lock_file(destination: Destination) -> Path | None:
    """Return the lock's file, beside the database it guards; None where several may write.

    Symbolic links are resolved, so that two names of one file share one lock.
    """
    if destination.kind is DestinationKind.DUCKDB:
        database = Path(destination.path)
    elif destination.catalog.startswith("duckdb:///"):
        database = Path(destination.catalog.removeprefix("duckdb:///"))
    else:
        return None
    real = database.resolve()
    return real.with_name(f".{real.name}.lock")


@contextmanager
def file_lock(
    destination: Destination, *, purpose: str, wait: float = DEFAULT_WAIT
) -> Iterator[None]:
    """Hold the destination's file for the length of the block; wait up to ``wait`` seconds.

    The lock is the operating system's: it ends with its process, however that ends.

    Raises:
        FileLocked: The wait was over; names the holder's purpose, process and host.
    """
    file = lock_file(destination)
    if file is None:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    holder = file.with_suffix(".holder")
    lock = FileLock(file, timeout=wait, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise FileLocked(
            f"{destination.name} is in use by {_read_holder(holder)}, after {wait:g} s of waiting",
            place=f"destination {destination.name}",
            fix="Run the sync again when it is free.",
        ) from error
    try:
        about = {"purpose": purpose, "pid": os.getpid(), "host": socket.gethostname()}
        holder.write_text(json.dumps(about), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read_holder(file: Path) -> str:
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        return f"{about['purpose']} (process {about['pid']} on {about['host']})"
    except (OSError, ValueError, KeyError):
        return "another process"
