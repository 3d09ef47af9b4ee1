"""Artifacts: the logs and held packages that a project keeps, in a folder or below an S3 URL.

A log is written to a local file while its sync runs. Where artifacts are remote, it is uploaded
when the sync is finalized, so that ``logs`` and ``debug`` work from any machine.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import fsspec

from connector_assets.errors import ConfigError


def is_remote(artifacts: str) -> bool:
    """Tell whether the project's artifacts are anywhere but in a local folder."""
    return "://" in artifacts


def log_place(artifacts: str, *, connector: str, sync_id: str) -> str:
    """Return where the log of a sync stands: a path or a URL; one JSON object per line."""
    return f"{artifacts}/logs/{connector}/{sync_id}.jsonl"


def log_file(artifacts: str, *, connector: str, sync_id: str, work: Path) -> Path:
    """Return the local file that the log of a running sync is written to."""
    if is_remote(artifacts):
        return work / sync_id / "log.jsonl"
    return Path(log_place(artifacts, connector=connector, sync_id=sync_id))


def publish_log(artifacts: str, *, connector: str, sync_id: str, work: Path) -> str:
    """Upload the log of a sync where artifacts are remote; return where it stands.

    Raises:
        OSError: The storage does not take it; the local file stays.
    """
    place = log_place(artifacts, connector=connector, sync_id=sync_id)
    if is_remote(artifacts):
        local = log_file(artifacts, connector=connector, sync_id=sync_id, work=work)
        if local.is_file():
            with _storage(), local.open("rb") as source, fsspec.open(place, "wb") as target:
                shutil.copyfileobj(source, target)
    return place


def read_log(artifacts: str, *, connector: str, sync_id: str, work: Path) -> list[str]:
    """Return the lines of a sync's log: of the local file where there is one, else as published.

    Raises:
        ConfigError: There is no log, or its storage cannot be read.
    """
    local = log_file(artifacts, connector=connector, sync_id=sync_id, work=work)
    place = (
        str(local)
        if local.is_file()
        else log_place(artifacts, connector=connector, sync_id=sync_id)
    )
    try:
        with _storage(), fsspec.open(place, "rt", encoding="utf-8", errors="replace") as file:
            return [str(line).rstrip("\n") for line in file]
    except (OSError, ImportError) as error:
        raise ConfigError(
            f"the log of sync {sync_id} cannot be read: {error}",
            place=place,
            fix="Was it removed? Logs stand under `artifacts:` of connectors.yaml.",
        ) from error


def drop_old_logs(artifacts: str, *, before: datetime) -> int:
    """Remove the logs that were written before a moment; return how many.

    Raises:
        ConfigError: Their storage does not answer.
    """
    try:
        with _storage():
            system, path = fsspec.core.url_to_fs(f"{artifacts}/logs")
            if not system.exists(path):
                return 0
            found = system.find(path, detail=True)
            old = [file for file in found if system.modified(file).astimezone(UTC) < before]
            for file in old:
                system.rm(file)
            return len(old)
    except (OSError, ImportError) as error:
        fix = "Look at `artifacts:` of connectors.yaml."
        raise ConfigError(f"old logs cannot be removed: {error}", fix=fix) from error


def keep_package(artifacts: str, folder: Path, *, connector: str, package_id: str) -> str:
    """Keep the package of an attempt's folder among the artifacts; return its place.

    ``package.json`` and ``staged`` are kept, whole or not at all. Kept again, it is replaced.

    Raises:
        OSError: The storage does not take it.
    """
    place = f"{artifacts}/held/{connector}/{package_id}.tar.gz"
    if not is_remote(artifacts):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
    # Of a tar that was cut off no member is read: it ends in a checksum.
    part = place if is_remote(artifacts) else f"{place}.part"
    with (
        _storage(),
        fsspec.open(part, "wb") as file,
        tarfile.open(fileobj=file, mode="w:gz") as archive,
    ):
        for name in ("package.json", "staged"):
            archive.add(folder / name, arcname=name)
    if not is_remote(artifacts):
        Path(part).replace(place)
    return place


def fetch_package(place: str, *, to: Path) -> None:
    """Unpack a kept package into an attempt's folder; its record comes last.

    Raises:
        ConfigError: It is not there any more.
    """
    to.mkdir(parents=True, exist_ok=True)
    try:
        with (
            _storage(),
            tempfile.TemporaryDirectory(dir=to) as scratch,
            fsspec.open(place, "rb") as file,
            tarfile.open(fileobj=file, mode="r:gz") as archive,
        ):
            archive.extractall(scratch, filter="data")
            shutil.rmtree(to / "staged", ignore_errors=True)
            for name in ("staged", "package.json"):
                (Path(scratch) / name).rename(to / name)
    except FileNotFoundError as error:
        raise ConfigError(
            "the held package is not there any more",
            place=place,
            fix="Was it removed by hand? Sync again: the source is read anew.",
        ) from error


def measure_package(place: str) -> int:
    """Return the size of a kept package in bytes.

    Raises:
        OSError: The storage does not answer.
    """
    with _storage():
        system, path = fsspec.core.url_to_fs(place)
        return int(system.size(path) or 0)


def drop_package(place: str) -> None:
    """Remove a kept package; one that is gone already is fine.

    Raises:
        OSError: The storage does not answer.
    """
    with _storage():
        system, path = fsspec.core.url_to_fs(place)
        if system.exists(path):
            system.rm(path)


@contextmanager
def _storage() -> Iterator[None]:
    """Raise an OSError for whatever a storage's own library raises.

    botocore's errors, such as that of an endpoint that does not answer, are none.
    """
    try:
        yield
    except (OSError, ImportError):
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
