"""Runs a connector's extractor through Meltano: checked, then staged.

Nothing here writes into the user's Meltano project, loads anything, or keeps Meltano's own state:
the state comes from the destination, and goes back to it with the rows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

from connector_assets.engines.meltano_log import (
    LogLine,
    Transcript,
    explain_failure,
    parse_line,
)
from connector_assets.engines.meltano_overlay import Overlay, open_overlay
from connector_assets.engines.meltano_plugin import (
    LOADER,
    build_extractor,
    name_plugin,
    name_variable,
)
from connector_assets.engines.meltano_project import (
    check_installed,
    find_extractor,
    load_meltano_project,
    read_selection,
)
from connector_assets.errors import ConfigError, ConnectorError, EngineFailed
from connector_assets.model import Connector

_STAGE_VARIABLE = "CONNECTOR_TARGET_STAGE"
# Of the caller's own Meltano variables only these cannot point a run somewhere else.
_KEPT = ("MELTANO_ELT_BUFFER_SIZE", "MELTANO_FF_")
LOCK_WAIT = 30.0

OnEvent = Callable[[LogLine], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeltanoRun:
    """One call of Meltano, ready to be started; ``env`` holds the secrets."""

    connector: str
    source: str
    overlay: Overlay
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path


def check(connector: Connector, *, project_root: Path) -> None:
    """Check without starting anything that the connector's extractor can run.

    Raises:
        ConfigError: Meltano, meltano.yml, the extractor, or its installation is not there.
    """
    project = load_meltano_project(project_root)
    find_extractor(project, name=connector.source, place=_find_place(connector, project_root))
    check_installed(project, name=connector.source)
    _find_meltano()


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


def stage(run: MeltanoRun, *, stage_file: Path, on_event: OnEvent) -> dict[str, Any]:
    """Run Meltano to its end in this process's group; return the manifest of the staged package.

    ``stage_file`` tells ``connector-target`` what to do, and where the manifest goes.
    ``on_event`` gets each line of the log, not redacted.

    Raises:
        ConfigError: A plugin is not installed.
        CredentialError: The source refused the secrets.
        TransientSyncError: The source did not answer, or Meltano is running already.
        EngineFailed: Extractor, mapper, loader or Meltano failed; says which, with its last lines.
        ConnectorError: Whatever ``connector-target`` gave as its reason.
    """
    manifest = Path(json.loads(stage_file.read_text(encoding="utf-8"))["manifest"])
    with open_overlay(run.overlay, wait=LOCK_WAIT):
        transcript, exit_code = _follow(run, stage_file=stage_file, on_event=on_event)
    if exit_code:
        raise _find_failure(run, transcript, exit_code=exit_code, manifest=manifest)
    return _read_manifest(manifest, connector=run.connector)


def plan_overlay(
    connector: Connector,
    *,
    project_root: Path,
    environment: str,
    state: Path | None = None,
    purpose: str = "",
) -> Overlay:
    """Return the overlay of a connector; ``purpose`` keeps those of different uses apart."""
    project = load_meltano_project(project_root)
    find_extractor(project, name=connector.source, place=_find_place(connector, project_root))
    rules = read_selection(project, name=connector.source, environment=environment)
    return Overlay(
        folder=project_root / ".connectors" / "meltano" / f"{connector.name}{purpose}",
        project=project,
        extractor=build_extractor(connector, selection=rules, state=state),
        environment=environment,
    )


def plan_run(
    connector: Connector, *, overlay: Overlay, secrets: Mapping[str, str], words: tuple[str, ...]
) -> MeltanoRun:
    """Return one call of Meltano in an overlay: ``words`` are its command and arguments."""
    command, *rest = words
    options = ("--log-format", "json", "--log-level", "info", "--environment", overlay.environment)
    return MeltanoRun(
        connector=connector.name,
        source=connector.source,
        overlay=overlay,
        argv=(str(_find_meltano()), *options, command, "--no-install", *rest),
        env=_build_environment(overlay, secrets=secrets),
        # The user's folder: relative paths in an extractor's config are meant from there.
        cwd=overlay.project.root,
    )


def _build_environment(overlay: Overlay, *, secrets: Mapping[str, str]) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MELTANO_") or name.startswith(_KEPT)
    }
    return {
        **inherited,
        **{name_variable(name): value for name, value in secrets.items()},
        "MELTANO_PROJECT_ROOT": str(overlay.folder),
        "MELTANO_SYS_DIR_ROOT": str(overlay.system),
        "MELTANO_PROJECT_READONLY": "true",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_CLI_LOG_CONFIG": str(overlay.folder / "no-logging.yaml"),
        "MELTANO_DATABASE_URI": f"sqlite:///{overlay.system / 'meltano.db'}",
        "MELTANO_STATE_BACKEND_URI": f"file://{overlay.system / 'state'}",
        # Meltano copies an extractor's output, not redacted, into a log folder of the user's.
        "XDG_STATE_HOME": str(overlay.system / "logs"),
    }


def _find_meltano() -> Path:
    script = Path(sys.executable).with_name("meltano")
    if not script.exists():
        raise ConfigError(
            "Meltano is not installed in the Python environment of `connectors`",
            place=str(script.parent),
            fix="Install `connector-assets` again: Meltano comes with it.",
        )
    return script


def _find_place(connector: Connector, root: Path) -> str:
    with suppress(ValueError):
        return str(connector.file.relative_to(root))
    return str(connector.file)


def _follow(run: MeltanoRun, *, stage_file: Path, on_event: OnEvent) -> tuple[Transcript, int]:
    transcript = Transcript()
    env = {**run.env, _STAGE_VARIABLE: str(stage_file)}
    with _start(run, env=env) as meltano:
        assert meltano.stdout is not None
        for raw in meltano.stdout:
            line = parse_line(raw)
            transcript.add(line)
            on_event(line)
    return transcript, meltano.returncode


@contextmanager
def _start(run: MeltanoRun, *, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start Meltano; on an exception, end it with its extractor and loader."""
    with subprocess.Popen(
        run.argv,
        cwd=run.cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as meltano:
        try:
            yield meltano
        except BaseException:
            with suppress(psutil.Error):
                for child in psutil.Process(meltano.pid).children(recursive=True):
                    child.kill()
            meltano.kill()
            raise


def _find_failure(
    run: MeltanoRun, transcript: Transcript, *, exit_code: int, manifest: Path
) -> ConnectorError:
    """Return the loader's own error where the loader is to blame, else what the log tells."""
    if set(transcript.exit_codes) == {"loaders"} and manifest.exists():
        record = json.loads(manifest.read_text(encoding="utf-8")).get("error")
        if record:
            return ConnectorError.from_record(record).with_context(connector=run.connector)
    error = explain_failure(transcript, exit_code=exit_code, source=run.source)
    return error.with_context(connector=run.connector)


def _read_manifest(manifest: Path, *, connector: str) -> dict[str, Any]:
    if not manifest.exists():
        raise EngineFailed(
            "meltano ended well, but connector-target wrote no manifest",
            place=str(manifest),
            fix="Nothing was loaded. Is `connector-target` the loader of this project?",
            connector=connector,
        )
    content: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    return content
