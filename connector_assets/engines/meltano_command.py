"""One call of Meltano in a connector's overlay: its words, its environment, its process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from connector_assets.engines.meltano_install import find_program
from connector_assets.engines.meltano_overlay import Overlay
from connector_assets.engines.meltano_plugin import (
    BACKSLASH,
    build_extractor,
    name_plugin,
    name_variable,
)
from connector_assets.engines.meltano_project import (
    MELTANO_FILE,
    MeltanoProject,
    find_extractor,
    load_meltano_project,
    read_selection,
)
from connector_assets.engines.meltano_rotation import render_starter
from connector_assets.errors import ConfigError
from connector_assets.model import Connector

# Of the caller's own Meltano variables only these cannot point a run somewhere else.
_KEPT = ("MELTANO_ELT_BUFFER_SIZE", "MELTANO_FF_")
# The caller's own could point Meltano at another project or environment.
_MISLEADING = (
    *("MELTANO_PROJECT_ROOT", "MELTANO_SYS_DIR_ROOT"),
    *("MELTANO_ENVIRONMENT", "MELTANO_CLI_LOG_CONFIG"),
)
#: Seconds to wait for another process that has the overlay.
LOCK_WAIT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeltanoCall:
    """One call of Meltano, ready to be started; ``env`` may hold secrets."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class MeltanoRun(MeltanoCall):
    """A call for a connector, in its overlay."""

    connector: Connector
    overlay: Overlay

    @property
    def catalog(self) -> Path:
        """Where Meltano puts the catalog that it gives to the extractor."""
        return self._folder / "tap.properties.json"

    @property
    def state(self) -> Path:
        """Where Meltano puts the state that it gives to the extractor."""
        return self._folder / "state.json"

    @property
    def _folder(self) -> Path:
        return self.overlay.system / "run" / name_plugin(self.connector)


def plan_overlay(
    connector: Connector,
    *,
    project_root: Path,
    environment: str,
    state: Path | None = None,
    purpose: str = "",
) -> Overlay:
    """Return the overlay of a connector; ``purpose`` keeps those of different uses apart.

    Raises:
        ConfigError: meltano.yml or the extractor is not there, or a setting cannot be used.
    """
    project = load_meltano_project(project_root)
    find_extractor(project, name=connector.source, place=find_place(connector, root=project_root))
    rules = read_selection(project, name=connector.source, environment=environment)
    folder = project_root / ".connectors" / "meltano" / f"{connector.name}{purpose}"
    overlay = Overlay(
        folder=folder,
        project=project,
        extractor=build_extractor(connector, selection=rules, state=state),
        environment=environment,
    )
    return _keep_config(overlay, connector) if connector.credentials.write_back else overlay


def _keep_config(overlay: Overlay, connector: Connector) -> Overlay:
    """Return an overlay whose tap is started with a copy of its configuration, which stays."""
    program = find_program(overlay.project, name=connector.source)
    if program is None:
        raise ConfigError(
            f"nothing says which program {connector.source} is: what it rotates cannot be kept",
            place=MELTANO_FILE,
            fix="Give the extractor its `pip_url` or `executable` in meltano.yml.",
            connector=connector.name,
        )
    starter = name_plugin(connector)
    return replace(
        overlay,
        extractor={**overlay.extractor, "executable": str(overlay.folder / "bin" / starter)},
        programs={starter: render_starter(overlay.system, program=program)},
    )


def plan_run(
    connector: Connector, *, overlay: Overlay, secrets: Mapping[str, str], words: tuple[str, ...]
) -> MeltanoRun:
    """Return one call of Meltano in an overlay: ``words`` are its command and arguments.

    Raises:
        ConfigError: Meltano is not installed.
    """
    command, *rest = words
    options = ("--log-format", "json", "--log-level", "info", "--environment", overlay.environment)
    return MeltanoRun(
        connector=connector,
        overlay=overlay,
        argv=(str(find_meltano()), *options, command, "--no-install", *rest),
        env=build_environment(overlay, secrets=secrets),
        # The user's folder: relative paths in an extractor's config are meant from there.
        cwd=overlay.project.root,
    )


def find_meltano() -> Path:
    """Return Meltano's executable, that of this interpreter's environment.

    Raises:
        ConfigError: It is not there.
    """
    script = Path(sys.executable).with_name("meltano")
    if not script.exists():
        raise ConfigError(
            "Meltano is not installed in the Python environment of `connectors`",
            place=str(script.parent),
            fix="Install `connector-assets` again: Meltano comes with it.",
        )
    return script


def find_place(connector: Connector, *, root: Path) -> str:
    """Return the connector's file as errors name it: relative to the project."""
    with suppress(ValueError):
        return str(connector.file.relative_to(root))
    return str(connector.file)


@contextmanager
def start(
    call: MeltanoCall, *, env: Mapping[str, str], stderr: int = subprocess.STDOUT
) -> Iterator[subprocess.Popen[bytes]]:
    """Start Meltano, its log on standard error; ``env`` comes on top of the run's own.

    On an exception it is ended, with its extractor and loader.
    """
    with subprocess.Popen(
        call.argv,
        cwd=call.cwd,
        env={**call.env, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
    ) as meltano:
        try:
            yield meltano
        except BaseException:
            with suppress(psutil.Error):
                for child in psutil.Process(meltano.pid).children(recursive=True):
                    child.kill()
            meltano.kill()
            raise


def build_own_environment(project: MeltanoProject) -> dict[str, str]:
    """Return the variables of a call of Meltano in the user's project itself, read-only.

    Meltano may install and keep states, and may not write into ``meltano.yml``.
    """
    inherited = {name: one for name, one in os.environ.items() if name not in _MISLEADING}
    return {
        **inherited,
        # It makes an id up for a project without, and fails where it may not write it down.
        **({} if project.id else {"MELTANO_PROJECT_ID": "connectors"}),
        "MELTANO_SYS_DIR_ROOT": str(project.system),
        "MELTANO_PROJECT_READONLY": "true",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        # It asks a package index before each command, and waits where there is none.
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
    }


def build_environment(overlay: Overlay, *, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a call of Meltano in an overlay, and of nothing around it."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MELTANO_") or name.startswith(_KEPT)
    }
    return {
        **inherited,
        BACKSLASH: "\\",
        **{name_variable(name): value for name, value in secrets.items()},
        "MELTANO_PROJECT_ROOT": str(overlay.folder),
        "MELTANO_SYS_DIR_ROOT": str(overlay.system),
        "MELTANO_PROJECT_READONLY": "true",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        # It asks a package index before each run, and waits where there is none.
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
        "MELTANO_CLI_LOG_CONFIG": str(overlay.folder / "no-logging.yaml"),
        "MELTANO_DATABASE_URI": f"sqlite:///{overlay.system / 'meltano.db'}",
        "MELTANO_STATE_BACKEND_URI": f"file://{overlay.system / 'state'}",
        # Meltano copies an extractor's output, not redacted, into a log folder of the user's.
        "XDG_STATE_HOME": str(overlay.system / "logs"),
    }
