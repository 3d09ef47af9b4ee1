"""Looks at a source for a probe: what it has now, in a scratch folder, changing no state.

``python -P -m connector_assets.engines.probe FOLDER``, started and supervised by the probe. Reads
``look.json`` and writes ``seen.json``; opens no destination.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from connector_assets.audit.probe import Look, Sighting
from connector_assets.audit.profile import StreamProfile, parse_profiles, render_profiles
from connector_assets.credentials.redact import Redactor
from connector_assets.engines.discovery import DiscoveredStream
from connector_assets.engines.job import take_secrets, write_json
from connector_assets.engines.orphan import Parent
from connector_assets.errors import ConnectorError, FatalSyncError
from connector_assets.lock import LockedStream, parse_stream, render_stream
from connector_assets.model import Connector, Engine, Stream, WriteDisposition
from connector_assets.naming import snake_case
from connector_assets.plan import Plan

if TYPE_CHECKING:
    from connector_assets.engines.meltano_catalog import CatalogStream

JOB, RESULT = "look.json", "seen.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One look at a connector's source; ``known`` is the structure that it is expected to have.

    ``folder`` is the probe's own; what it stages goes below it. ``state`` is where the last sync
    stopped, to look at what is new since.
    """

    plan: Plan
    folder: Path
    known: Mapping[str, LockedStream]
    state: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def scratch(self) -> Path:
        """Where the engine stages what it sees."""
        return self.folder / "scratch"


def save_glance(glance: Glance) -> None:
    """Write what is to be looked at into the probe's folder."""
    known = {name: render_stream(one) for name, one in glance.known.items()}
    plan = {"root": str(glance.plan.root), "plan": glance.plan.to_json()}
    write_json(glance.folder / JOB, {**plan, "known": known, "state": dict(glance.state)})


def load_glance(folder: Path) -> Glance:
    """Read what is to be looked at from the probe's folder."""
    content = json.loads((folder / JOB).read_text(encoding="utf-8"))
    return Glance(
        plan=Plan.from_json(content["plan"], root=Path(content["root"])),
        folder=folder,
        known={name: parse_stream(one, of=name) for name, one in content["known"].items()},
        state=content["state"],
    )


def read_sighting(folder: Path) -> Sighting | None:
    """Return what was seen; None where the engine left no word.

    Raises:
        ConnectorError: Why nothing was seen.
    """
    try:
        content = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if "error" in content:
        raise ConnectorError.from_record(content["error"])
    return Sighting(
        look=Look(content["look"]),
        profiles=parse_profiles(content["profiles"]),
        gone=tuple(content["gone"]),
        others=parse_profiles(content["others"]),
    )


def main() -> int:
    """Look at the source of the folder named on the command line; return an exit code."""
    Parent().watch()
    # So that Meltano's configuration, which holds secrets, is removed at the timeout.
    signal.signal(signal.SIGTERM, _leave)
    folder = Path(sys.argv[1])
    secrets = take_secrets(os.environ).connector
    glance = load_glance(folder)
    # Last, so that no file of the project hides a module of Python's or ours.
    sys.path.append(str(glance.plan.root))
    try:
        sighting = look(glance, secrets=secrets)
    except Exception as error:
        ours = _explain(error, connector=glance.plan.connector.name)
        Redactor(secrets.values()).error(ours)
        write_json(folder / RESULT, {"error": ours.to_record()})
        return ours.exit_code
    write_json(folder / RESULT, _render(sighting))
    return 0


def look(glance: Glance, *, secrets: Mapping[str, str]) -> Sighting:
    """Return what the source has now.

    A stream that is known and that the source does not list any more is gone; one that it never
    had is an error, as it is in a sync.

    Raises:
        ConnectorError: As :func:`connector_assets.engines.discovery.discover` says.
    """
    connector = glance.plan.connector
    glance.scratch.mkdir(exist_ok=True)
    if connector.engine is Engine.MELTANO:
        return _read_catalog(glance, secrets=secrets)
    if connector.source == "sql_database":
        return _reflect(glance, secrets=secrets)
    from connector_assets.engines.dlt_discovery import Expected, discover_source

    expected = Expected(streams=glance.known, state=glance.state)
    found = discover_source(connector, secrets=secrets, scratch=glance.scratch, expected=expected)
    return Sighting(look=Look.SAMPLE, profiles={each.name: each.profile for each in found})


