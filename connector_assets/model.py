"""The plain records everything else speaks: connector, stream, destination, verdict, counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from connector_assets.alerting import AlertRule
from connector_assets.commit import Commit
from connector_assets.credential_use import CredentialUse
from connector_assets.limits import MEMORY

#: The dlt source that is the one of a hand-written `@dlt_assets`, by its module and function.
DLT_ASSETS = "dlt_assets"
#: The kinds of dlt sources that are Python of the project's own.
PYTHON_SOURCES = frozenset({"python", DLT_ASSETS})


class Engine(StrEnum):
    """What extracts a connector."""

    MELTANO = "meltano"
    DLT = "dlt"


class WriteDisposition(StrEnum):
    """What a sync does to a table."""

    APPEND = "append"
    REPLACE = "replace"
    MERGE = "merge"


class Refresh(StrEnum):
    """What a sync reads from the beginning: nothing, the streams it was started for, or all."""

    NONE = ""
    STREAMS = "streams"
    ALL = "all"


class OnEmpty(StrEnum):
    """What a first or full read of 0 rows means."""

    BLOCK = "block"
    ALLOW = "allow"


class NaiveTimes(StrEnum):
    """What a time without an offset is."""

    ASSUME_UTC = "assume_utc"
    KEEP_NAIVE = "keep_naive"
    REJECT = "reject"


class OldVersions(StrEnum):
    """What becomes of rows that a tap's ACTIVATE_VERSION leaves behind."""

    KEEP = "keep"
    MARK = "mark"
    DELETE = "delete"


class DriftKind(StrEnum):
    """A typed difference between the baseline and what a sync observed."""

    STREAM_ADDED = "stream_added"
    STREAM_REMOVED = "stream_removed"
    STREAM_SILENT = "stream_silent"
    COLUMN_ADDED = "column_added"
    COLUMN_REMOVED = "column_removed"
    COLUMN_EMPTIED = "column_emptied"
    TYPE_WIDENED = "type_widened"
    TYPE_CHANGED = "type_changed"
    NULLABILITY_CHANGED = "nullability_changed"
    KEY_REMOVED = "key_removed"
    KEY_ADDED = "key_added"
    CURSOR_REMOVED = "cursor_removed"
    CURSOR_ADDED = "cursor_added"


class DriftPolicy(StrEnum):
    """What the audit gate does about a drift."""

    ALLOW = "allow"
    WARN = "warn"
    BLOCK = "block"


class Decision(StrEnum):
    """What the audit gate says of a staged package."""

    PASS = "pass"
    PASS_WITH_DRIFT = "pass_with_drift"
    BLOCK = "block"


class DestinationKind(StrEnum):
    """What a connector loads into."""

    DUCKDB = "duckdb"
    DUCKLAKE = "ducklake"


class Verdict(StrEnum):
    """The result of a sync, computed from its evidence and from nothing else."""

    SUCCEEDED = "succeeded"
    SUCCEEDED_EMPTY = "succeeded_empty"
    SUCCEEDED_WITH_DRIFT = "succeeded_with_drift"
    BLOCKED = "blocked"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def good(self) -> bool:
        """Whether the data is where it belongs."""
        return self.value.startswith("succeeded")


