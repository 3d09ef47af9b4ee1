"""The tap and its one stream, on the Singer SDK."""

# The SDK lives in the tap's own environment, which the type checker does not see.
# mypy: disable-error-code="import-not-found"
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.helpers.conform import TypeConformanceLevel

from tap_flights.rows import INTEGER_COLUMNS, Row, read_rows

SCHEMA = th.PropertiesList(
    th.Property("time_hour", th.DateTimeType, required=True),
    th.Property("carrier", th.StringType, required=True),
    th.Property("flight", th.IntegerType, required=True),
    th.Property("date", th.DateType, required=True),
    th.Property("tailnum", th.StringType),
    th.Property("origin", th.StringType),
    th.Property("dest", th.StringType),
    *(th.Property(name, th.IntegerType) for name in INTEGER_COLUMNS if name != "flight"),
)


class Flights(Stream):
    """One record per departure; (time_hour, carrier, flight) is unique in all of the data."""

    name = "flights"
    schema = SCHEMA.to_dict()
    primary_keys: ClassVar[tuple[str, ...]] = ("time_hour", "carrier", "flight")
    replication_key = "date"
    is_sorted = True
    # Rows come typed from read_rows: conforming each value again would cost a third of the time.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def get_records(self, context: Mapping[str, Any] | None) -> Iterable[Row]:
        """Yield the flights from the bookmark on, the bookmark's day included."""
        start = self.get_starting_replication_key_value(context) or ""
        folder = Path(self.config["data_dir"])
        return read_rows(folder, start=start, end=self.config.get("end_date") or "")


class TapFlights(Tap):
    """Reads monthly flight files."""

    name = "tap-flights"
    message_writer_class = MsgSpecWriter
    config_jsonschema = th.PropertiesList(
        th.Property(
            "data_dir", th.StringType, required=True, description="The folder of 2013-01.csv, ..."
        ),
        th.Property("start_date", th.StringType, description="The first date of a first sync."),
        th.Property("end_date", th.StringType, description="The last date to read, inclusive."),
    ).to_dict()

    def discover_streams(self) -> list[Stream]:
        """Return the one stream."""
        return [Flights(tap=self)]
