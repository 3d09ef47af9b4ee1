"""Runs a connector's extractor through Meltano: checked, then staged.

Nothing here writes into the user's Meltano project, loads anything, or keeps Meltano's own state:
the state comes from the destination, and goes back to it with the rows.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from connector_assets.engines.meltano_catalog import (
    check_offered,
    check_rules,
    load_catalog,
)
from connector_assets.engines.meltano_command import (
    LOCK_WAIT,
    MeltanoRun,
    find_meltano,
    find_place,
    plan_overlay,
    plan_run,
    start,
)
from connector_assets.engines.meltano_install import check_capabilities, check_installed
from connector_assets.engines.meltano_log import (
    LogLine,
    Transcript,
    explain_failure,
    parse_line,
)
from connector_assets.engines.meltano_plugin import LOADER, build_extractor, name_plugin
from connector_assets.engines.meltano_project import find_extractor, load_meltano_project
from connector_assets.engines.meltano_rotation import open_tap
from connector_assets.errors import ConfigError, ConnectorError, EngineFailed
from connector_assets.model import Connector

__all__ = ["MeltanoRun", "check", "prepare", "stage"]

_STAGE_VARIABLE = "CONNECTOR_TARGET_STAGE"

OnEvent = Callable[[LogLine], object]


def check(connector: Connector, *, project_root: Path) -> None:
    """Check without starting anything that the connector's extractor can run.

    Raises:
        ConfigError: Meltano, meltano.yml, the extractor, its installation or a capability is not
            there, or a setting cannot be used.
    """
    try:
        project = load_meltano_project(project_root)
        place = find_place(connector, root=project_root)
        find_extractor(project, name=connector.source, place=place)
        build_extractor(connector, selection=(), state=None)
        check_installed(project, name=connector.source)
        check_capabilities(project, connector=connector)
        find_meltano()
    except ConfigError as error:
        error.with_context(connector=connector.name)
        raise


def prepare(
    connector: Connector,
    *,
    project_root: Path,
    environment: str,
    secrets: Mapping[str, str],
    state: Path | None = None,
) -> MeltanoRun:
    """Return the run that extracts the connector's streams into ``connector-target``.

    ``secrets`` are values by name, ``state`` is the tap's state file. Nothing is written yet.

    Raises:
        ConfigError: As :func:`check`.
    """
    overlay = plan_overlay(
        connector, project_root=project_root, environment=environment, state=state
    )
    words = ("--refresh-catalog", "--state-id-suffix", uuid4().hex, name_plugin(connector), LOADER)
    return plan_run(connector, overlay=overlay, secrets=secrets, words=("run", *words))


def stage(
    run: MeltanoRun, *, stage_file: Path, on_event: OnEvent, known: Collection[str] = ()
) -> Iterator[tuple[dict[str, Any], bool]]:
    """Run Meltano to its end in this process's group; yield the manifest of the staged package.

    With it comes whether it is the last one: those of checkpoints are before it, while Meltano goes
    on. Closing the iterator ends Meltano.

    ``stage_file`` tells ``connector-target`` what to do, and where the manifest goes.
    ``on_event`` gets each line of the log, not redacted. The manifest has no entry for a stream of
    the catalog that the tap did not mention, as some do where there is nothing new. ``offered`` in
    it has the streams of the catalog, None where there is none. ``known`` streams were read before.

    Raises:
        ConfigError: A plugin is not installed, or the extractor does not offer a stream.
        DriftBlocked: A known stream has lost the key that it is merged by.
        CredentialError: The source refused the secrets.
        TransientSyncError: The source did not answer, or Meltano is running already.
        EngineFailed: Extractor, mapper, loader or Meltano failed; says which, with its last lines.
        ConnectorError: Whatever ``connector-target`` gave as its reason.
    """
    stage = json.loads(stage_file.read_text(encoding="utf-8"))
    manifest = Path(stage["manifest"])
    manifest.unlink(missing_ok=True)
    transcript, watch = Transcript(), partial(_watch, run, on_event=on_event, known=known)
    try:
        with open_tap(run.overlay, connector=run.connector, wait=LOCK_WAIT):
            with start(run, env={_STAGE_VARIABLE: str(stage_file)}) as meltano:
                lines = _follow(meltano, transcript, on_line=watch)
                yield from _find_checkpoints(run, lines, spec=stage, known=known)
            catalog = _check_catalog(run, known=known)
            if code := meltano.returncode:
                raise _find_failure(run, transcript, exit_code=code, manifest=manifest)
            _check_state(run)
        offered = None if catalog is None else sorted(catalog)
        yield {**_read_manifest(manifest), "offered": offered}, True
    except ConnectorError as error:
        error.with_context(connector=run.connector.name)
        raise


def _follow(
    meltano: subprocess.Popen[bytes], transcript: Transcript, *, on_line: OnEvent
) -> Iterator[None]:
    assert meltano.stdout is not None
    for raw in meltano.stdout:
        line = parse_line(raw)
        transcript.add(line)
        on_line(line)
        yield


def _find_checkpoints(
    run: MeltanoRun, lines: Iterable[None], *, spec: Mapping[str, Any], known: Collection[str]
) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield the manifests of checkpoints in their order: each line may be the word of one."""
    found, folder = 0, Path(spec.get("checkpoints", ""))
    for _ in lines:
        while (manifest := Path(folder, str(found + 1), "manifest.json")).exists():
            found += 1
            # Nothing is committed of a run that is not what it should be.
            _check_catalog(run, known=known)
            _check_state(run)
            yield {**_read_manifest(manifest), "offered": None}, False


def _watch(run: MeltanoRun, line: LogLine, *, on_event: OnEvent, known: Collection[str]) -> None:
    on_event(line)
    if line.misses_stream and (catalog := load_catalog(run.catalog)) is not None:
        # Now, not after an hour; the rules are not in the catalog yet.
        check_offered(run.connector, catalog=catalog, known=known)


def _check_catalog(run: MeltanoRun, *, known: Collection[str]) -> Any:
    """Return the catalog that the tap was given, None where there is none."""
    catalog = load_catalog(run.catalog)
    if catalog is not None:
        check_rules(run.connector, catalog=catalog, known=known)
    return catalog


def _check_state(run: MeltanoRun) -> None:
    """Meltano says nothing where it keeps a state from a tap: every row would come again."""
    if "state" in run.overlay.extractor and not run.state.exists():
        raise ConfigError(
            f"Meltano did not hand over the state to {run.connector.source}",
            place="meltano.yml",
            fix="Nothing was loaded. Add `state` to `capabilities` of the extractor.",
        )


def _find_failure(
    run: MeltanoRun, transcript: Transcript, *, exit_code: int, manifest: Path
) -> ConnectorError:
    """Return the loader's own error where the loader is to blame, else what the log tells."""
    source = run.connector.source
    # The loader can be named by nobody: Meltano may only see that its input is closed.
    if "extractors" not in transcript.exit_codes and manifest.exists():
        record = json.loads(manifest.read_text(encoding="utf-8")).get("error")
        if record:
            error = ConnectorError.from_record(record)
            if error.place.startswith("line "):
                error.place = f"{source}, {error.place} of its output"
            return error
    return explain_failure(transcript, exit_code=exit_code, source=source)


def _read_manifest(manifest: Path) -> dict[str, Any]:
    if not manifest.exists():
        raise EngineFailed(
            "meltano ended well, but connector-target wrote no manifest",
            place=str(manifest),
            fix="Nothing was loaded. Is `connector-target` the loader of this project?",
        )
    content: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    return content
