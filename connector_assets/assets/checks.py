"""The checks of each asset: schema, rows, freshness, sync; answered from the ledger.

They can be run by themselves and run after each sync in Dagster. Of syncs that ran elsewhere, the
mirror sensor tells the same answers.

(Dagster reads the annotations of `context` as objects: no `from __future__ import annotations`.)
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    GraphDefinition,
    In,
    InputMapping,
    NodeInvocation,
    Nothing,
    OpDefinition,
    OpExecutionContext,
    Out,
    OutputMapping,
    op,
)

from connector_assets.assets.keys import asset_key
from connector_assets.assets.opening import open_setting
from connector_assets.assets.steps import stream_name
from connector_assets.lifecycle.health import Answer, Check, Facts, check_stream, pick_facts
from connector_assets.lifecycle.setting import Setting
from connector_assets.model import Connector

NODE = "asset_checks"
_SUFFIX = "__checks"
#: Asked once, of a connector's first stream: a thousand connectors load in half the time so.
OF_CONNECTOR = (Check.FRESHNESS, Check.SYNC)
_DESCRIPTIONS = {
    Check.SCHEMA: "Nothing differs from the lock that nobody has decided on.",
    Check.ROWS: "What the last good sync staged is in the table.",
    Check.FRESHNESS: "The stream was synced when its schedule said so.",
    Check.SYNC: "The last sync of the connector ended well.",
}


class CheckOps:
    """The ops that answer checks, one for each number of streams, shared by all connectors."""

    def __init__(self, root: Path, *, environment: str) -> None:
        """Take the project's folder; the ops read it anew whenever they run."""
        self._root = root
        self._environment = environment
        self.of = cache(self._build)

    def _build(self, streams: int) -> OpDefinition:
        names = [stream_name(number) for number in range(streams)]

        @op(
            name=f"{NODE}_{streams}",
            ins={name: In(Nothing) for name in names},
            out={name: Out(Nothing, is_required=False) for name in _list_outputs(names)},
        )
        def asset_checks(context: OpExecutionContext) -> Iterator[AssetCheckResult]:
            name = context.op_handle.path[0].removesuffix(_SUFFIX)
            with open_setting(self._root, environment=self._environment) as setting:
                connector = setting.project.connector(name)
                facts = gather_facts(setting, connector)
            now = datetime.now(UTC)
            for place, stream in zip(names, connector.streams, strict=True):
                for found in check_stream(connector, stream.name, facts=facts, now=now):
                    if _output(place, found.check) in context.selected_output_names:
                        yield AssetCheckResult(
                            passed=found.passed,
                            asset_key=asset_key(connector.name, stream.name),
                            check_name=str(found.check),
                            severity=_severity(found),
                            description=found.words,
                        )

        return asset_checks


def build_checks(connector: Connector, *, ops: CheckOps) -> AssetChecksDefinition:
    """Return the checks of a connector's assets; they wait for the assets of the same run."""
    node = ops.of(len(connector.streams))
    places = {stream_name(at): stream for at, stream in enumerate(connector.streams)}
    specs = {
        name: AssetCheckSpec(
            str(check),
            asset=asset_key(connector.name, places[place].name),
            description=_DESCRIPTIONS[check],
        )
        for name, (place, check) in _list_outputs(list(places)).items()
    }
    graph = GraphDefinition(
        name=f"{connector.name}{_SUFFIX}",
        node_defs=[node],
        dependencies={NodeInvocation(node.name, alias=NODE): {}},
        input_mappings=[
            InputMapping(graph_input_name=name, mapped_node_name=NODE, mapped_node_input_name=name)
            for name in places
        ],
        output_mappings=[
            OutputMapping(
                graph_output_name=name, mapped_node_name=NODE, mapped_node_output_name=name
            )
            for name in specs
        ],
    )
    checks: AssetChecksDefinition = AssetChecksDefinition.create(
        keys_by_input_name={
            place: asset_key(connector.name, stream.name) for place, stream in places.items()
        },
        node_def=graph,  # type: ignore[arg-type] # it takes a graph too
        check_specs_by_output_name=specs,
        can_subset=True,
    )
    return checks


def evaluate(
    setting: Setting, connector: Connector, *, only: Sequence[Check] = tuple(Check)
) -> Iterator[AssetCheckEvaluation]:
    """Yield the answers as events, for syncs that did not run in Dagster."""
    facts, now = gather_facts(setting, connector), datetime.now(UTC)
    for number, stream in enumerate(connector.streams):
        key: AssetKey = asset_key(connector.name, stream.name)
        for found in check_stream(connector, stream.name, facts=facts, now=now):
            if found.check in only and not (number and found.check in OF_CONNECTOR):
                yield AssetCheckEvaluation(
                    asset_key=key,
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


def _severity(found: Answer) -> AssetCheckSeverity:
    return AssetCheckSeverity.ERROR if found.severe else AssetCheckSeverity.WARN


def _list_outputs(places: Sequence[str]) -> dict[str, tuple[str, Check]]:
    """Return the outputs of the op by name: which stream, by its place, and which check."""
    of_each = [(place, check) for place in places for check in Check if check not in OF_CONNECTOR]
    of_all = [(place, check) for place in places[:1] for check in OF_CONNECTOR]
    return {_output(place, check): (place, check) for place, check in (*of_each, *of_all)}


def _output(place: str, check: Check) -> str:
    return f"{place}_{check}"
