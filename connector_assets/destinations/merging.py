"""A merge of many rows, key range by key range inside the one transaction: bounded in memory.

dlt numbers all staged rows by key in one statement, which holds all of them: 10 million of eight
columns take 4.8 GB. A key is in one share of the hash values only, so that a merge share by share
has the same result.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from connector_assets.destinations.connect import quoted

#: Bytes that a merge needs for each value of a share: key, number and the row itself, twice.
_BYTES = 60


def count_shares(*, rows: int, columns: int, memory: int) -> int:
    """Return in how many shares so many staged rows are merged with so many bytes of memory."""
    return max(1, -(-rows * columns * _BYTES // memory))


def split_merge(
    statements: Sequence[str], *, staged: str, keys: Sequence[str], shares: int
) -> list[str]:
    """Return the statements of a merge, those that read ``staged`` rows once for each share.

    ``staged`` is the qualified name of the table, ``keys`` are column names. Share by share the old
    rows go before the new ones come.
    """
    reads = re.compile(rf"(?<=FROM ){re.escape(staged)}(?![\w\".])", re.IGNORECASE)
    whole = [one for one in statements if not reads.search(one)]
    split = [one for one in statements if reads.search(one)]
    if shares < 2 or not keys:
        return list(statements)
    hashed = f"hash({', '.join(map(quoted, keys))}) % {shares}"
    return whole + [
        reads.sub(f"(SELECT * FROM {staged} WHERE {hashed} = {share})", one)
        for share in range(shares)
        for one in split
    ]
