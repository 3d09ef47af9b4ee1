"""The keys about alerts and the heartbeat, of connectors.yaml and of connector files."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from connector_assets.alerting import PLAIN_RULE, AlertKind, AlertRule, Heartbeat
from connector_assets.config_blocks import Block
from connector_assets.config_fields import (
    ConnectorNames,
    Name,
    PositiveSeconds,
    Text,
    refuse,
)


def _to_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _to_full_tuple(value: object) -> object:
    if value == []:
        raise refuse("should not be empty", fix="Name one, or remove the rule.")
    return _to_tuple(value)


_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_Texts: TypeAlias = Annotated[tuple[Text, ...], BeforeValidator(_to_tuple), WithJsonSchema(_TEXTS)]
_Targets: TypeAlias = Annotated[
    tuple[Text, ...],
    BeforeValidator(_to_full_tuple),
    WithJsonSchema({**_TEXTS, "minItems": 1}),
]
_Kinds: TypeAlias = Annotated[
    tuple[Annotated[AlertKind, Field(strict=False)], ...],
    BeforeValidator(_to_full_tuple),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "enum": [str(kind) for kind in AlertKind]},
            "minItems": 1,
        }
    ),
]


class AlertRuleBlock(Block):
    """Who is told of some things."""

    on: _Kinds = Field(
        tuple(AlertKind), description="What is told; everything if nobody says otherwise."
    )
    to: _Targets = Field(
        description="Apprise URLs; one with a token in it is written env:NAME or file:PATH."
    )


class ProjectRuleBlock(AlertRuleBlock):
    """Who is told of some things, of some connectors."""

    owners: _Texts = Field((), description="Only of connectors that one of these answers for.")
    connectors: ConnectorNames = Field((), description="Only of these connectors.")


class AlertsBlock(Block):
    """Who is told."""

    urls: _Texts = Field(
        (),
        description="Apprise URLs that are told of everything; one with a token in it is written "
        "env:NAME or file:PATH.",
    )
    rules: dict[Name, AlertRuleBlock] = Field({}, description="Who is told of some things.")


class ProjectAlertsBlock(AlertsBlock):
    """Who is told, where a connector does not say otherwise."""

    rules: dict[Name, ProjectRuleBlock] = Field(  # type: ignore[assignment] # more keys than above
        {}, description="Who is told of some things, or of some connectors."
    )


class HeartbeatBlock(Block):
    """A page that hears of a living scheduler, and raises the alarm when it does not."""

    url: Text = Field(description="What is asked (GET): http(s)://..., env:NAME or file:PATH.")
    every: PositiveSeconds = Field(
        Heartbeat(url="").every, description="At most so often; five minutes are usual."
    )


def build_rules(block: AlertsBlock | None) -> tuple[AlertRule, ...]:
    """Return the rules that a file has, `urls:` first; none where it says nothing."""
    if block is None:
        return ()
    plain = (AlertRule(name=PLAIN_RULE, to=block.urls),) if block.urls else ()
    return (*plain, *(_build_rule(name, one) for name, one in block.rules.items()))


def _build_rule(name: str, block: AlertRuleBlock) -> AlertRule:
    of: dict[str, tuple[str, ...]] = {}
    if isinstance(block, ProjectRuleBlock):
        of = {"owners": block.owners, "connectors": block.connectors}
    return AlertRule(name=name, to=block.to, on=frozenset(block.on), **of)


def build_heartbeat(block: HeartbeatBlock | None) -> Heartbeat | None:
    """Return where a living scheduler is reported; None where nobody wants to know."""
    return Heartbeat(url=block.url, every=block.every) if block else None


def list_addresses(block: AlertsBlock | None) -> dict[str, Any]:
    """Return the addresses of a file's rules, where they stand under `alerts`."""
    if block is None:
        return {}
    rules = {name: {"to": one.to} for name, one in block.rules.items()}
    return {"urls": block.urls, "rules": rules}
