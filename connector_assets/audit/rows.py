"""Row rules: when a read of no rows, or of too few, is refused before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from connector_assets.model import OnEmpty, Stream, WriteDisposition


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What is known of one read of a stream.

    ``rows`` were staged; ``before`` are in its table (None: there is no table yet). ``full`` tells
    whether the read did not start from a position: a first read, or one of a stream without a
    cursor. ``last`` is the number of rows that the last full read brought, None if none is known.
    ``emptied`` tells that the table is emptied for it, whatever the write disposition.
    """

    rows: int
    before: int | None
    full: bool
    last: int | None = None
    emptied: bool = False


def refuse_rows(stream: Stream, read: Read) -> str:
    """Return why the rows of a read are refused, in one sentence; empty where they are fine."""
    if not read.full:
        return ""
    if read.rows == 0:
        return _refuse_none(stream, read)
    if stream.min_rows is not None and read.rows < stream.min_rows:
        return f"{stream.name} has {read.rows:,} rows, below its min_rows of {stream.min_rows:,}"
    if stream.min_share is not None and read.last:
        share = read.rows / read.last
        if share < stream.min_share:
            return (
                f"{stream.name} has {read.rows:,} rows, {share:.0%} of the last {read.last:,}:"
                f" below its min_share of {stream.min_share:.0%}"
            )
    return ""


def _refuse_none(stream: Stream, read: Read) -> str:
    if stream.on_empty is OnEmpty.ALLOW:
        return ""
    if read.before and (read.emptied or stream.write is WriteDisposition.REPLACE):
        return f"{stream.name} is empty, and would empty a table of {read.before:,} rows"
    return f"{stream.name} is empty, and it was read in full"
