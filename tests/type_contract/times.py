"""The type contract's times: offsets, zones, no zone, the ends of the calendar and of the day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from connector_assets.model import NaiveTimes

from .case import Arrives, Case, Refused, Sent, Way

_DATE_TIME = {"type": ["string", "null"], "format": "date-time"}
_TEXT = {"type": ["string", "null"]}
_INSTANT, _NTZ = "TIMESTAMP WITH TIME ZONE", "TIMESTAMP"
INDIA = timezone(timedelta(hours=5, minutes=30))
_TEN = datetime(2024, 1, 1, 10)
_TEN_UTC = _TEN.replace(tzinfo=UTC)
SHAPE = "9999-99-99x99:99:99"
NO_ISO = "it is not an ISO 8601 date or time of the years 1 to 9999"


def tap(outcome: Arrives | Refused, *texts: str, kind: Any = _DATE_TIME) -> Sent:
    return Sent(tuple(f'"{text}"'.encode() for text in texts), outcome, kind)


def rows(outcome: Arrives | Refused, *values: Any) -> Sent:
    return Sent(values, outcome)


def table(outcome: Arrives | Refused, kind: pa.DataType, *values: Any) -> Sent:
    return Sent(pa.array(values, kind), outcome)


def moments(unit: str = "us", zone: str | None = "UTC") -> pa.DataType:
    return pa.timestamp(unit, zone)


def case(name: str, title: str, sent: dict[Way, Sent], says: NaiveTimes | None = None) -> Case:
    return Case(section="Times", name=name, title=title, sent=sent, naive_times=says)


def everywhere(outcome: Arrives | Refused, text: str, *, at: datetime, masked: str = "") -> Any:
    """Return one time without a zone as each way has it; ``masked`` as a refusal shows them."""
    given = (outcome, outcome, outcome)
    if isinstance(outcome, Refused):
        given = (
            Refused(outcome.reason, SHAPE),
            Refused(outcome.reason, masked),
            Refused(outcome.reason, masked),
        )
    return {
        Way.TAP: tap(given[0], text),
        Way.ROWS: rows(given[1], at),
        Way.TABLE: table(given[2], moments(zone=None), at),
    }


_OFFSET = Arrives(_INSTANT, (datetime(2024, 1, 1, 4, 30, tzinfo=UTC),))
_SUMMER = Arrives(_INSTANT, (datetime(2024, 7, 1, 8, tzinfo=UTC),))
_FIRST = Arrives(_INSTANT, (datetime(1, 1, 1, tzinfo=UTC),))
_LAST_TIME = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
_LAST = Arrives(_INSTANT, (_LAST_TIME,))
_UTC = Arrives(_INSTANT, (_TEN_UTC,))
_OUT = Refused("in UTC it is outside the years 1 to 9999", "9999-99-99x99:99:99+99:99")
_BERLIN = "2024-07-01T10:00:00[Europe/Berlin]"

CASES = (
    case(
        "with_offset",
        "10:00 at +05:30",
        {
            Way.TAP: tap(_OFFSET, "2024-01-01T10:00:00+05:30"),
            Way.ROWS: rows(_OFFSET, datetime(2024, 1, 1, 10, tzinfo=INDIA)),
            Way.TABLE: table(_OFFSET, moments(zone="+05:30"), datetime(2024, 1, 1, 4, 30)),
        },
    ),
    case(
        "offset_text",
        "the same as text that nobody declares a time",
        {
            Way.TAP: tap(
                Arrives("VARCHAR", ("2024-01-01T10:00:00+05:30",)),
                "2024-01-01T10:00:00+05:30",
                kind=_TEXT,
            ),
            Way.ROWS: rows(_OFFSET, "2024-01-01T10:00:00+05:30"),
            Way.TABLE: table(
                Arrives("VARCHAR", ("2024-01-01T10:00:00+05:30",)),
                pa.string(),
                "2024-01-01T10:00:00+05:30",
            ),
        },
    ),
    case(
        "named_zone",
        "10:00 in Europe/Berlin, in summer",
        {
            Way.TAP: tap(Refused(NO_ISO, "9999-99-99x99:99:99[xxxxxx/xxxxxx]"), _BERLIN),
            Way.ROWS: rows(_SUMMER, datetime(2024, 7, 1, 10, tzinfo=ZoneInfo("Europe/Berlin"))),
            Way.TABLE: table(
                _SUMMER, moments(zone="Europe/Berlin"), datetime(2024, 7, 1, 8, tzinfo=UTC)
            ),
        },
    ),
    case(
        "zone_text",
        "the same as text",
        {
            Way.TAP: tap(Arrives("VARCHAR", (_BERLIN,)), _BERLIN, kind=_TEXT),
            Way.ROWS: rows(Arrives("VARCHAR", (_BERLIN,)), _BERLIN),
            Way.TABLE: table(Arrives("VARCHAR", (_BERLIN,)), pa.string(), _BERLIN),
        },
    ),
    case("naive_unsaid", "no offset", everywhere(_UTC, "2024-01-01T10:00:00", at=_TEN)),
    case(
        "naive_assumed",
        "no offset",
        everywhere(_UTC, "2024-01-01T10:00:00", at=_TEN),
        NaiveTimes.ASSUME_UTC,
    ),
    case(
        "naive_kept",
        "no offset",
        everywhere(Arrives(_NTZ, (_TEN,)), "2024-01-01T10:00:00", at=_TEN),
        NaiveTimes.KEEP_NAIVE,
    ),
    case(
        "offset_kept",
        "an offset",
        {
            Way.TAP: tap(_UTC, "2024-01-01T10:00:00Z"),
            Way.ROWS: rows(_UTC, _TEN_UTC),
            Way.TABLE: table(_UTC, moments(), _TEN_UTC),
        },
        NaiveTimes.KEEP_NAIVE,
    ),
    case(
        "naive_and_not",
        "no offset, then one",
        {
            Way.TAP: tap(
                Refused("the column has no zone, and it has an offset", f"{SHAPE}x"),
                "2024-01-01T10:00:00",
                "2024-01-01T10:00:00Z",
            ),
            Way.ROWS: rows(
                Refused(
                    "the column has no zone, and it has an offset", "9999-99-99 99:99:99+99:99"
                ),
                _TEN,
                _TEN_UTC,
            ),
        },
        NaiveTimes.KEEP_NAIVE,
    ),
    case(
        "naive_rejected",
        "no offset",
        everywhere(
            Refused("it has no offset"),
            "2024-01-01T10:00:00",
            at=_TEN,
            masked="9999-99-99 99:99:99",
        ),
        NaiveTimes.REJECT,
    ),
    case(
        "year_1",
        "the first instant of year 1",
        {
            Way.TAP: tap(_FIRST, "0001-01-01T00:00:00Z"),
            Way.ROWS: rows(_FIRST, datetime(1, 1, 1, tzinfo=UTC)),
            Way.TABLE: table(_FIRST, moments(), datetime(1, 1, 1, tzinfo=UTC)),
        },
    ),
    case(
        "before_year_1",
        "an instant of year 1 that is one of year 0 in UTC",
        {
            Way.TAP: tap(_OUT, "0001-01-01T00:00:00+05:30"),
            Way.ROWS: rows(
                Refused(_OUT.reason, "9999-99-99 99:99:99+99:99"),
                datetime(1, 1, 1, tzinfo=INDIA),
            ),
        },
    ),
    case(
        "year_9999",
        "the last microsecond of year 9999",
        {
            Way.TAP: tap(_LAST, "9999-12-31T23:59:59.999999Z"),
            Way.ROWS: rows(_LAST, _LAST_TIME),
            Way.TABLE: table(_LAST, moments(), _LAST_TIME),
        },
    ),
    case(
        "year_10000",
        "year 10000",
        {
            Way.TAP: tap(Refused(NO_ISO, "99999-99-99x99:99:99x"), "10000-01-01T00:00:00Z"),
            Way.ROWS: rows(Arrives("VARCHAR", ("10000-01-01T00:00:00Z",)), "10000-01-01T00:00:00Z"),
            Way.TABLE: table(
                Refused("it is outside the years 1 to 9999", "..."),
                moments(),
                253_402_300_800_000_000,
            ),
        },
    ),
)
