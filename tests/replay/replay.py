"""One case played: the change, the sync, what is told, and what a person lets through."""

from __future__ import annotations

from connector_assets.model import Verdict

from .api import Table, fill
from .cases import Case
from .shop import Shop, Start


def play(case: Case, start: Start) -> Shop:
    """Play a case from the start to its end and check what must hold on the way."""
    shop = start.again()
    fill(shop.api)
    before = shop.dump()
    case.change(shop.api)

    row = shop.sync()

    assert row.verdict is case.verdict, row.cause
    assert case.cause in row.cause
    assert shop.told() == case.expected(shop.engine)
    if row.verdict is Verdict.BLOCKED:
        assert shop.dump() == before
        assert shop.held() == ([row.sync_id] if case.held else [])
    if shop.held():
        shop.api.requests.clear()
        shop.approve()
        released = shop.release(row)
        assert released.verdict, released.cause
        assert released.verdict.good, released.cause
        assert shop.api.requests == []
        assert shop.held() == []
    for stream, count in case.arrives.items():
        rows = shop.rows(stream)
        assert len(rows) == count
        if stream in shop.api.tables and (case.held or not case.cause):
            _check_newest(rows, shop.api.tables[stream])
    return shop


def _check_newest(rows: list[dict[str, str | None]], table: Table) -> None:
    """Make sure that the newest rows of the source are in the table."""
    newest = [row for row in table.rows if table.cursor in row]
    if newest:
        wanted = {str(row[table.cursor]) for row in newest}
        assert wanted <= {row[table.cursor] for row in rows}
