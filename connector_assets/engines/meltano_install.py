"""Whether an extractor can be started: installed by Meltano, or an executable of one's own.

The rules of inheritance are those of Meltano's ``ProjectPlugin``: what a plugin does not say comes
from the one it inherits from, at last from the plugin's lock file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

from connector_assets.engines.meltano_project import MELTANO_FILE, MeltanoProject
from connector_assets.errors import ConfigError
from connector_assets.model import Connector

#: A plugin's name, and what is said of it in one place.
_Definition: TypeAlias = tuple[str, Mapping[str, Any]]
#: What a ``pip_url`` says of versions: ``tap-shop==1.2``, ``tap-shop[extra]==1.2``.
_PIN = re.compile(r"(?<![^\s])([\w.-]+)(?:\[[^\]]*\])?==([\w.!+]+)(?=\s|$)")


def check_installed(project: MeltanoProject, *, name: str) -> None:
    """Check that the executable of an extractor is there.

    Passes where only Meltano's hub knows the plugin: its definition is looked up at run time.

    Raises:
        ConfigError: Its Python environment or its executable is not there.
    """
    definitions = list(_definitions(project, name=name))
    executable = str(_first(definitions, "executable") or "")
    if _first(definitions, "pip_url"):
        _check_environment(project, name=name, definitions=definitions, executable=executable)
    elif executable and not _find_executable(executable, root=project.root):
        raise ConfigError(
            f"the executable {executable!r} of {name} is not there, or may not be executed",
            place=MELTANO_FILE,
            fix="Correct its `executable`, or give the extractor a `pip_url` and install it.",
        )


def find_program(project: MeltanoProject, *, name: str) -> str | None:
    """Return what Meltano starts for an extractor, None where only its hub knows that."""
    definitions = list(_definitions(project, name=name))
    executable = str(_first(definitions, "executable") or "")
    if _first(definitions, "pip_url"):
        folder = project.system / "extractors" / _find_folder(definitions)
        return str(folder / "venv" / "bin" / (executable or definitions[-1][0]))
    return str(project.root / executable) if "/" in executable else executable or None


def check_capabilities(project: MeltanoProject, *, connector: Connector) -> None:
    """Check that Meltano will hand over the state that incremental streams need.

    Raises:
        ConfigError: A stream has a cursor, and the extractor does not advertise `state`: each
            sync would read everything again.
    """
    definitions = list(_definitions(project, name=connector.source))
    stream = next((each for each in connector.streams if each.cursor), None)
    capabilities = _first(definitions, "capabilities") or ()
    if stream and definitions[-1][1].get("namespace") and "state" not in capabilities:
        raise ConfigError(
            f"{connector.source} does not have the capability `state`, which a cursor needs",
            place=MELTANO_FILE,
            stream=stream.name,
            fix="Add it to `capabilities` of the extractor, or remove the stream's `cursor`.",
        )


def _check_environment(
    project: MeltanoProject,
    *,
    name: str,
    definitions: list[_Definition],
    executable: str,
) -> None:
    folder = _find_folder(definitions)
    programs = project.system / "extractors" / folder / "venv" / "bin"
    fix = f"Run `meltano install extractor {name}` in the project folder."
    if not (programs / "python").exists():
        raise ConfigError(
            f"the extractor {name!r} is not installed", place=MELTANO_FILE, value=name, fix=fix
        )
    _check_versions(programs.parent, wanted=_first(definitions, "pip_url") or "", name=name)
    # Without `executable` it is called as the plugin that defines it.
    program = executable or definitions[-1][0]
    if not (programs / program).exists():
        raise ConfigError(
            f"the installed extractor {name!r} has no executable {program!r}",
            place=MELTANO_FILE,
            fix=f"Correct its `executable`, or install it anew. {fix}",
        )


def _check_versions(environment: Path, *, wanted: str, name: str) -> None:
    """Make sure that what the project pins is what is installed: a sync does not install."""
    pins = {_plain(package): version for package, version in _PIN.findall(wanted)}
    for place in environment.glob("lib/python*/site-packages") if pins else ():
        for found in metadata.distributions(path=[str(place)]):
            pin = pins.get(_plain(found.name))
            if pin not in (None, found.version):
                raise ConfigError(
                    f"{found.name} of {name!r} is installed in version {found.version},"
                    f" the project says {pin}",
                    place=MELTANO_FILE,
                    fix=f"Run `meltano install --force extractor {name}` in the project folder.",
                )


def _plain(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _definitions(project: MeltanoProject, *, name: str) -> Iterator[_Definition]:
    """Yield what defines an extractor, the nearest first, each with the plugin's name."""
    plugin: Mapping[str, Any] = {}
    for plugin in project.ancestry(name):
        yield str(plugin["name"]), plugin
    if "namespace" not in plugin or plugin.get("inherit_from"):
        # The last one is defined outside meltano.yml.
        outside = str(plugin.get("inherit_from") or plugin.get("name") or name)
        locked = _read_lock(project.root, name=outside, variant=str(plugin.get("variant") or "*"))
        if locked:
            yield outside, locked


def _first(definitions: list[_Definition], key: str) -> Any:
    return next((each[key] for _, each in definitions if each.get(key)), None)


def _find_folder(definitions: list[_Definition]) -> str:
    """Return the folder of the Python environment: that of the first with a ``pip_url`` its own."""
    (name, _), *above = definitions
    if above and _first(above, "pip_url") == _first(definitions, "pip_url"):
        return _find_folder(above)
    return name


def _find_executable(executable: str, *, root: Path) -> bool:
    if "/" in executable:
        path = root / executable
        return path.is_file() and os.access(path, os.X_OK)
    return shutil.which(executable) is not None


def _read_lock(root: Path, *, name: str, variant: str) -> Mapping[str, Any]:
    for file in sorted(root.glob(f"plugins/extractors/{name}--{variant}.lock")):
        content = json.loads(file.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    return {}
