"""The checks of assets that somebody else makes: answered by an op of their own.

(Dagster reads the annotations of `context` as objects: no `from __future__ import annotations`.)
"""

from collections.abc import Iterator
from pathlib import Path

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    multi_asset_check,
)

from connector_assets.assets.checks import answer, build_check_specs
from connector_assets.assets.opening import open_setting
from connector_assets.model import Connector


def build_checks(connector: Connector, *, root: Path, environment: str) -> AssetChecksDefinition:
    """Return the checks of hand-written assets; in a run they come after the assets.

    Where the sync fails they do not run, and the mirror sensor tells the answers.
    """
    specs = build_check_specs(connector)

    @multi_asset_check(name=f"{connector.name}__checks", specs=[*specs.values()], can_subset=True)
    def asset_checks(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        with open_setting(root, environment=environment) as setting:
            for output, found in answer(setting, setting.project.connector(connector.name)):
                if specs[output].key in context.selected_asset_check_keys:
                    yield found

    return asset_checks
