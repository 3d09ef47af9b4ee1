"""What a run step hands to its worker, and what the worker leaves behind: one attempt's folder."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector_assets.errors import LeaseLost
from connector_assets.model import Refresh
from connector_assets.plan import Plan

#: Carries the secrets, as JSON, in the worker's environment; taken out of it at once.
SECRETS_VARIABLE = "CONNECTORS_WORKER_SECRETS"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFolder:
    """The files of one attempt: ``work/SYNC/ATTEMPT`` in the project's own folder."""

    path: Path

    @property
    def job(self) -> Path:
        """What is to be done, as JSON without secrets."""
        return self.path / "job.json"

    @property
    def staged(self) -> Path:
        """The staged package: a dlt working directory that is never loaded itself."""
        return self.path / "staged"

    @property
    def package(self) -> Path:
        """The package's record; its existence is what makes the package count."""
        return self.path / "package.json"

    @property
    def loading(self) -> Path:
        """The working copy of the package that a load uses up."""
        return self.path / "loading"

    @property
    def progress(self) -> Path:
        """JSON lines with phase, stream and rows."""
        return self.path / "progress.jsonl"

    @property
    def result(self) -> Path:
        """The evidence by layer, as far as the worker came."""
        return self.path / "result.json"

    @property
    def lease(self) -> Path:
        """Until when the lease is surely held."""
        return self.path / "lease.json"

    @property
    def tap_state(self) -> Path:
        """The state that a tap starts from."""
        return self.path / "tap-state.json"

    @property
    def stage_file(self) -> Path:
        """What connector-target is to stage."""
        return self.path / "stage.json"

    @property
    def manifest(self) -> Path:
        """What connector-target staged."""
        return self.path / "manifest.json"


def find_checkpoint(folder: AttemptFolder, number: int) -> AttemptFolder:
    """Return the folder of a checkpoint, from 1, which has a package of its own."""
    return AttemptFolder(path=folder.path / "checkpoints" / str(number))


def clear_leftovers(folder: AttemptFolder) -> None:
    """Remove what the next try makes anew: working copies, and a package that is not sealed."""
    shutil.rmtree(folder.loading, ignore_errors=True)
    shutil.rmtree(folder.path / "checkpoints", ignore_errors=True)
    if not folder.package.exists():
        shutil.rmtree(folder.staged, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One attempt's work; ``known_version`` is the highest state version in the ledger.

    ``audit`` is what the gate compares with, as JSON values; ``refresh`` what is read from the
    beginning.
    """

    plan: Plan
    sync_id: str
    attempt: int
    known_version: int
    audit: Mapping[str, Any] = field(default_factory=dict)
    refresh: Refresh = Refresh.NONE

    @property
    def known(self) -> frozenset[str]:
        """The streams that were read before, or that the lock has."""
        return frozenset(self.audit.get("known", ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSecrets:
    """The values that a worker needs, by name; never shown."""

    connector: Mapping[str, str] = field(default_factory=dict, repr=False)
    destination: Mapping[str, str] = field(default_factory=dict, repr=False)


def save_job(job: Job, folder: AttemptFolder) -> None:
    """Write a job into its attempt's folder."""
    content = {
        "root": str(job.plan.root),
        "plan": job.plan.to_json(),
        "sync_id": job.sync_id,
        "attempt": job.attempt,
        "known_version": job.known_version,
        "audit": dict(job.audit),
        "refresh": str(job.refresh),
    }
    write_json(folder.job, content)


def load_job(folder: AttemptFolder) -> Job:
    """Read the job of an attempt's folder."""
    content = json.loads(folder.job.read_text(encoding="utf-8"))
    return Job(
        plan=Plan.from_json(content["plan"], root=Path(content["root"])),
        sync_id=content["sync_id"],
        attempt=content["attempt"],
        known_version=content["known_version"],
        audit=content["audit"],
        refresh=Refresh(content.get("refresh", Refresh.NONE)),
    )


def render_secrets(secrets: WorkerSecrets) -> str:
    """Return the text for :data:`SECRETS_VARIABLE`."""
    return json.dumps(
        {"connector": dict(secrets.connector), "destination": dict(secrets.destination)}
    )


def take_secrets(environment: MutableMapping[str, str]) -> WorkerSecrets:
    """Return the secrets and remove them, so that no child of the worker inherits them."""
    content = json.loads(environment.pop(SECRETS_VARIABLE, "{}"))
    return WorkerSecrets(
        connector=content.get("connector", {}), destination=content.get("destination", {})
    )


def read_result(folder: AttemptFolder) -> dict[str, dict[str, Any]]:
    """Return the evidence that the worker left, by layer; empty where it left none."""
    try:
        found: dict[str, dict[str, Any]] = json.loads(folder.result.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON in one step: a reader finds all of it or what was there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(content), encoding="utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def read_clock() -> float:
    """Return seconds on a clock that all processes of this machine share.

    The one that runs on while the machine sleeps, where there is one.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time() if clock is None else time.clock_gettime(clock)


def note_lease(folder: AttemptFolder, *, until: float) -> None:
    """Note until when, by :func:`read_clock`, the lease is surely held."""
    write_json(folder.lease, {"until": until})


def check_lease(folder: AttemptFolder, *, connector: str) -> None:
    """Make sure that the lease is still held: by the note of the step that renews it.

    A worker that was stopped, and wakes up when its lease has expired, learns it here.

    Raises:
        LeaseLost: The lease may have gone to another sync.
    """
    try:
        until = float(json.loads(folder.lease.read_text(encoding="utf-8"))["until"])
    except (OSError, ValueError, KeyError):
        until = 0.0
    if read_clock() >= until:
        raise LeaseLost(
            "the lease expired before the commit: this sync was stopped for too long",
            connector=connector,
            fix=f"Nothing was loaded. Run it again: connectors sync {connector}",
        )
