"""Ends a resource after so many rows or seconds, and loses none of those it gave."""

from __future__ import annotations

from typing import Any

from dlt.extract.items_transform import LimitItem

from connector_assets.commit import Commit


class _Stop(LimitItem):
    """dlt's limit, but for rows that come after it, as from resources that run in parallel.

    dlt drops those behind the incremental step, which has taken note of them: the next part would
    begin after them.
    """

    def __call__(self, item: Any, meta: Any = None) -> Any:
        """Return the rows as they are."""
        return item if self.exhausted else super().__call__(item, meta)


def stop_after(resource: Any, commit: Commit) -> None:
    """Let a resource end once it is time for a checkpoint; a transformer ends with its parent."""
    if not resource.is_transformer:
        rows, seconds = commit.every_rows, commit.every
        resource.add_step(_Stop(rows, seconds, count_rows=rows is not None))
