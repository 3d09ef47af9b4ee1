"""The type contract's ends of the day and of precision: 23:59:60, 24:00, nanoseconds, dates."""

from __future__ import annotations

from datetime import date, time

import pyarrow as pa

from .case import Arrives, Refused, Way
from .times import INDIA, NO_ISO, SHAPE, case, moments, rows, table, tap

_DATE = {"type": ["string", "null"], "format": "date"}
_TIME = {"type": ["string", "null"], "format": "time"}
_DAYS = Arrives("DATE", (date(1, 1, 1), date(9999, 12, 31)))
_CLOCK = Arrives("TIME", (time(10, 11, 12, 131_415),))
_LEAP, _TO = "2016-12-31T23:59:60Z", "2024-01-01T24:00:00Z"
_FINE = "2024-01-01T10:00:00.123456789Z"
_FINE_MASK = "9999-99-99x99:99:99.999999999x"

CASES = (
    case(
        "leap_second",
        "23:59:60",
        {
            Way.TAP: tap(Refused(NO_ISO, f"{SHAPE}x"), _LEAP),
            Way.ROWS: rows(Arrives("VARCHAR", (_LEAP,)), _LEAP),
            Way.TABLE: table(Arrives("VARCHAR", (_LEAP,)), pa.string(), _LEAP),
        },
    ),
    case(
        "leap_second_later",
        "23:59:60 as text, after rows with times",
        {
            Way.ROWS: rows(
                Refused("the column is timestamp, by earlier rows", f"{SHAPE}x"),
                "2016-12-31T23:59:59Z",
                _LEAP,
            ),
        },
    ),
    case(
        "hour_24",
        "24:00 of a day",
        {
            Way.TAP: tap(Refused(NO_ISO, f"{SHAPE}x"), _TO),
            Way.ROWS: rows(Arrives("VARCHAR", (_TO,)), _TO),
            Way.TABLE: table(Arrives("VARCHAR", (_TO,)), pa.string(), _TO),
        },
    ),
    case(
        "time_24",
        "24:00 as a time of day",
        {
            Way.TAP: tap(Refused("it is not an ISO 8601 time", "99:99:99"), "24:00:00", kind=_TIME),
            Way.ROWS: rows(Arrives("VARCHAR", ("24:00:00",)), "24:00:00"),
            Way.TABLE: table(
                Refused("a time of day is below 24:00", "99:99:99"), pa.time64("us"), 86_400_000_000
            ),
        },
    ),
    case(
        "time_of_day",
        "a time of day",
        {
            Way.TAP: tap(_CLOCK, "10:11:12.131415", kind=_TIME),
            Way.ROWS: rows(_CLOCK, time(10, 11, 12, 131_415)),
            Way.TABLE: table(_CLOCK, pa.time64("us"), time(10, 11, 12, 131_415)),
        },
    ),
    case(
        "time_with_zone",
        "a time of day with an offset",
        {
            Way.TAP: tap(
                Refused("a time column has no offset", "99:99:99+99:99"),
                "10:00:00+05:30",
                kind=_TIME,
            ),
            Way.ROWS: rows(
                Refused("a time column has no offset", "99:99:99+99:99"), time(10, tzinfo=INDIA)
            ),
        },
    ),
    case(
        "nanoseconds",
        "a time finer than a microsecond",
        {
            Way.TAP: tap(Refused("it is finer than a microsecond", _FINE_MASK), _FINE),
            Way.ROWS: rows(
                Refused("the column is timestamp, and it would become another value", _FINE_MASK),
                _FINE,
            ),
            Way.TABLE: table(
                Refused(
                    "it is finer than a microsecond, or outside the years 1 to 9999",
                    "9999-99-99 99:99:99.999999999",
                ),
                moments("ns"),
                1_704_103_200_123_456_789,
            ),
        },
    ),
    case(
        "days",
        "the first and the last date",
        {
            Way.TAP: tap(_DAYS, "0001-01-01", "9999-12-31", kind=_DATE),
            Way.ROWS: rows(_DAYS, *_DAYS.values),
            Way.TABLE: table(_DAYS, pa.date32(), *_DAYS.values),
        },
    ),
)