class Step(StrEnum):
    """The four steps, by the ids they have in every view."""

    START = "start_dag"
    RUN_MELTANO = "run_meltano"
    RUN_DLT = "run_dlt"
    FINALIZE = "finalize_dag"
    STATUS = "final_status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a connector is due: five cron fields in an IANA time zone.

    With a ``jitter``, in seconds, ``cron`` is the shifted one and ``written`` that of the file.
    """

    cron: str
    timezone: str = "UTC"
    jitter: float = 0.0
    written: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a transient failure is tried again, and the first wait in seconds (doubled)."""

    max: int = 2
    wait: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long, in seconds, and how much, in bytes, of what was blocked is held."""

    age: float = 14 * 86_400.0
    size: int = 10_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """From when on absent and empty columns are judged where a source declares none.

    ``rate`` is the share of rows with a value, 0 to 1: columns that are filled more seldom are not
    judged, and neither are batches of fewer than ``min_rows`` rows.
    """

    rate: float = 0.01
    min_rows: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One record sequence with a schema; one table of the destination.

    ``primary_key`` is empty where the source is to name it; ``config`` goes to the engine as it is.
    ``drift`` holds what project, connector and stream say, the nearest winning; what none of them
    names has its default policy. ``min_share`` is a share of the last sync's rows, 0 to 1.
    ``naive_times`` None: columns that a database or a file has without a zone stay without one,
    other times without an offset are UTC. ``old_versions`` None: marked, where a tap has versions.
    ``renamed_from`` are names that it had, newest first; so are a connector's.
    """

    name: str
    table: str
    write: WriteDisposition
    primary_key: tuple[str, ...] = ()
    cursor: str = ""
    on_empty: OnEmpty = OnEmpty.BLOCK
    min_rows: int | None = None
    min_share: float | None = None
    presence: Presence = field(default_factory=Presence)
    naive_times: NaiveTimes | None = None
    old_versions: OldVersions | None = None
    drift: Mapping[DriftKind, DriftPolicy] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    renamed_from: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A named DuckDB file or DuckLake of the project.

    DuckDB: ``path`` is the file. DuckLake: ``catalog`` is a URL (``duckdb:///``, ``sqlite:///``,
    ``postgresql://``), ``data_path`` a folder or ``s3://`` prefix, ``storage`` its S3 options.
    Local paths are absolute; ``written`` has those that connectors.yaml writes otherwise, as it
    writes them: what a plan holds, so that it means the same on every machine. ``secrets`` maps
    names, used as ``${name}`` in catalog and storage, to their sources.
    """

    name: str
    kind: DestinationKind
    path: str = ""
    catalog: str = ""
    data_path: str = ""
    storage: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One declared sync, as its file says it; secrets are sources, never values.

    ``timeout`` and ``max_wait`` are in seconds, ``memory``, of a load, in bytes. ``pool`` is empty
    for none. Without ``commit`` it is one transaction. After ``pause_after`` failures in a row none
    is started, 0 for never. ``drift`` and ``presence`` are what project and connector say; a
    stream's own is merged into it.
    """

    name: str
    owner: str
    engine: Engine
    source: str
    destination: Destination
    dataset: str
    streams: tuple[Stream, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    credentials: CredentialUse = field(default_factory=CredentialUse)
    schedule: Schedule | None = None
    depends_on: tuple[str, ...] = ()
    pool: str = ""
    retries: Retries = field(default_factory=Retries)
    timeout: float = 3600.0
    max_wait: float = 600.0
    commit: Commit | None = None
    memory: int = MEMORY
    alerts: tuple[AlertRule, ...] = ()
    pause_after: int = 0
    drift: Mapping[DriftKind, DriftPolicy] = field(default_factory=dict)
    presence: Presence = field(default_factory=Presence)
    renamed_from: tuple[str, ...] = ()
    file: Path = Path()

    @property
    def run_step(self) -> Step:
        """The id of this connector's run step."""
        return Step.RUN_MELTANO if self.engine is Engine.MELTANO else Step.RUN_DLT

    @property
    def source_kind(self) -> str:
        """What its source is, without the name behind a colon: ``python``, ``tap-github``."""
        return self.source.partition(":")[0]

    @property
    def target(self) -> str:
        """Where it loads: ``lake.shop``."""
        return f"{self.destination.name}.{self.dataset}"

    def stream(self, name: str) -> Stream | None:
        """Return the stream called ``name``, or None."""
        return next((stream for stream in self.streams if stream.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCounts:
    """Rows of one stream in one sync; None is "not known", which is not 0.

    emitted: by tap or resource, before incremental de-duplication. staged: in the package.
    in_destination: found by load id. total: rows of the table afterwards.
    """

    stream: str
    table: str
    emitted: int | None = None
    staged: int | None = None
    in_destination: int | None = None
    total: int | None = None
