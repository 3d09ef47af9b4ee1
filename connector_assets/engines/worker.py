"""The engine process of one run step: extract, then load in one transaction.

``python -P -m connector_assets.engines.worker FOLDER``, started and supervised by the run step.
Reads ``job.json``, writes ``result.json`` layer by layer; a package that an earlier try of the
attempt sealed is loaded without asking the source again.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from connector_assets.credentials.redact import Redactor
from connector_assets.destinations.bookkeeping import LoadRecord
from connector_assets.destinations.load import LoadTarget, load_package
from connector_assets.destinations.locks import file_lock
from connector_assets.destinations.package import (
    Package,
    as_whole,
    count_staged,
    find_package,
    is_checkpoint,
    seal_package,
)
from connector_assets.destinations.stamp import Stamp
from connector_assets.engines.extract import extract
from connector_assets.engines.gate import (
    combine_gates,
    judge_package,
    raise_where_blocked,
    render_gate,
    render_refusal,
)
from connector_assets.engines.job import (
    AttemptFolder,
    Job,
    WorkerSecrets,
    check_lease,
    clear_leftovers,
    load_job,
    take_secrets,
    write_json,
)
from connector_assets.engines.orphan import Parent
from connector_assets.engines.progress import Progress
from connector_assets.engines.telling import tell
from connector_assets.errors import ConnectorError, DriftBlocked, FatalSyncError
from connector_assets.garbage import collect_rarely

_Result = TypeVar("_Result")


def main() -> int:
    """Do the job of the folder named on the command line; return an exit code."""
    parent = Parent()
    parent.watch()
    collect_rarely()
    folder = AttemptFolder(path=Path(sys.argv[1]))
    secrets = take_secrets(os.environ)
    job = load_job(folder)
    # Last, so that no file of the project hides a module of Python's or ours.
    sys.path.append(str(job.plan.root))
    worker = Worker(job, folder=folder, secrets=secrets, parent=parent)
    try:
        worker.work()
    except ConnectorError as error:
        return error.exit_code
    return 0


class Worker:
    """Takes one job through its layers and writes down how each ended."""

    def __init__(
        self, job: Job, *, folder: AttemptFolder, secrets: WorkerSecrets, parent: Parent
    ) -> None:
        self._job = job
        self._parent = parent
        self._folder = folder
        self._secrets = secrets
        self._redactor = Redactor([*secrets.connector.values(), *secrets.destination.values()])
        self._progress = Progress(folder.progress)
        self._layers: dict[str, dict[str, Any]] = {}
        self._staged: list[Package] = []
        self._judged: Package | None = None

    def work(self) -> None:
        """Extract unless that was done, put it before the gate, then load; each checkpoint too.

        Raises:
            ConnectorError: A layer failed; it is written down already.
        """
        try:
            # Closed before anything is held: what goes on extracting ends with it.
            with closing(self._extract()) as packages:
                for package in packages:
                    self._judged = package
                    self._judge(package)
                    self._judged = None
                    self._arrive(package)
        except DriftBlocked:
            if self._judged and is_checkpoint(self._judged.package_id):
                _keep_as_package(self._judged, folder=self._folder)
            raise

    def _extract(self) -> Generator[Package]:
        """Yield the checkpoints that are to be loaded, and what is left after them."""
        with closing(self._seal()) as packages:
            while True:
                package: Package = self._layer("extract", partial(next, packages), self._describe)
                yield package
                if not is_checkpoint(package.package_id):
                    return

    def _seal(self) -> Generator[Package]:
        sealed = find_package(self._folder.package)
        if sealed:
            yield sealed
        else:
            yield from extract(
                self._job, folder=self._folder, secrets=self._secrets, progress=self._progress
            )

    def _describe(self, package: Package) -> dict[str, Any]:
        """Return the evidence of what was extracted so far."""
        self._staged.append(package)
        connector = self._job.plan.connector
        return {
            "package_id": package.package_id,
            "base_version": package.base_version,
            "streams": count_staged(self._staged),
            "full_refresh": [one.name for one in connector.streams if one.table in package.emptied],
            "checkpoints": sum(is_checkpoint(one.package_id) for one in self._staged),
        }

    def _judge(self, package: Package) -> None:
        connector = self._job.plan.connector
        self._progress.enter("gate")
        began = time.monotonic()
        gate = judge_package(connector, package, context=self._job.audit)
        evidence = render_gate(gate, package, connector=connector)
        took = time.monotonic() - began + package.batch.get("seconds", 0)
        evidence["seconds"] = round(took, 4)
        evidence = combine_gates(self._layers.get("gate"), evidence)
        try:
            raise_where_blocked(gate, connector=connector.name)
        except DriftBlocked as error:
            self._note(
                "gate", {**evidence, "package_id": as_whole(package).package_id}, error=error
            )
            raise
        self._note("gate", evidence)

    def _arrive(self, package: Package) -> None:
        """Load a package; of a checkpoint the log tells, since the layer is for the last one."""
        if not is_checkpoint(package.package_id):
            self._layer("load", partial(self._load, package), _describe_load)
            return
        try:
            record = self._load(package)
        except Exception as error:
            ours = self._explain(error, layer="load")
            self._note("load", {}, error=ours)
            raise ours from error
        rows = sum(one.in_destination or 0 for one in record.streams)
        tell(f"checkpoint {len(self._staged)}: {rows:,} rows are committed", source="connectors")
        shutil.rmtree(package.folder.parent, ignore_errors=True)

    def _load(self, package: Package) -> LoadRecord:
        plan = self._job.plan
        connector = plan.connector
        self._progress.enter("load")
        target = LoadTarget(
            destination=connector.destination,
            secrets=self._secrets.destination,
            scratch=self._folder.loading,
            memory=connector.memory,
            stamp=Stamp(project_id=plan.project_id, environment=plan.environment),
            may_commit=self._may_commit,
        )
        purpose = f"sync {self._job.sync_id} of {connector.name}"
        with file_lock(connector.destination, purpose=purpose):
            return load_package(package, target)

    def _may_commit(self) -> None:
        self._progress.enter("commit")
        # A load can be shorter than the time between two looks.
        self._parent.check()
        check_lease(self._folder, connector=self._job.plan.connector.name)

    def _layer(
        self,
        name: str,
        work: Callable[[], _Result],
        describe: Callable[[_Result], dict[str, Any]],
    ) -> _Result:
        so_far = self._layers.get(name, {})
        began = time.monotonic() - so_far.get("seconds", 0)
        try:
            result = work()
        except DriftBlocked as error:
            # Refused by what stages: nothing of it is in the destination.
            self._note(name, {**so_far, "seconds": round(time.monotonic() - began, 3)})
            refusal = combine_gates(self._layers.get("gate"), render_refusal(error))
            self._note("gate", refusal, error=error)
            raise
        except Exception as error:
            if not isinstance(error, ConnectorError):
                traceback.print_exc()
            ours = self._explain(error, layer=name)
            self._note(name, so_far, error=ours)
            raise ours from error.__cause__ if ours is error else error
        self._note(name, {"seconds": round(time.monotonic() - began, 3), **describe(result)})
        return result

    def _explain(self, error: Exception, *, layer: str) -> ConnectorError:
        if not self._folder.lease.exists():
            # Another sync took this one for dead, and its folder away: the error is of no account.
            try:
                check_lease(self._folder, connector=self._job.plan.connector.name)
            except ConnectorError as lost:
                return lost
        return error if isinstance(error, ConnectorError) else _wrap(error, layer=layer)

    def _note(
        self, layer: str, payload: dict[str, Any], *, error: ConnectorError | None = None
    ) -> None:
        if error:
            error.with_context(connector=self._job.plan.connector.name)
            # A source, a tap and a database repeat what they were given.
            self._redactor.error(error)
            payload = {**payload, "error": error.to_record()}
        self._layers[layer] = payload
        try:
            write_json(self._folder.result, self._layers)
        except OSError:
            # A full disk: what is worth nothing now gives way to the reason.
            clear_leftovers(self._folder)
            write_json(self._folder.result, self._layers)


def _keep_as_package(part: Package, *, folder: AttemptFolder) -> None:
    """Let a checkpoint that was refused be the attempt's package: it is what a person decides on.

    Whatever was read after it is read again.
    """
    shutil.rmtree(folder.staged, ignore_errors=True)
    part.folder.rename(folder.staged)
    seal_package(replace(as_whole(part), folder=folder.staged), file=folder.package)


def _describe_load(record: LoadRecord) -> dict[str, Any]:
    return {"state_version": record.state_version, "snapshot": record.snapshot}


def _wrap(error: Exception, *, layer: str) -> ConnectorError:
    # An error of the load can come after its commit: only the destination knows.
    loaded = "Nothing was loaded." if layer == "extract" else "Finalize asks what was loaded."
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return FatalSyncError(
            f"the disk is full: {error}",
            fix=f"{loaded} Free space in the project's folder, then sync again.",
        )
    return FatalSyncError(
        f"{type(error).__name__}: {error}",
        fix=f"{loaded} The log has the whole traceback.",
    )


if __name__ == "__main__":
    sys.exit(main())
