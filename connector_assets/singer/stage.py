"""Stages a Singer stream: messages in, a normalised dlt package in ``pipelines_dir`` out.

No destination is opened. The rows and the tap's last STATE are in one package, so that one
transaction commits both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_assets.errors import ConfigError
from connector_assets.faults import fault_point
from connector_assets.model import DestinationKind, Stream, WriteDisposition
from connector_assets.singer.batches import Assembler, Batch, Known
from connector_assets.singer.messages import ByteSource, read_messages
from connector_assets.singer.progress import Progress
from connector_assets.singer.types import parse_known

if TYPE_CHECKING:
    from dlt import Pipeline

#: The dlt source (and schema) that Singer packages belong to, and its key for the tap's state.
SOURCE = "singer"
STATE_KEY = "singer_state"

_SETTINGS = {
    # The parent restores; this process must not look for a destination.
    "RESTORE_FROM_DESTINATION": "false",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # Otherwise dlt imports all of Airflow, where it is installed: seven seconds.
    "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
    # dlt warns on every batch that a JSON column comes as Arrow text.
    "RUNTIME__LOG_LEVEL": "ERROR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """What to stage, as the run step wrote it; paths are absolute, nothing in it is secret.

    ``pipeline`` names the directory in ``pipelines_dir`` that the parent restored into.
    """

    connector: str
    dataset: str
    kind: DestinationKind
    pipeline: str
    pipelines_dir: Path
    manifest: Path
    progress: Path | None
    streams: tuple[Stream, ...]

    def resolve(self, name: str, _: tuple[str, ...]) -> Stream:
        """Return the stream called ``name``.

        Raises:
            ConfigError: The connector does not have it.
        """
        for stream in self.streams:
            if stream.name == name:
                return stream
        raise ConfigError(
            f"the tap sent stream {name!r}, which the connector does not have",
            connector=self.connector,
            stream=name,
            fix=f"Add it to `streams:` of connector {self.connector!r}, or deselect it in the tap.",
        )


def load_spec(path: Path) -> StageSpec:
    """Read a stage file.

    Raises:
        ConfigError: It is missing or lacks a key; only the run step writes these.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        progress = raw.get("progress")
        return StageSpec(
            connector=raw["connector"],
            dataset=raw["dataset"],
            kind=DestinationKind(raw["destination"]),
            pipeline=raw.get("pipeline") or raw["connector"],
            pipelines_dir=Path(raw["pipelines_dir"]),
            manifest=Path(raw["manifest"]),
            progress=Path(progress) if progress else None,
            streams=tuple(_parse_stream(entry) for entry in raw["streams"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the stage file cannot be used: {type(error).__name__}: {error}",
            place=str(path),
            fix="It is written by the run step: run `connectors sync` instead.",
        ) from error


def stage(
    source: ByteSource, *, pipeline: Pipeline, assembler: Assembler, progress: Progress
) -> dict[str, Any]:
    """Read ``source`` to its end into one normalised package; return its manifest.

    The manifest has, per declared stream, table, ``emitted``, SCHEMA and key_properties.

    Raises:
        BadRecord: A message or value cannot be loaded faithfully; the package does not count.
        ConfigError: A stream's configuration does not fit what the tap sends.
    """
    import dlt
    from dlt.pipeline.exceptions import PipelineStepFailed

    batches = assembler.batches(read_messages(source))

    @dlt.resource(name="messages")
    def messages() -> Iterator[Any]:
        for batch in batches:
            yield _mark(batch)
            fault_point("extract")
            progress.advance("extract", batch.stream.name, rows=batch.table.num_rows)
        if assembler.state is not None:
            dlt.current.source_state()[STATE_KEY] = assembler.state

    try:
        pipeline.extract(dlt.source(lambda: messages, name=SOURCE)(), loader_file_format="parquet")
        fault_point("end_of_extract")
        progress.enter("normalize")
        fault_point("normalize")
        pipeline.normalize()
    except PipelineStepFailed as error:
        raise find_cause(error) from error
    return _build_manifest(assembler)


def build_pipeline(spec: StageSpec) -> Pipeline:
    """Return the dlt pipeline that works in the spec's directory and never opens a destination."""
    os.environ.update(_SETTINGS)
    import dlt

    factory: Mapping[DestinationKind, Callable[[], Any]] = {
        DestinationKind.DUCKDB: dlt.destinations.duckdb,
        DestinationKind.DUCKLAKE: dlt.destinations.ducklake,
    }
    return dlt.pipeline(
        spec.pipeline,
        pipelines_dir=str(spec.pipelines_dir),
        destination=factory[spec.kind](),
        dataset_name=spec.dataset,
    )


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
    from connector_assets.errors import ConnectorError

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


def _build_manifest(assembler: Assembler) -> dict[str, Any]:
    return {
        "streams": {
            name: {
                "table": layout.stream.table,
                "emitted": assembler.emitted[name],
                "activations": assembler.activations[name],
                "schema": layout.schema,
                "key_properties": list(layout.key_properties),
            }
            for name, layout in assembler.layouts.items()
        },
        "state_seen": assembler.state is not None,
    }


def _parse_stream(entry: Mapping[str, Any]) -> Stream:
    return Stream(
        name=entry["name"],
        table=entry["table"],
        write=WriteDisposition(entry["write"]),
        primary_key=tuple(entry.get("primary_key") or ()),
        cursor=entry.get("cursor") or "",
    )
