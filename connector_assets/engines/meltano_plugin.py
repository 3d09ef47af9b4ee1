"""The extractor that a connector adds to a Meltano project: config, selection, metadata, secrets.

It inherits from the project's own extractor, so that everything declared there (settings, the
installed environment, what an active Meltano environment sets) stays as it is, and what the
connector says comes on top.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from connector_assets.errors import ConfigError
from connector_assets.model import Connector, Stream

LOADER = "connector-target"
#: Meltano takes a backslash before a variable for an escape; this variable holds one.
BACKSLASH = "CONNECTORS_BACKSLASH"
_SECRET_PREFIX = "CONNECTORS_SECRET_"
_REFERENCE = re.compile(r"(?P<backslashes>\\*)\$(?P<escape>\$?)\{(?P<name>[^{}]*)\}")


def name_plugin(connector: Connector) -> str:
    """Return the name of the connector's own extractor, by Meltano's custom: ``tap-x--name``."""
    return f"{connector.source}--{connector.name}"


def build_extractor(
    connector: Connector, *, selection: Sequence[str], state: Path | None
) -> dict[str, Any]:
    """Return the plugin entry for ``meltano.yml``; it holds no secret, only names of variables.

    ``selection`` are the project's own ``select`` rules, ``state`` the tap's state file.
    ``${token}`` becomes ``${CONNECTORS_SECRET_token}``, which Meltano expands; ``$${token}`` is
    the text ``${token}``, as for dlt.

    Raises:
        ConfigError: A setting is null.
    """
    _refuse_null(connector, connector.config)
    used: set[str] = set()
    config = _bind(connector.config, connector.secrets, used)
    metadata = {
        quote_metadata(stream.name): _bind(describe_replication(stream), connector.secrets, used)
        for stream in connector.streams
    }
    # A secret that nothing refers to is the extractor's setting of that name.
    settings = {
        name: f"${{{name_variable(name)}}}" for name in connector.secrets if name not in used
    }
    entry: dict[str, Any] = {
        "name": name_plugin(connector),
        "inherit_from": connector.source,
        "config": {**config, **settings},
        "select": [rule for each in connector.streams for rule in select(each, rules=selection)],
        "metadata": metadata,
    }
    return {**entry, "state": str(state)} if state else entry


def name_variable(secret: str) -> str:
    """Return the environment variable that carries a secret to Meltano."""
    # By its number, so that no two secrets share a variable.
    return _SECRET_PREFIX + re.sub(r"\W", lambda found: f"_{ord(found[0]):X}_", secret)


def select(stream: Stream, *, rules: Sequence[str]) -> Iterator[str]:
    """Yield the rules that select a stream: all its properties, unless ``rules`` narrow them.

    Rules of the project that pick or exclude properties of the stream stay in force; which
    streams are read is up to the connector alone.
    """
    name = quote_selection(stream.name)
    picked: list[str] = []
    excluded: list[str] = []
    for rule in rules:
        pattern, properties = _split_rule(rule.removeprefix("!"))
        if fnmatch.fnmatch(stream.name, pattern):
            (excluded if rule.startswith("!") else picked).append(properties)
    everything = not picked or "*" in picked
    yield from (f"{name}.{each}" for each in (["*"] if everything else picked))
    yield from (f"!{name}.{each}" for each in excluded if each != "*")


def describe_replication(stream: Stream) -> dict[str, Any]:
    """Return the stream's metadata: its cursor, and the stream's own ``config`` on top."""
    method = (
        {"replication-method": "INCREMENTAL", "replication-key": stream.cursor}
        if stream.cursor
        else {"replication-method": "FULL_TABLE"}
    )
    return {**method, **stream.config}


def quote_selection(stream: str) -> str:
    """Return the stream's name as a pattern of a ``select`` rule that matches nothing else."""
    return re.sub(r"([*?\[])", r"[\1]", stream).replace(".", r"\.")


def quote_metadata(stream: str) -> str:
    """Return the stream's name as a key of ``metadata``.

    Meltano splits these keys at dots and has no escape for them, but it matches patterns.
    """
    return re.sub(r"([*?\[])", r"[\1]", stream).replace(".", "?")


def _split_rule(rule: str) -> tuple[str, str]:
    stream, *properties = re.split(r"(?<!\\)\.", rule, maxsplit=1)
    return stream.replace(r"\.", "."), properties[0] if properties else "*"


def _refuse_null(connector: Connector, config: Mapping[str, Any], *, above: str = "") -> None:
    for key, value in config.items():
        if value is None:
            raise ConfigError(
                f"the setting {above}{key} is null, and Meltano has no null settings",
                place=str(connector.file),
                fix="Leave the key out.",
                connector=connector.name,
            )
        if isinstance(value, Mapping):
            _refuse_null(connector, value, above=f"{above}{key}.")


def _bind(value: Any, secrets: Mapping[str, str], used: set[str]) -> Any:
    """Return a value with the references to secrets replaced, which are added to ``used``."""
    if isinstance(value, Mapping):
        return {key: _bind(each, secrets, used) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_bind(each, secrets, used) for each in value]
    if not isinstance(value, str):
        return value

    def replace(found: re.Match[str]) -> str:
        name, before = found["name"], f"${{{BACKSLASH}}}" * len(found["backslashes"])
        if found["escape"]:
            # Meltano takes only words for variables, and leaves the backslash before others.
            return before + ("\\" if re.fullmatch(r"\w+", name) else "") + f"${{{name}}}"
        if name not in secrets:
            return found[0]
        used.add(name)
        return f"{before}${{{name_variable(name)}}}"

    return _REFERENCE.sub(replace, value)
