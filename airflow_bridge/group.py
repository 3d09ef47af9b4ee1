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
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStream:
    """A stream, its asset, and the table that it is loaded into."""

    name: str
    asset: GroupAsset
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSchedule:
    """Five cron fields in an IANA time zone; ``jitter`` is in seconds."""

    cron: str
    timezone: str
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the steps run: ``local`` is Airflow's own interpreter, ``python`` another one."""

    kind: str = "local"
    interpreter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A connector's DAG, as far as it is decided before Airflow sees it.

    ``project`` is the project's folder, relative to that of the group's file. ``upstream`` are the
    assets of other groups that its streams depend on. ``retry_wait`` and ``timeout`` are in
    seconds. ``plan`` is the fingerprint of the connector's plan, ``fingerprint`` that of all of
    this.
    """

    name: str
    project_id: str
    project: str
    environment: str
    engine: str
    run_step: str
    streams: tuple[GroupStream, ...]
    schedule: GroupSchedule | None = None
    upstream: tuple[GroupAsset, ...] = ()
    retries: int = 0
    retry_wait: float = 30.0
    timeout: float = 3600.0
    pool: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    doc: str = ""
    place: Place = field(default_factory=Place)
    plan: str = ""
    fingerprint: str = ""


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
        if fingerprint(group) != group.fingerprint:
            raise ValueError("it was changed after it was compiled")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise GroupError(f"{file} cannot be used: {_explain(error)}. {AGAIN}") from error
    return group


def fingerprint(group: Group) -> str:
    """Return the SHA-256 over everything in a group but its fingerprint."""
    record = {**asdict(group), "fingerprint": ""}
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
        }
    )


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} is not valid JSON: {error.msg}"
    if isinstance(error, ValueError):
        return str(error)
    return "it has another form than a group's file"
