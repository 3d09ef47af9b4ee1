"""The checks of each asset: schema, rows, freshness, sync; answered from the ledger.

The last step of a sync in Dagster answers them, however the sync ended; they can be run by
themselves too. Of syncs that ran elsewhere, the mirror sensor tells the same answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from dagster import AssetCheckEvaluation, AssetCheckResult, AssetCheckSeverity, AssetCheckSpec

from connector_assets.assets.keys import asset_key
from connector_assets.assets.ports import check_name, list_checks
from connector_assets.lifecycle.health import Answer, Check, Facts, check_stream, pick_facts
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector

_DESCRIPTIONS = {
    Check.SCHEMA: "Nothing differs from the lock that nobody has decided on.",
    Check.ROWS: "What the last good sync staged is in the table.",
    Check.FRESHNESS: "The stream was synced when its schedule said so.",
    Check.SYNC: "The last sync of the connector ended well.",
}


def build_check_specs(connector: Connector) -> dict[str, AssetCheckSpec]:
    """Return the checks of a connector's assets by the output of the last step's op."""
    keys = [asset_key(connector.name, stream.name) for stream in connector.streams]
    return {
        output: AssetCheckSpec(str(check), asset=keys[at], description=_DESCRIPTIONS[check])
        for output, (at, check) in list_checks(len(keys)).items()
    }


def answer(setting: Setting, connector: Connector) -> Iterator[tuple[str, AssetCheckResult]]:
    """Yield the answers of a run of Dagster, each with the output that it belongs to."""
    for number, found in _ask(setting, connector):
        yield (
            check_name(number, found.check),
            AssetCheckResult(
                passed=found.passed,
                asset_key=asset_key(connector.name, connector.streams[number].name),
                check_name=str(found.check),
                severity=_severity(found),
                description=found.words,
            ),
        )


def evaluate(
    setting: Setting, connector: Connector, *, only: Sequence[Check] = tuple(Check)
) -> Iterator[AssetCheckEvaluation]:
    """Yield the answers as events, for syncs that did not run in Dagster."""
    for number, found in _ask(setting, connector):
        if found.check in only:
            yield AssetCheckEvaluation(
                asset_key=asset_key(connector.name, connector.streams[number].name),
                check_name=str(found.check),
                passed=found.passed,
                severity=_severity(found),
                description=found.words,
            )


def gather_facts(setting: Setting, connector: Connector) -> Facts:
    """Return what the ledger knows of a connector."""
    environment, name = setting.project.environment, connector.name
    return pick_facts(
        setting.ledger.history.recent(environment=environment, connector=name),
        events=setting.ledger.drift.find(environment=environment, connector=name),
    )


def _ask(setting: Setting, connector: Connector) -> Iterator[tuple[int, Answer]]:
    facts, now = gather_facts(setting, connector), datetime.now(UTC)
    asked: Mapping[str, object] = list_checks(len(connector.streams))
    for number, stream in enumerate(connector.streams):
        for found in check_stream(connector, stream.name, facts=facts, now=now):
            if check_name(number, found.check) in asked:
                yield number, found


def _severity(found: Answer) -> AssetCheckSeverity:
    return AssetCheckSeverity.ERROR if found.severe else AssetCheckSeverity.WARN
