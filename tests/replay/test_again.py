"""A connector that is blocked night after night: one package, one alert, no row twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from connector_assets.errors import ConfigError
from connector_assets.model import Verdict

from .api import Api, fill, nested, order
from .conftest import Build

pytestmark = pytest.mark.integration


def change(api: Api, night: int) -> None:
    """Add a merged row and an appended one, both of another type than those before."""
    number = 60 + night
    api.tables["orders"].rows.append({**order(number), "customer": {"name": f"n{night}"}})
    api.tables["orders"].fields["customer"] = nested(name={"type": "string"})
    api.tables["events"].rows.append({"id": 50 + night, "at": 50 + night, "what": {"sold": 1}})
    api.tables["events"].fields["what"] = nested(sold={"type": "integer"})


@pytest.mark.parametrize("engine", ["dlt", "meltano"])
def test_three_blocked_nights_are_one_package_one_alert_and_no_row_twice(
    engine: str, starts: Build
) -> None:
    shop = starts(engine, "lake").again()
    fill(shop.api)
    shop.declare(alerts=f"json://127.0.0.1:{shop.api.server_port}/alerts")
    before = shop.dump()

    nights = []
    for night in (1, 2, 3):
        change(shop.api, night)
        nights.append(shop.sync())

    assert [row.verdict for row in nights] == [Verdict.BLOCKED] * 3
    assert shop.dump() == before
    assert shop.held() == [nights[-1].sync_id]
    assert [alert["title"] for alert in shop.api.alerts] == ["shop BLOCKED (dev)"]
    assert {event.seen for event in shop.events()} == {3}
    assert len(_packages(shop.root)) == 1
    with pytest.raises(ConfigError, match="has a package superseded by sync"):
        shop.release(nights[0])
    asked = len(shop.api.requests)
    shop.approve()
    released = shop.release(nights[-1])

    assert released.verdict is Verdict.SUCCEEDED, released.cause
    assert len(shop.api.requests) == asked
    for stream, count in (("orders", 63), ("events", 53)):
        ids = Counter(row["id"] for row in shop.rows(stream))
        assert (len(ids), set(ids.values())) == (count, {1})
    assert _packages(shop.root) == []


def _packages(root: Path) -> list[Path]:
    """Return what is kept of held packages, whatever the ledger says of them."""
    return [*root.rglob("*.tar.gz")]
