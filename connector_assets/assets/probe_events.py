"""What Dagster is told of a probe: that the source was looked at, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dagster import AssetCheckEvaluation, AssetObservation

from connector_assets.assets.checks import evaluate
from connector_assets.assets.keys import source_key
from connector_assets.assets.systems import find_system
from connector_assets.audit.wording import describe
from connector_assets.lifecycle.health import Check

if TYPE_CHECKING:
    from connector_assets.lifecycle.probe import Probed
    from connector_assets.lifecycle.setting import Setting


def build_events(
    setting: Setting, probed: Sequence[Probed]
) -> Iterator[AssetObservation | AssetCheckEvaluation]:
    """Yield an observation of each source and new answers to the schema checks."""
    for one in probed:
        connector = setting.project.connector(one.connector)
        yield AssetObservation(
            source_key(find_system(connector)),
            description=f"{one.connector}: {_tell(one)}",
            metadata={
                "connector": one.connector,
                "found": _tell(one),
                "probe_id": one.probe_id,
                "seconds": round(one.seconds, 2),
            },
        )
        yield from evaluate(setting, connector, only=(Check.SCHEMA,))


def summarize(probed: Sequence[Probed]) -> str:
    """Return what probes found, in one line: those with news first, the others as a number."""
    news = [one for one in probed if one.findings or one.error]
    told = [f"{one.connector}: {_tell(one)}" for one in news]
    quiet = len(probed) - len(news)
    return "; ".join((*told, f"{quiet} as expected") if quiet else told)


def _tell(probed: Probed) -> str:
    if probed.error is not None:
        return f"could not look: {probed.error.problem}"
    if not probed.locked:
        return "there is no lock to compare with"
    return ", ".join(describe(one.drift) for one in probed.findings) or "as expected"
