"""The file lock: who may open a DuckDB file, for restore, load and read-back only.

Extraction stays parallel. DuckDB lets one process open a file for writing; without the lock the
second one would fail at once instead of waiting its turn.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from connector_assets.errors import FileLocked, TransientSyncError
from connector_assets.model import Destination, DestinationKind

DEFAULT_WAIT = 120.0
#: Bounds, in seconds, every wait for a DuckDB file that somebody else has open.
WAIT_VARIABLE = "CONNECTORS_LOCK_WAIT"
_FOREIGN_WAIT = 20.0
_LOOK_EVERY = 0.5


def lock_wait(*, usual: float = DEFAULT_WAIT) -> float:
    """Return how long to wait for a DuckDB file, in seconds."""
    return float(os.environ.get(WAIT_VARIABLE) or usual)


def build_patience(tell: Callable[[str], object] = lambda _: None) -> Retrying:
    """Return what tries again, for a bounded time, to open a destination.

    A reader that is no process of ours, such as a query tool, takes no lock: it is waited for; so
    is a catalog's server that restarts. ``tell`` gets the reason of each wait.
    """

    def announce(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        tell(getattr(error, "problem", ""))

    return Retrying(
        retry=retry_if_exception_type(TransientSyncError),
        stop=stop_after_delay(lock_wait(usual=_FOREIGN_WAIT)),
        wait=wait_fixed(_LOOK_EVERY),
        before_sleep=announce,
        reraise=True,
    )


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
    destination: Destination, *, purpose: str, wait: float | None = None
) -> Iterator[None]:
    """Hold the destination's file for the length of the block; wait up to ``wait`` seconds.

    Without ``wait`` the usual time is waited, or what the environment says.

    The lock is the operating system's: it ends with its process, however that ends.

    Raises:
        FileLocked: The wait was over; names the holder's purpose, process and host.
    """
    file = lock_file(destination)
    if file is None:
        yield
        return
    wait = lock_wait() if wait is None else wait
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
