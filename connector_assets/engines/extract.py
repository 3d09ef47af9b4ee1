"""From a connector to a sealed package: restore the position, stage, seal; by either engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import uuid4

from connector_assets.cursors import find_cursors
from connector_assets.destinations.connect import is_new
from connector_assets.destinations.locks import build_patience, file_lock
from connector_assets.destinations.package import (
    Package,
    StagedStream,
    name_checkpoint,
    seal_package,
)
from connector_assets.destinations.restore import restore
from connector_assets.engines import meltano
from connector_assets.engines.batch import describe_batch
from connector_assets.engines.dlt import Staged
from connector_assets.engines.dlt_checkpoints import stage_dlt_checkpoints
from connector_assets.engines.job import (
    AttemptFolder,
    Job,
    WorkerSecrets,
    find_checkpoint,
    write_json,
)
from connector_assets.engines.meltano_log import LogLine
from connector_assets.engines.progress import Progress
from connector_assets.engines.refresh import forget_positions, list_tables
from connector_assets.engines.staging import open_pipeline
from connector_assets.engines.telling import tell
from connector_assets.errors import StreamMissing
from connector_assets.model import Connector, Engine, OldVersions, WriteDisposition
from connector_assets.singer.stage import SOURCE, STATE_KEY, check_counts


def extract(
    job: Job, *, folder: AttemptFolder, secrets: WorkerSecrets, progress: Progress
) -> Iterator[Package]:
    """Stage a connector in the attempt's folder and yield the sealed package.

    Starts from the state that the destination has now; what an earlier try of the attempt left
    unsealed is removed. Where the source does not have a stream any more that it had, the others
    are staged without it; but for a full refresh, which would leave its table and lose its state.

    Checkpoints come before the last package, each with the rows since the one before; it has to be
    loaded when the next package is asked for. A full refresh has none: it empties its tables once.

    Raises:
        ConnectorError: The source, the engine or the destination failed; nothing more was sealed.
    """
    connector = job.plan.connector
    shutil.rmtree(find_checkpoint(folder, 1).path.parent, ignore_errors=True)
    for read in _read_source(job, folder=folder, secrets=secrets, progress=progress):
        place, staged = read.place, read.staged
        name = f"{job.sync_id}-{job.attempt}-{uuid4().hex[:8]}"
        package = Package(
            package_id=name_checkpoint(name, read.checkpoint) if read.checkpoint else name,
            sync_id=job.sync_id,
            connector=connector.name,
            dataset=connector.dataset,
            folder=place.staged,
            base_version=read.base,
            state_version=max(read.base, job.known_version) + 1,
            streams=staged.streams,
            batch=describe_batch(connector, place.staged, staged=staged, positions=read.positions),
            emptied=read.emptied,
        )
        seal_package(package, file=place.package)
        yield package


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was staged, and what from: state version, positions, tables to be emptied for it.

    ``checkpoint`` is its number, from 1; 0 is the last package.
    """

    staged: Staged
    place: AttemptFolder
    checkpoint: int
    base: int
    positions: Mapping[str, Any]
    emptied: tuple[str, ...]


def _read_source(
    job: Job, *, folder: AttemptFolder, secrets: WorkerSecrets, progress: Progress
) -> Iterator[_Read]:
    connector = job.plan.connector
    pipeline, base = _open(job, folder=folder, secrets=secrets, progress=progress)
    emptied = list_tables(pipeline, connector) if job.refresh else ()
    positions: Mapping[str, Any] = find_cursors(pipeline.state, connector)
    gone: tuple[str, ...] = ()
    number = 0
    while True:
        try:
            for staged, last in _stage(job, pipeline, folder=folder, secrets=secrets, gone=gone):
                if job.refresh and staged.gone:
                    raise _explain_gone(connector, stream=staged.gone[0])
                number += 1
                if not last or number > 1:
                    # A part of a read is never all of it.
                    positions = dict.fromkeys(one.name for one in connector.streams)
                yield _Read(
                    staged=staged,
                    place=folder if last else find_checkpoint(folder, number),
                    checkpoint=0 if last else number,
                    base=base,
                    positions=positions,
                    emptied=emptied,
                )
                base = max(base, job.known_version) + 1
            return
        except StreamMissing as error:
            if error.stream not in job.known or error.stream in gone:
                raise
            if job.refresh:
                raise _explain_gone(connector, stream=error.stream) from error
            gone = (*gone, error.stream)
            pipeline, base = _open(job, folder=folder, secrets=secrets, progress=progress)


def _open(
    job: Job, *, folder: AttemptFolder, secrets: WorkerSecrets, progress: Progress
) -> tuple[Any, int]:
    """Return a fresh pipeline with the destination's state, and the version of that.

    What is to be read from the beginning is not in that state.
    """
    connector = job.plan.connector
    shutil.rmtree(folder.staged, ignore_errors=True)
    progress.enter("restore")
    pipeline = open_pipeline(
        folder.staged,
        connector=connector.name,
        dataset=connector.dataset,
        kind=connector.destination.kind,
    )
    base = _restore(pipeline, job=job, secrets=secrets)
    forget_positions(pipeline, connector, refresh=job.refresh)
    return pipeline, base


