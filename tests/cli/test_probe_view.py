"""A probe as a person reads it."""

from __future__ import annotations

from typing import Any

import pytest

from connector_assets.audit.drift import Drift
from connector_assets.audit.gate import Finding
from connector_assets.audit.probe import Look, Sighting
from connector_assets.audit.profile import StreamProfile
from connector_assets.cli.output import Output
from connector_assets.cli.probe_view import ProbeView
from connector_assets.errors import EngineTimeout
from connector_assets.lifecycle.probe import Probed
from connector_assets.model import DriftKind, DriftPolicy

BLOCKED = Finding(
    drift=Drift(
        kind=DriftKind.TYPE_CHANGED,
        stream="orders",
        column=("total\x1b[2J",),
        old="bigint",
        new="text",
    ),
    policy=DriftPolicy.BLOCK,
)
ALLOWED = Finding(
    drift=Drift(kind=DriftKind.STREAM_ADDED, stream="refunds"), policy=DriftPolicy.ALLOW
)


def probed(look: Look, *findings: Finding, **values: Any) -> Probed:
    profiles = {
        "orders": StreamProfile(rows=1200),
        "orders__items": StreamProfile(rows=9, parent="orders"),
    }
    sighting = Sighting(look=look, profiles=profiles)
    given = {"locked": True, "sighting": sighting, "findings": findings, **values}
    return Probed(connector="shop", probe_id="probe-1", seconds=1.25, **given)


@pytest.mark.parametrize(
    ("shown", "lines"),
    [
        (probed(Look.CATALOG), ["shop  catalog  1.2 s", "  as it is expected to be"]),
        (probed(Look.SAMPLE), ["shop  sample of 1,200 rows  1.2 s", "  as it is expected to be"]),
        (
            probed(Look.SAMPLE, locked=False),
            [
                "shop  sample of 1,200 rows  1.2 s",
                "  there is no lock to compare with",
                "next: connectors discover shop --lock",
            ],
        ),
        (
            probed(Look.CATALOG, sighting=None, error=EngineTimeout("too slow", fix="Wait.")),
            ["shop  failed  1.2 s", "EngineTimeout (transient): too slow", "    Wait."],
        ),
    ],
    ids=["same", "sample", "no lock", "failed"],
)
def test_probe_says_what_was_looked_at_and_how_it_ended(
    shown: Probed, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ProbeView(Output()).show(shown)

    assert [line for line in capsys.readouterr().out.splitlines() if line] == lines


@pytest.mark.parametrize(
    ("shown", "commands"),
    [
        (probed(Look.CATALOG, BLOCKED), ["drift show shop", "approve shop"]),
        (probed(Look.SAMPLE, BLOCKED), ["drift show shop"]),
        (probed(Look.CATALOG, ALLOWED), []),
    ],
    ids=["declared", "sampled", "allowed"],
)
def test_only_what_the_source_declares_is_to_be_approved_at_once(
    shown: Probed, commands: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ProbeView(Output()).show(shown)

    out = capsys.readouterr().out
    assert "\x1b" not in out
    found = [line.partition("connectors ")[2] for line in out.splitlines() if "connectors" in line]
    assert found == commands
