"""Every demo stream by Meltano, into both destinations: each column equals the source."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.demo_streams.conftest import ROWS, Profile

# The demo itself has flights by Meltano.
pytestmark = [pytest.mark.integration, pytest.mark.full]
ENGINE = "meltano"


@pytest.mark.parametrize("stream", ROWS)
def test_stream_equals_its_source_column_by_column(
    synced: list[Mapping[str, Profile]], sources: Mapping[str, Profile], stream: str
) -> None:
    first, _ = synced

    assert {rows for _, rows, *_ in first[stream]} == {ROWS[stream]}
    assert first[stream] == sources[stream]


@pytest.mark.parametrize("stream", ROWS)
def test_second_sync_of_a_stream_adds_nothing(
    synced: list[Mapping[str, Profile]], stream: str
) -> None:
    first, second = synced

    assert second[stream] == first[stream]
