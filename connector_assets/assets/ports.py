"""The inputs and outputs of the step ops: which other asset, stream or check each stands for.

An op is shared by all connectors with as many of them, so each is known by its place in the file.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector_assets.lifecycle.health import Check

#: Asked once, of a connector's first stream: a thousand connectors load faster so.
OF_CONNECTOR = (Check.FRESHNESS, Check.SYNC)


def upstream_name(number: int) -> str:
    """Return the input of the first op that waits for an asset of another connector."""
    return f"upstream_{number}"


def stream_name(number: int) -> str:
    """Return the output of the last op for a stream, by its place in the connector's file."""
    return f"stream_{number}"


def check_name(number: int, check: Check) -> str:
    """Return the output of the last op for a check of a stream."""
    return f"{stream_name(number)}_{check}"


def list_checks(streams: int) -> Mapping[str, tuple[int, Check]]:
    """Return the checks of so many streams by output: the stream's place, and which check."""
    return {
        check_name(number, check): (number, check)
        for number in range(streams)
        for check in Check
        if not (number and check in OF_CONNECTOR)
    }
