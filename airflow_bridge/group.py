"""One asset group as Airflow gets it: what its file says, and nothing of this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

VERSION = 1
#: What to do about a file that cannot be used.
AGAIN = "Write it anew: connectors bridge compile"


class GroupError(Exception):
    """A group's file cannot be used; the message names the file and the next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAsset:
    """An asset as Airflow knows it: it takes another name or another URI for another asset."""

    name: str
    """CONNECTOR/STREAM."""
    uri: str
    """The same with a scheme of its own; the same in every environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStream:
    """A stream, its asset, and the table that it is loaded into."""

    name: str
    """The stream's name in the connector file."""
    asset: GroupAsset
    """The outlet that has an event when the stream was synced."""
    table: str
    """DESTINATION.DATASET.TABLE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSchedule:
    """When the connector is due."""

    cron: str
    """Five cron fields."""
    timezone: str
    """The IANA time zone of the cron fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the steps run."""

    kind: str = "local"
    """`local` is Airflow's own interpreter, `python` another one."""
    interpreter: str = ""
    """The path of the other one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A connector's DAG, as far as it is decided before Airflow sees it."""

    name: str
    """The connector's name, which is the DAG's id and the file's name."""
    project_id: str
    """The `project_id` of connectors.yaml."""
    project: str
    """The project's folder, relative to that of this file."""
    environment: str
    """The environment that the steps run in."""
    engine: str
    """`dlt` or `meltano`."""
    run_step: str
    """The id of the second task: `run_dlt` or `run_meltano`."""
    streams: tuple[GroupStream, ...]
    """What is synced, each an outlet of the last task."""
    schedule: GroupSchedule | None = None
    """When it is due; without one it waits for `upstream`."""
    upstream: tuple[GroupAsset, ...] = ()
    """The assets of other groups that its streams depend on."""
    retries: int = 0
    """How often the run step is tried again."""
    retry_wait: float = 30.0
    """Seconds before the first time; each next one waits twice as long."""
    timeout: float = 3600.0
    """Seconds that the engine may take."""
    pool: str = ""
    """The pool of the run step; Airflow's usual one where there is none."""
    owner: str = ""
    """The connector's owner."""
    tags: tuple[str, ...] = ()
    """The DAG's tags, sorted."""
    doc: str = ""
    """The DAG's page, in Markdown."""
    place: Place = field(default_factory=Place)
    """Where the steps run."""
    connections: tuple[str, ...] = ()
    """The ids of the Airflow connections that its secrets come from, sorted."""
    plan: str = ""
    """The fingerprint of the connector's plan."""
    fingerprint: str = ""
    """The SHA-256 of everything else in this file but the version."""


def render_group(group: Group) -> str:
    """Return a group as its file has it: sorted, with its fingerprint, the same for the same."""
    record = {"version": VERSION, **asdict(group), "fingerprint": fingerprint(group)}
    return json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse_group(text: str, *, file: str) -> Group:
    """Return the group of a file's text.

    Raises:
        GroupError: It is not one, of another version, or was changed by hand.
    """
    try:
        record = json.loads(text)
        version = record.pop("version")
        if version != VERSION:
            raise ValueError(f"its version is {version!r}; this installation knows {VERSION}")
        group = _build(record)
        if _digest(record) != group.fingerprint:
            raise ValueError("it was changed after it was compiled")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise GroupError(f"{file} cannot be used: {_explain(error)}. {AGAIN}") from error
    return group


def fingerprint(group: Group) -> str:
    """Return the SHA-256 over everything in a group but its fingerprint."""
    return _digest(asdict(group))


def _digest(record: Mapping[str, Any]) -> str:
    record = {**record, "fingerprint": ""}
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _build(record: Mapping[str, Any]) -> Group:
    unknown = sorted(set(record) ^ {one.name for one in fields(Group)})
    if unknown:
        raise ValueError(f"it lacks a key, or has one too many: {', '.join(unknown)}")
    schedule = record["schedule"]
    return Group(
        **{
            **record,
            "streams": tuple(
                GroupStream(**{**one, "asset": GroupAsset(**one["asset"])})
                for one in record["streams"]
            ),
            "schedule": None if schedule is None else GroupSchedule(**schedule),
            "place": Place(**record["place"]),
            "upstream": tuple(GroupAsset(**one) for one in record["upstream"]),
            "tags": tuple(record["tags"]),
            "connections": tuple(record["connections"]),
        }
    )


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} is not valid JSON: {error.msg}"
    if isinstance(error, ValueError):
        return str(error)
    return "it has another form than a group's file"
