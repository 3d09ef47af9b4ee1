"""One case played: the change, the sync, what is told, and what a person lets through."""

from __future__ import annotations

from dataclasses import dataclass, field

from connector_assets.model import Verdict

from .api import Table, fill
from .cases import Case
from .shop import Start


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a case came to; whatever is not as it should be stands in the last four.

    ``arrived`` counts rows by table. ``requests`` are those that the source got between approval
    and the end of the release, ``left`` what is held after it, ``missing`` the tables without the
    source's newest rows; ``touched`` tells that a blocked sync changed the destination.
    """

    verdict: Verdict | None
    cause: str
    told: frozenset[str]
    held: bool
    released: bool
    arrived: dict[str, int]
    touched: bool = False
    requests: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    missing: frozenset[str] = field(default_factory=frozenset)


def expect(case: Case, *, engine: str) -> Played:
    """Return what a case has to come to."""
    held = case.verdict is Verdict.BLOCKED and case.held
    return Played(
        verdict=case.verdict,
        cause=case.cause,
        told=frozenset(case.expected(engine)),
        held=held,
        released=held,
        arrived=case.arrives,
    )


def play(case: Case, start: Start) -> Played:
    """Play a case from the start to its end; a cause that has the expected words counts as them."""
    shop = start.again()
    fill(shop.api)
    before = shop.dump()
    case.change(shop.api)

    row = shop.sync()

    told = frozenset(shop.told())
    touched = row.verdict is Verdict.BLOCKED and shop.dump() != before
    held = shop.held() == [row.sync_id]
    shop.api.requests.clear()
    released = False
    if held:
        shop.approve()
        verdict = shop.release(row).verdict
        released = verdict is not None and verdict.good
    requests = tuple(map(str, shop.api.requests))
    rows = {stream: shop.rows(stream) for stream in case.arrives}
    # Of what was not to be held, the newest rows stay with the source.
    tables = shop.api.tables if case.held or not case.cause else {}
    return Played(
        verdict=row.verdict,
        cause=case.cause if case.cause in row.cause else row.cause,
        told=told,
        held=held,
        released=released,
        arrived={stream: len(found) for stream, found in rows.items()},
        touched=touched,
        requests=requests,
        left=tuple(shop.held()),
        missing=frozenset(
            stream
            for stream, found in rows.items()
            if stream in tables and not _has_newest(found, tables[stream])
        ),
    )


def _has_newest(rows: list[dict[str, str | None]], table: Table) -> bool:
    """Tell whether the newest rows of the source are in the table."""
    newest = {str(row[table.cursor]) for row in table.rows if table.cursor in row}
    return newest <= {row.get(table.cursor) for row in rows}
