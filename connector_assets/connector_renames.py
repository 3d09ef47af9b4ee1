"""The rules of ``renamed_from`` in a connector file."""

from __future__ import annotations

from collections.abc import Iterator

from connector_assets.config import ConnectorFile
from connector_assets.errors import ConfigError
from connector_assets.yaml_marks import Document


def check_renames(file: ConnectorFile, *, document: Document) -> Iterator[ConfigError]:
    """Yield the old names that the connector, or one of its streams, has still."""
    if file.name in file.renamed_from:
        yield ConfigError(
            f"{file.name!r} cannot be renamed from its own name",
            place=document.place(("renamed_from",)),
            fix="Remove it from `renamed_from:`.",
        )
    taken: dict[str, str] = {}
    for name, block in file.streams.items():
        for old in block.renamed_from:
            place = document.place(("streams", name, "renamed_from"))
            if old in file.streams:
                problem = f"the stream {name!r} is renamed from {old!r}, which the connector has"
                fix = f"Remove the stream {old!r}, or `renamed_from:`."
                yield ConfigError(problem, place=place, fix=fix, stream=name)
            elif old in taken:
                problem = f"the streams {taken[old]!r} and {name!r} are renamed from {old!r}"
                fix = "Its table can become one of them: remove the other `renamed_from:`."
                yield ConfigError(problem, place=place, fix=fix, stream=name)
            taken.setdefault(old, name)
