"""Stages a Singer stream: messages in, a normalised dlt package in ``pipelines_dir`` out.

No destination is opened. The rows and the tap's last STATE are in one package, so that one
transaction commits both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from connector_assets.engines.progress import Progress
from connector_assets.errors import ConnectorError, CountMismatch
from connector_assets.faults import fault_point
from connector_assets.singer.batches import Assembler, Batch, Known
from connector_assets.singer.lines import ByteSource, RecordRun
from connector_assets.singer.messages import Message, read_messages
from connector_assets.singer.spec import StageSpec
from connector_assets.singer.types import parse_known

if TYPE_CHECKING:
    from dlt import Pipeline

#: The dlt source (and schema) that Singer packages belong to, and its key for the tap's state.
SOURCE = "singer"
STATE_KEY = "singer_state"

_SETTINGS = {
    # Otherwise dlt imports all of Airflow, where it is installed: seven seconds.
    "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
    # dlt warns on every batch that a JSON column comes as Arrow text.
    "RUNTIME__LOG_LEVEL": "ERROR",
}


def stage(
    source: ByteSource,
    *,
    pipeline: Pipeline,
    assembler: Assembler,
    progress: Progress,
    reads: Collection[str] | None = None,
) -> dict[str, Any]:
    """Read ``source`` to its end into one normalised package; return its manifest.

    It has, per declared stream, its table, row counts, SCHEMA and key_properties. Bookmarks of
    streams that are not among ``reads`` stay as they were.

    Raises:
        BadRecord: A message or value cannot be loaded faithfully; the package does not count.
        ConfigError: A stream's configuration does not fit what the tap sends.
        CountMismatch: Not every record that was read is staged.
    """
    return stage_part(
        read_messages(source),
        pipeline=pipeline,
        assembler=assembler,
        progress=progress,
        reads=reads,
    )


def stage_part(
    parsed: Iterator[Message | RecordRun],
    *,
    pipeline: Pipeline,
    assembler: Assembler,
    progress: Progress,
    reads: Collection[str] | None,
) -> dict[str, Any]:
    """Stage as :func:`stage` does, up to the end or to the assembler's next checkpoint."""
    import dlt
    from dlt.pipeline.exceptions import PipelineStepFailed

    @dlt.resource(name="messages")
    def messages() -> Iterator[Any]:
        for batch in assembler.batches(parsed):
            yield _mark(batch)
            fault_point("extract")
            progress.advance("extract", batch.stream.name, rows=batch.table.num_rows)
        if assembler.state is not None:
            held = dlt.current.source_state()
            held[STATE_KEY] = keep_bookmarks(assembler.state, before=held, reads=reads)

    try:
        pipeline.extract(dlt.source(lambda: messages, name=SOURCE)(), loader_file_format="parquet")
        if not assembler.cut:
            fault_point("end_of_extract")
            progress.enter("normalize")
            fault_point("normalize")
        pipeline.normalize()
    except PipelineStepFailed as error:
        raise find_cause(error) from error
    return check_counts(_build_manifest(assembler, staged=_count_staged(pipeline)))


def check_counts(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest if every record that was read is staged.

    Raises:
        CountMismatch: Fewer or more are.
    """
    for name, entry in manifest["streams"].items():
        if entry["emitted"] != entry["staged"]:
            raise CountMismatch(
                f"{entry['emitted']} records were read and {entry['staged']} are staged",
                stream=name,
                place="connector-target",
                fix="Nothing was loaded. Report this with the sync's log.",
            )
    return manifest


def keep_bookmarks(
    state: Mapping[str, Any],
    *,
    before: Mapping[str, Any],
    reads: Collection[str] | None,
) -> dict[str, Any]:
    """Return a tap's state with the bookmarks of the streams that it was not asked for.

    ``before`` holds the state of the last sync. Where nobody knows what the tap was asked for, its
    state is as it is.

    Some taps send all that they were given, some only those of the streams that they read.
    """
    bookmarks, old = state.get("bookmarks"), (before.get(STATE_KEY) or {}).get("bookmarks")
    if reads is None or not isinstance(bookmarks, Mapping) or not isinstance(old, Mapping):
        return dict(state)
    kept = {name: one for name, one in old.items() if name not in reads}
    return {**state, "bookmarks": {**kept, **bookmarks}}


def build_pipeline(spec: StageSpec) -> Pipeline:
    """Return the dlt pipeline that works in the spec's directory and never opens a destination."""
    os.environ.update(_SETTINGS)
    from connector_assets.engines.staging import open_pipeline

    pipeline: Pipeline = open_pipeline(
        spec.pipelines_dir, connector=spec.connector, dataset=spec.dataset, kind=spec.kind
    )
    return pipeline


def find_known(pipeline: Pipeline) -> Known:
    """Return the column types of the tables that earlier syncs made, as restored."""
    if SOURCE not in pipeline.schema_names:
        return {}
    return {
        table: {
            name: known
            for name, column in definition["columns"].items()
            if (known := parse_known(column)) is not None
        }
        for table, definition in pipeline.schemas[SOURCE].tables.items()
    }


def build_normalize() -> Callable[[str], str]:
    """Return dlt's default naming convention, snake_case, as a function of one name."""
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    return NamingConvention().normalize_identifier


def find_cause(error: BaseException) -> BaseException:
    """Return our own error that dlt wrapped, or else the innermost one."""
    innermost: BaseException = error
    while not isinstance(innermost, ConnectorError):
        deeper = innermost.__cause__ or innermost.__context__
        if deeper is None:
            break
        innermost = deeper
    return innermost


def _mark(batch: Batch) -> Any:
    import dlt

    hints = dlt.mark.make_hints(
        table_name=batch.stream.table,
        write_disposition=batch.stream.write.value,
        primary_key=list(batch.primary_key) or None,
        columns=batch.hints,
    )
    return dlt.mark.with_hints(batch.table, hints, create_table_variant=True)


def _count_staged(pipeline: Pipeline) -> Mapping[str, int]:
    trace = pipeline.last_trace
    normalized = trace.last_normalize_info if trace else None
    return normalized.row_counts if normalized else {}


def _build_manifest(assembler: Assembler, *, staged: Mapping[str, int]) -> dict[str, Any]:
    return {
        "streams": {
            name: {
                "table": layout.stream.table,
                "emitted": assembler.emitted[name],
                "staged": staged.get(layout.stream.table, 0),
                "version": assembler.activated.get(name),
                "schema": layout.schema,
                "key_properties": list(layout.key_properties),
                "primary_key": [column.name for column in layout.key],
            }
            for name, layout in assembler.layouts.items()
        },
        "state_seen": assembler.state is not None,
    }
