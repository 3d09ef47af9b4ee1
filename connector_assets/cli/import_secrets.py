"""The settings of a tap that are secret: which they are, and where each value comes from."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connector_assets.credentials.references import is_secret_key
from connector_assets.engines.meltano_project import MeltanoProject

# What Meltano prints instead of the value of a setting that is secret.
_MASK = "*****"
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=", re.MULTILINE)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSetting:
    """A secret setting, ``client.secret``, and the variable with its value.

    ``variable`` is empty where it stands in meltano.yml itself, or in Meltano's database.
    ``dotenv`` says that it is set by ``.env`` alone, which does not come along to other machines.
    """

    setting: str
    variable: str = ""
    dotenv: bool = False

    @property
    def name(self) -> str:
        """What the connector calls it."""
        return re.sub(r"\W", "_", self.setting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """Names of variables: those of this process, and those that ``.env`` sets for Meltano."""

    process: Collection[str]
    dotenv: Collection[str] = ()


def parse_dotenv(text: str) -> frozenset[str]:
    """Return the names that a ``.env`` file sets."""
    return frozenset(_ASSIGNMENT.findall(text))


def find_secrets(
    project: MeltanoProject,
    *,
    tap: str,
    environment: str,
    config: Mapping[str, Any],
    variables: Variables,
) -> tuple[SecretSetting, ...]:
    """Return the secret settings of a tap that are given a value; never the value.

    ``config`` is what ``meltano config print`` shows, where secrets are masked.
    """
    written = dict(_find_written(project, tap=tap, environment=environment))
    masked = [name for name, value in _flatten(config) if value == _MASK]
    declared = {
        str(one["name"])
        for plugin in project.ancestry(tap)
        for one in plugin.get("settings") or ()
        if one.get("sensitive") or one.get("kind") == "password"
    }
    # A variable that is not set here is not in what Meltano prints.
    named = [name for name in written if name in declared or is_secret_key(name.split(".")[-1])]
    names = [str(plugin["name"]) for plugin in project.ancestry(tap)]
    return tuple(
        _locate(setting, str(written.get(setting, "")), names=names, variables=variables)
        for setting in dict.fromkeys((*masked, *named))
    )


def _locate(
    setting: str, written: str, *, names: Collection[str], variables: Variables
) -> SecretSetting:
    """Return where a setting's value comes from; ``names`` are the plugins that it may be of."""
    own = [re.sub(r"\W", "_", f"{one}_{setting}").upper() for one in names]
    whole = _VARIABLE.fullmatch(written)
    referred = (whole[1] or whole[2]) if whole else ""
    known = {*variables.process, *variables.dotenv}
    variable = next((one for one in own if one in known), referred)
    only_dotenv = variable in variables.dotenv and variable not in variables.process
    return SecretSetting(setting=setting, variable=variable, dotenv=only_dotenv)


def _find_written(
    project: MeltanoProject, *, tap: str, environment: str
) -> Iterator[tuple[str, Any]]:
    """Yield the settings as meltano.yml has them; the nearest comes last."""
    entries = project.environments.get(environment, {})
    for plugin in reversed(list(project.ancestry(tap))):
        yield from _flatten(plugin.get("config") or {})
        yield from _flatten(entries.get(str(plugin["name"]), {}).get("config") or {})


def _flatten(config: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