def _read_catalog(glance: Glance, *, secrets: Mapping[str, str]) -> Sighting:
    from connector_assets.engines.meltano_catalog import check_offered
    from connector_assets.engines.meltano_discovery import describe_catalog, fetch_catalog

    plan = glance.plan
    catalog = fetch_catalog(
        plan.connector, project_root=plan.root, environment=plan.environment, secrets=secrets
    )
    listed = [name for name in glance.known if name not in catalog]
    gone = tuple(one.name for one in plan.connector.streams if one.name in listed)
    left = _leave_out(plan.connector, gone)
    check_offered(left, catalog=catalog)
    # With the key, where it is there: its columns are not nullable then.
    keyed = replace(left, streams=tuple(_keep_key(one, catalog[one.name]) for one in left.streams))
    whole = {
        name: one if set(one.primary_key) <= set(one.properties) else replace(one, primary_key=())
        for name, one in catalog.items()
    }
    found = describe_catalog(_strip(keyed), catalog=whole, scratch=glance.scratch)
    return _build(Look.CATALOG, list(found), gone=gone)


def _keep_key(stream: Stream, offered: CatalogStream) -> Stream:
    columns = {snake_case(name) for name in offered.properties if name.strip()}
    key = stream.primary_key if {*map(snake_case, stream.primary_key)} <= columns else ()
    return replace(stream, primary_key=key)


def _reflect(glance: Glance, *, secrets: Mapping[str, str]) -> Sighting:
    from connector_assets.engines.dlt_discovery import discover_source, find_missing

    connector = glance.plan.connector
    gone = find_missing(connector, secrets=secrets, among=glance.known)
    left = _leave_out(connector, gone)
    keyless = tuple(replace(stream, primary_key=()) for stream in left.streams)
    bare = _strip(replace(left, streams=keyless))
    found = discover_source(bare, secrets=secrets, scratch=glance.scratch)
    return _build(Look.REFLECTION, list(found), gone=gone)


def _leave_out(connector: Connector, gone: Collection[str]) -> Connector:
    left = tuple(stream for stream in connector.streams if stream.name not in gone)
    return replace(connector, streams=left)


def _strip(connector: Connector) -> Connector:
    """Return a connector that asks for structure alone.

    Whether the source still has what a cursor or a merge needs is for the comparison to say.
    """
    streams = (
        replace(stream, cursor="", write=WriteDisposition.APPEND) for stream in connector.streams
    )
    return replace(connector, streams=tuple(streams))


def _build(how: Look, found: Collection[DiscoveredStream], *, gone: tuple[str, ...]) -> Sighting:
    return Sighting(
        look=how,
        profiles={each.name: each.profile for each in found if each.declared},
        gone=gone,
        others={each.name: _bare(each.profile) for each in found if not each.declared},
    )


def _bare(profile: StreamProfile) -> StreamProfile:
    """Return what a stream that the connector does not have looks like: its cursor is a guess."""
    return replace(profile, cursor="")


def _render(sighting: Sighting) -> dict[str, Any]:
    return {
        "look": str(sighting.look),
        "profiles": render_profiles(sighting.profiles),
        "gone": list(sighting.gone),
        "others": render_profiles(sighting.others),
    }


def _explain(error: Exception, *, connector: str) -> ConnectorError:
    if isinstance(error, ConnectorError):
        return error.with_context(connector=connector)
    traceback.print_exc()
    return FatalSyncError(
        f"{type(error).__name__}: {error}",
        connector=connector,
        fix=f"Ask the source in the foreground: connectors discover {connector} --debug",
    )


def _leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