def _stage(
    job: Job,
    pipeline: Any,
    *,
    folder: AttemptFolder,
    secrets: WorkerSecrets,
    gone: tuple[str, ...],
) -> Iterator[tuple[Staged, bool]]:
    """Yield what is staged, checkpoint by checkpoint, and whether it is the last of it."""
    connector = job.plan.connector
    if job.refresh:
        connector = replace(connector, commit=None)
    if connector.engine is Engine.MELTANO:
        state = pipeline.state.get("sources", {}).get(SOURCE, {}).get(STATE_KEY)
        yield from _stage_meltano(job, connector, folder=folder, secrets=secrets, state=state)
        return
    left = tuple(one for one in connector.streams if one.name not in gone)
    if not left:
        yield Staged(gone=gone), True
        return
    parts = stage_dlt_checkpoints(
        replace(connector, streams=left),
        pipeline=pipeline,
        folder=folder,
        secrets=secrets.connector,
        known=job.known,
    )
    for staged, last in parts:
        yield replace(staged, gone=gone), last


def _restore(pipeline: Any, *, job: Job, secrets: WorkerSecrets) -> int:
    connector = job.plan.connector
    if is_new(connector.destination):
        return 0
    purpose = f"sync {job.sync_id} of {connector.name}"
    for attempt in build_patience():
        with attempt, file_lock(connector.destination, purpose=purpose):
            return restore(
                pipeline,
                destination=connector.destination,
                secrets=secrets.destination,
                connector=connector.name,
            )
    raise AssertionError("unreachable: the last attempt raises")


def _stage_meltano(
    job: Job,
    connector: Connector,
    *,
    folder: AttemptFolder,
    secrets: WorkerSecrets,
    state: Mapping[str, Any] | None,
) -> Iterator[tuple[Staged, bool]]:
    write_json(folder.stage_file, _build_stage(connector, folder=folder))
    folder.tap_state.unlink(missing_ok=True)
    if state is not None:
        write_json(folder.tap_state, state)
    run = meltano.prepare(
        connector,
        project_root=job.plan.root,
        environment=job.plan.environment,
        secrets=secrets.connector,
        state=folder.tap_state if state is not None else None,
    )
    manifests = meltano.stage(
        run, stage_file=folder.stage_file, on_event=_print_event, known=job.known
    )
    for manifest, last in manifests:
        yield _read_manifest(connector, manifest), last


def _read_manifest(connector: Connector, manifest: dict[str, Any]) -> Staged:
    # Whatever program was the loader: its word is checked again here.
    entries, offered = check_counts(manifest)["streams"], manifest["offered"]
    streams = tuple(_read_stream(connector, name, entry) for name, entry in entries.items())
    schemas = {entry["table"]: entry["schema"] for entry in entries.values()}
    gone = (
        one.name
        for one in connector.streams
        if offered is not None and one.name not in (*offered, *entries)
    )
    return Staged(
        streams=streams,
        keys={one.table: one.primary_key for one in streams},
        fields={table: set(one.get("properties") or ()) for table, one in schemas.items()},
        schemas=schemas,
        gone=tuple(gone),
        offered=None if offered is None else tuple(offered),
    )


def _build_stage(connector: Connector, *, folder: AttemptFolder) -> dict[str, Any]:
    return {
        "connector": connector.name,
        "dataset": connector.dataset,
        "destination": str(connector.destination.kind),
        "pipelines_dir": str(folder.staged),
        "manifest": str(folder.manifest),
        "progress": str(folder.progress),
        "commit": asdict(connector.commit) if connector.commit else None,
        "checkpoints": str(find_checkpoint(folder, 1).path.parent),
        "streams": [
            {
                "name": stream.name,
                "table": stream.table,
                "write": str(stream.write),
                "primary_key": list(stream.primary_key),
                "cursor": stream.cursor,
                "naive_times": stream.naive_times,
                "old_versions": stream.old_versions,
            }
            for stream in connector.streams
        ],
    }


def _read_stream(connector: Connector, name: str, entry: Mapping[str, Any]) -> StagedStream:
    stream = connector.stream(name)
    return StagedStream(
        stream=name,
        table=entry["table"],
        write=stream.write if stream else WriteDisposition.APPEND,
        primary_key=tuple(entry["primary_key"]),
        emitted=entry["emitted"],
        staged=entry["staged"],
        version=entry["version"],
        old_versions=(stream and stream.old_versions) or OldVersions.MARK,
    )


def _explain_gone(connector: Connector, *, stream: str) -> StreamMissing:
    return StreamMissing(
        f"the source has no stream {stream!r} any more: it cannot be read from the beginning",
        connector=connector.name,
        stream=stream,
        place=f"{connector.file}",
        fix="Nothing was changed. Refresh the others alone: --full-refresh --stream NAME",
    )


def _print_event(line: LogLine) -> None:
    """Pass a line of Meltano's on, as one of the sync's log; the run step redacts it."""
    if not line.text or line.is_metric:
        return
    source = {"extractor": "tap", "loader": "target"}.get(line.speaker, str(line.speaker))
    tell(line.text, source=source, level=line.level)
