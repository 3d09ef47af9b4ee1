"""Checkpoints of a dlt source: the streams that come in the order of their cursor, part by part.

dlt tells no position in the middle of a resource. One whose rows come in order can be stopped
anywhere, and read on from its cursor: each part is an extraction of its own, and the last one reads
everything else too.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from connector_assets.commit import Commit
from connector_assets.engines.dlt import Staged, stage_dlt
from connector_assets.engines.job import AttemptFolder, find_checkpoint
from connector_assets.engines.progress import Progress
from connector_assets.engines.sources import build_source, list_ordered
from connector_assets.engines.staging import open_pipeline, set_aside
from connector_assets.errors import ConfigError, ConnectorError
from connector_assets.model import Connector


def stage_dlt_checkpoints(
    connector: Connector,
    *,
    pipeline: Any,
    folder: AttemptFolder,
    secrets: Mapping[str, str],
    known: Collection[str],
) -> Iterator[tuple[Staged, bool]]:
    """Yield what is staged, and whether it is the last of it; without `commit:` it is all.

    Raises:
        ConfigError: There is `commit:`, and no stream comes in the order of a cursor.
        ConnectorError: The source failed, or a value would not arrive as it is.
    """
    progress = Progress(folder.progress)
    whole = replace(connector, commit=None)
    if connector.commit is not None:
        ordered = _pick_ordered(connector, secrets=secrets, known=known)
        number = 1
        while True:
            began = time.monotonic()
            staged = _stage(ordered, pipeline, secrets=secrets, progress=progress, known=known)
            place = find_checkpoint(folder, number)
            set_aside(folder.staged, to=place.staged)
            pipeline = _open(connector, folder=folder)
            if not any(one.staged for one in staged.streams):
                break
            yield staged, False
            number += 1
            if not _may_have_more(staged, connector.commit, seconds=time.monotonic() - began):
                break
    yield _stage(whole, pipeline, secrets=secrets, progress=progress, known=known), True


def _pick_ordered(
    connector: Connector, *, secrets: Mapping[str, str], known: Collection[str]
) -> Connector:
    """Return the connector with those of its streams only that can be read in parts."""
    source = build_source(connector, secrets=secrets, known=known)
    names = list_ordered(source)
    if not names:
        raise ConfigError(
            f"no stream of {connector.source} comes in the order of its cursor",
            place=str(connector.file),
            connector=connector.name,
            fix='Give its `dlt.sources.incremental` `row_order="asc"`, or remove `commit:`.',
        )
    return replace(connector, streams=tuple(one for one in connector.streams if one.name in names))


def _may_have_more(staged: Staged, commit: Commit, *, seconds: float) -> bool:
    rows = max(one.staged for one in staged.streams)
    return commit.is_due(rows=rows, seconds=seconds)


def _open(connector: Connector, *, folder: AttemptFolder) -> Any:
    return open_pipeline(
        folder.staged,
        connector=connector.name,
        dataset=connector.dataset,
        kind=connector.destination.kind,
    )


def _stage(
    connector: Connector,
    pipeline: Any,
    *,
    secrets: Mapping[str, str],
    progress: Progress,
    known: Collection[str],
) -> Staged:
    try:
        return stage_dlt(
            connector, pipeline=pipeline, secrets=secrets, progress=progress, known=known
        )
    except ConnectorError:
        raise
    except Exception as error:
        # SQLAlchemy and requests come with it: only where there is something to explain.
        from connector_assets.engines.dlt_errors import explain

        raise explain(error, connector) from error
