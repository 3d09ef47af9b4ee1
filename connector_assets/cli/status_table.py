"""The table of ``connectors status``, and why a connector does not simply stand well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from connector_assets.cli.output import WIDE
from connector_assets.cli.times import render_ago, render_duration, render_short_utc, render_utc
from connector_assets.lifecycle.advice import suggest_next
from connector_assets.model import Verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from connector_assets.ledger.records import SyncRow
    from connector_assets.lifecycle.punctual import Punctuality
    from connector_assets.lifecycle.standing import Setup, Standing

Cell = Callable[["Standing", datetime], "str | Text"]
_SHORT_ID = 8
_STYLES = {
    None: "cyan",
    Verdict.SUCCEEDED: "green",
    Verdict.SUCCEEDED_EMPTY: "green",
    Verdict.SUCCEEDED_WITH_DRIFT: "yellow",
    Verdict.SKIPPED: "yellow",
    Verdict.CANCELLED: "yellow",
    Verdict.UNKNOWN: "magenta",
}
_TIMES = {"on time": "green", "late": "bold red", "paused": "yellow"}
#: Left out in this order where the terminal is too narrow for all.
_DISPENSABLE = ("at", "last good", "trend", "next", "sync", "rows")
_BARS = "▁▂▃▄▅▆▇█"
#: Of a sync whose rows nobody knows.
_NO_BAR = "·"


def fit_table(standings: Sequence[Standing], *, console: Console, now: datetime) -> Table:
    """Return the table with as many columns as fit beside each other."""
    from rich.measure import Measurement

    columns = [*_COLUMNS]
    for name in (*_DISPENSABLE, ""):
        table = _build_table(standings, columns=columns, now=now)
        options = console.options.update(max_width=WIDE)
        if Measurement.get(console, options, table).maximum <= console.width:
            break
        columns = [one for one in columns if one != name]
    return table


def render_verdict(verdict: Verdict | None) -> Text:
    """Return a verdict in words and in its colour; one that is not there yet is ``running``."""
    from rich.text import Text

    words = "running" if verdict is None else verdict.replace("_", " ")
    return Text(words, style=_STYLES.get(verdict, "bold red"))


def render_trend(rows: Sequence[int | None]) -> str:
    """Return the counts as bars, oldest first, the largest one as high as a line.

    Only none at all is the lowest bar.
    """
    most = max((count for count in rows if count), default=0)
    return "".join(_pick_bar(count, most=most) for count in rows)


def _pick_bar(count: int | None, *, most: int) -> str:
    if count is None:
        return _NO_BAR
    return _BARS[max(1, round(count * (len(_BARS) - 1) / most))] if count else _BARS[0]


def explain(standings: Sequence[Standing]) -> Iterator[Text]:
    """Yield what is not as it should be with each connector, and what to do about it."""
    from rich.text import Text

    for one in standings:
        for cause, lines in _list_causes(one):
            yield Text.assemble("\n", (one.connector, "bold"), f"  {cause}")
            for line in lines:
                yield Text(f"    {line}", style="dim")


def _build_table(standings: Sequence[Standing], *, columns: Sequence[str], now: datetime) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in columns:
        # The exact time stands under the same heading as how long ago it was.
        heading = "" if name == "at" else name
        table.add_column(heading, justify="right" if name == "rows" else "left")
    for one in standings:
        table.add_row(*(_COLUMNS[name](one, now) for name in columns))
    return table


def _list_causes(one: Standing) -> Iterator[tuple[str, Sequence[str]]]:
    cause = one.last.cause.partition("\n")[0] if one.last else ""
    # What keeps it from being set up is what the last sync said, most of the time.
    if one.setup.problems and one.setup.problems[0] != cause:
        first, *rest = one.setup.problems
        yield f"is not set up: {first}", rest
    if one.last and not _is_plain(one.last) and not _is_paused_for(one):
        yield cause, [*_tell_fix(one.last), *_tell_retry(one), *_tell_counts(one)]
    if one.punctuality.timing == "late" and one.punctuality.due and one.last:
        started = render_utc(one.last.started_at)
        due = f"is late: it was due {render_utc(one.punctuality.due)}"
        yield due, [f"nothing was started since {started}; does its scheduler run?"]
    if one.pause:
        since = f"is paused since {render_utc(one.pause.at)} by {one.pause.who}: {one.pause.why}"
        yield since, [f"connectors resume {one.connector}"]


def _is_plain(row: SyncRow) -> bool:
    return row.verdict in (None, Verdict.SUCCEEDED, Verdict.SUCCEEDED_EMPTY)


def _is_paused_for(one: Standing) -> bool:
    """Tell whether all that the last sync says is that the connector is paused."""
    return one.pause is not None and one.last is not None and one.last.verdict is Verdict.SKIPPED


def _tell_fix(row: SyncRow) -> Iterator[str]:
    yield from row.result.get("error", {}).get("fix", "").splitlines()
    yield from suggest_next(row)


def _tell_retry(one: Standing) -> Iterator[str]:
    """Say of a sync that failed whether trying again helps."""
    if one.retry and one.last and one.last.verdict in (Verdict.FAILED, Verdict.UNKNOWN):
        yield f"retry: {one.retry.action.replace('_', ' ')}, {one.retry.reason}"


def _tell_counts(one: Standing) -> Iterator[str]:
    for each in one.incidents:
        if each.count > 1:
            yield f"{each.kind} {each.count} times since {render_utc(each.opened_at)}"


def _render_setup(setup: Setup) -> Text:
    from rich.text import Text

    good = "green" if setup.locked else "yellow"
    return Text(setup.words, style=good if setup.ok else "bold red")


def _render_timing(found: Punctuality) -> Text:
    from rich.text import Text

    return Text(found.timing, style=_TIMES.get(found.timing, "dim"))


def _render_last(one: Standing, _now: datetime) -> str | Text:
    return render_verdict(one.last.verdict) if one.last else "never synced"


def _render_ended(one: Standing, now: datetime) -> str:
    if one.last is None:
        return ""
    if one.last.ended_at is None:
        took = render_duration((now - one.last.started_at).total_seconds())
        return f"for {took or 'seconds'}"
    return render_ago(one.last.ended_at, now=now)


def _render_at(one: Standing, now: datetime) -> str:
    if one.last is None:
        return ""
    return render_short_utc(one.last.ended_at or one.last.started_at, now=now)


def _render_rows(one: Standing, _now: datetime) -> str:
    from connector_assets.lifecycle.standing import count_rows

    if one.last is None:
        return ""
    count = count_rows(one.last)
    return "?" if count is None else f"{count:,}"


def _render_good(one: Standing, now: datetime) -> str:
    return render_ago(one.good.started_at, now=now) if one.good else "never"


def _render_next(one: Standing, now: datetime) -> str:
    following = one.punctuality.next
    return render_short_utc(following, now=now) if following else ""


_COLUMNS: dict[str, Cell] = {
    "connector": lambda one, _now: one.connector,
    "set up": lambda one, _now: _render_setup(one.setup),
    "last sync": _render_last,
    "ended": _render_ended,
    "at": _render_at,
    "on time": lambda one, _now: _render_timing(one.punctuality),
    "last good": _render_good,
    "rows": _render_rows,
    "trend": lambda one, _now: render_trend(one.rows),
    "next": _render_next,
    "sync": lambda one, _now: one.last.sync_id[:_SHORT_ID] if one.last else "",
}
