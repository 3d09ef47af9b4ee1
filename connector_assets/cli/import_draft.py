"""The connector file that a tap of a Meltano project becomes, as a text."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector_assets.cli.import_routes import LeftOut, Route
from connector_assets.cli.import_secrets import SecretSetting
from connector_assets.cli.import_state import CarriedState
from connector_assets.engines.meltano_catalog import CatalogStream
from connector_assets.naming import is_name, snake_case

_PLAIN = re.compile(r"[A-Za-z_][\w-]*")
# What YAML 1.1 readers, Meltano's among them, take for something else than text.
_NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TapFacts:
    """What is known of a tap: its streams, its secret settings, and how far it came."""

    offered: Mapping[str, CatalogStream]
    secrets: tuple[SecretSetting, ...] = ()
    state: CarriedState | None = None

    @property
    def selected(self) -> tuple[CatalogStream, ...]:
        """The streams that the project selects."""
        return tuple(one for one in self.offered.values() if one.selected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a connector file says that Meltano does not: ``owner`` is empty where all have one."""

    name: str
    destination: str
    cron: str = ""
    owner: str = ""
    inherited: frozenset[str] = field(default_factory=frozenset)


def name_connector(tap: str, *, taken: Collection[str] = ()) -> str:
    """Return what the connector of a tap is called: ``shop`` for ``tap-shop``."""
    for text in (tap.removeprefix("tap-"), tap, f"tap_{tap}"):
        name = snake_case(text)[:63].strip("_")
        if is_name(name) and name not in taken:
            return name
    return "tap"


def render_connector(route: Route, setup: Setup, facts: TapFacts) -> str:
    """Return the text of the connector's file, which says where each part comes from."""
    lines = [
        "# yaml-language-server: $schema=../schemas/connector.schema.json",
        f"# From meltano.yml by `connectors import meltano`: {route.tap}, which was run by",
        f"# {', '.join(route.origins)}.",
        f"name: {setup.name}",
        *([f"owner: {setup.owner}"] if setup.owner else ()),
        *_render_schedule(route, setup),
        "engine: meltano",
        f"source: {route.tap}",
        "# Settings stay where Meltano has them; what stands here comes on top.",
        *_render_secrets(facts.secrets),
        f"destination: {setup.destination}",
        *_render_streams(facts, setup),
    ]
    return "".join(f"{line}\n" for line in lines)


def list_plain(route: Route, secrets: Sequence[SecretSetting]) -> Iterator[LeftOut]:
    """Yield the secrets that no variable holds: they stay where Meltano has them."""
    for one in secrets:
        if not one.variable:
            nested = _nest([one])
            config = f"`config: {_flow(nested)}` and " if nested else ""
            yield LeftOut(
                what=f"secret {one.setting} of {route.tap}",
                why="its value stands in meltano.yml or Meltano's database: it holds there, but is "
                "neither checked before a sync nor taken out of its log",
                fix=f"Put it into a variable NAME, and write {config}"
                f'`secrets: {{{one.name}: "env:NAME"}}`.',
            )


def _render_schedule(route: Route, setup: Setup) -> Iterator[str]:
    told = ", ".join(f"{one.name} ({one.said})" for one in route.intervals)
    if setup.cron:
        yield f"# Meltano's schedule {told}. Meltano names no time zone; its schedulers take UTC."
        yield f"schedule: {{cron: {json.dumps(setup.cron)}, timezone: UTC}}"
    else:
        yield f"# By hand: {f'schedule {told}' if told else 'Meltano has no schedule for it'}."


def _render_secrets(secrets: Sequence[SecretSetting]) -> Iterator[str]:
    known = [one for one in secrets if one.variable]
    yield f"config: {_flow(_nest(known))}"
    if any(one.dotenv for one in known):
        yield "# Some variables stand in .env, which is not committed: set them elsewhere, too."
    sources = {one.name: f"env:{one.variable}" for one in known}
    yield f"secrets: {_flow(sources)}"


def _nest(secrets: Sequence[SecretSetting]) -> dict[str, Any]:
    """Return references to the secrets that are not settings of the first level."""
    nested: dict[str, Any] = {}
    for one in secrets:
        if one.name != one.setting:
            *above, last = one.setting.split(".")
            place = nested
            for key in above:
                place = place.setdefault(key, {})
            place[last] = f"${{{one.name}}}"
    return nested


def _render_streams(facts: TapFacts, setup: Setup) -> Iterator[str]:
    yield "streams:"
    for stream in facts.selected:
        rules, reason = _plan_stream(stream, facts.state)
        if "cursor" in setup.inherited and "cursor" not in rules:
            rules["cursor"] = None
        yield f"  # {reason}"
        yield f"  {_key(stream.name)}: {_flow(rules)}"


def _plan_stream(stream: CatalogStream, state: CarriedState | None) -> tuple[dict[str, Any], str]:
    """Return how a stream is synced, and why so."""
    keyed = "merge" if stream.primary_key else "append"
    if stream.method == "LOG_BASED":
        rules = {"write": keyed, "config": {"replication-method": "LOG_BASED"}}
        return rules, "LOG_BASED in Meltano, and here."
    if stream.method == "FULL_TABLE":
        return {"write": "replace"}, "FULL_TABLE in Meltano: each sync reads all of it."
    if stream.followed:
        rules = {"write": keyed, "cursor": stream.followed}
        return rules, f"INCREMENTAL in Meltano, by {stream.followed}."
    if state and stream.name in state.bookmarks:
        cursor = _read_cursor(state.bookmarks[stream.name], stream)
        rules = {"write": keyed, **({"cursor": cursor} if cursor else {})}
        return rules, "The catalog does not say how it is read; Meltano's state has a bookmark."
    write = "merge" if stream.primary_key else "replace"
    return {"write": write}, "The catalog does not say how it is read, and there is no bookmark."


def _read_cursor(bookmark: Any, stream: CatalogStream) -> str:
    """Return the property that a bookmark is of: the SDK names it, others have it as the key."""
    if not isinstance(bookmark, Mapping):
        return stream.cursor
    named = bookmark.get("replication_key")
    keys = [key for key in bookmark if key in stream.properties]
    return str(named or (keys[0] if len(keys) == 1 else stream.cursor))


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(str(key))}: {_flow(one)}' for key, one in value.items())}}}"
    if value is None:
        return ""
    return str(value) if _is_plain(str(value)) else json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if _is_plain(name) else json.dumps(name, ensure_ascii=False)


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and text.lower() not in _NOT_TEXT
