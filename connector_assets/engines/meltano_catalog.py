"""What an extractor offers: its streams, from a catalog that is fresh.

Meltano caches a catalog by config, so that new tables and columns stay invisible; each discovery
here has it made anew.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector_assets.engines.meltano import LOCK_WAIT, MeltanoRun, plan_overlay, plan_run
from connector_assets.engines.meltano_log import Speaker, Transcript, explain_failure, parse_line
from connector_assets.engines.meltano_overlay import open_overlay
from connector_assets.engines.meltano_plugin import name_plugin
from connector_assets.errors import ConnectorError
from connector_assets.model import Connector


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogStream:
    """A stream as the extractor's fresh catalog describes it; ``schema`` is a JSON schema."""

    name: str
    schema: Mapping[str, Any]
    primary_key: tuple[str, ...] = ()
    cursor: str = ""


def discover(
    connector: Connector, *, project_root: Path, environment: str, secrets: Mapping[str, str]
) -> dict[str, CatalogStream]:
    """Return every stream that the source offers now, by name, from a fresh catalog.

    Raises:
        ConfigError: As :func:`check`.
        ConnectorError: As :func:`stage`, for the discovery.
    """
    overlay = plan_overlay(
        connector, project_root=project_root, environment=environment, purpose=".discover"
    )
    words = ("invoke", "--refresh-catalog", "--dump=catalog", name_plugin(connector))
    run = plan_run(connector, overlay=overlay, secrets=secrets, words=words)
    with open_overlay(overlay, wait=LOCK_WAIT):
        done = subprocess.run(
            run.argv,
            cwd=run.cwd,
            env=run.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    if done.returncode:
        raise _explain_discovery(run, done)
    return {each.name: each for each in parse_catalog(json.loads(done.stdout))}


def parse_catalog(catalog: Mapping[str, Any]) -> Iterator[CatalogStream]:
    """Yield the streams of a Singer catalog; what a field does not say, its metadata may."""
    for entry in catalog["streams"]:
        facts = _root_metadata(entry)
        keys = entry.get("key_properties") or facts.get("table-key-properties") or ()
        cursor = entry.get("replication_key") or facts.get("replication-key")
        valid = list(facts.get("valid-replication-keys") or ())
        yield CatalogStream(
            name=entry["tap_stream_id"],
            schema=entry["schema"],
            primary_key=tuple(keys),
            cursor=cursor or (valid[0] if len(valid) == 1 else ""),
        )


def _root_metadata(entry: Mapping[str, Any]) -> dict[str, Any]:
    for each in entry.get("metadata", ()):
        if not each["breadcrumb"]:
            return dict(each.get("metadata", {}))
    return {}


def _explain_discovery(run: MeltanoRun, done: subprocess.CompletedProcess[bytes]) -> ConnectorError:
    transcript = Transcript()
    for raw in done.stderr.splitlines():
        line = parse_line(raw)
        transcript.add(line)
        if line.speaker is Speaker.MELTANO and line.level in ("error", "critical"):
            transcript.reason = line.text
    error = explain_failure(transcript, exit_code=done.returncode, source=run.source)
    return error.with_context(connector=run.connector)
