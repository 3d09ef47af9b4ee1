"""Make docs/types.md from the cases that tests/type_contract really runs.

``make_types_docs.py`` writes the file; ``make_types_docs.py --check`` exits with 1 if it is not
what it would write.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from connector_assets.model import NaiveTimes
from tests.type_contract.case import Arrives, Case, Refused, Way
from tests.type_contract.cases import CASES

FILE = Path(__file__).parents[1] / "docs" / "types.md"
HEAD = """\
# Types

Made by `scripts/make_types_docs.py` from the cases that `tests/type_contract` runs; do not edit.
What arrives went through a real sync into a DuckDB file and into a DuckLake: the same in both.

A value arrives as it is, or the sync is refused: the error names stream, column, row and the
value's shape (letters as x, digits as 9), and nothing is loaded. Nothing is changed silently
([why](decisions/0008-type-contract.md)). A type that differs from that of earlier syncs is
neither: the [audit gate](audit-gate.md) holds the package, and asks.

- **A Singer tap** declares its types: [connector-target](connector-target.md#types) has the rules.
- **dlt, rows**: what a resource yields row by row (HTTP APIs, most Python sources). Where the
  source declares no type, a column's first value decides; text that is an ISO 8601 time is one.
  An empty list or object leaves nothing, as null does.
- **dlt, Arrow tables**: databases, files, and resources that yield tables or data frames.

A dash is a value that does not come that way.

## Times without an offset

`naive_times`, in a stream or under `defaults:`, says what they are: `assume_utc` makes instants in
UTC of them, `keep_naive` keeps them in a column without a zone (each column has to be of one kind),
`reject` refuses them. If nobody says, a column stays without a zone that a database or a file has
so, or that a source declares so to dlt, and everything else is UTC. Another word later is another
type of the columns: the gate asks first.
"""
_TYPES = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
_LONG = 42


def main(words: list[str]) -> int:
    """Write the page, or compare it with what is there; return 1 if it is stale."""
    text = render_page()
    if "--check" not in words:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.is_file() or FILE.read_text(encoding="utf-8") != text:
        sys.stdout.write("docs: docs/types.md is stale; run scripts/make_types_docs.py\n")
        return 1
    sys.stdout.write("docs of the types: fresh\n")
    return 0


def render_page() -> str:
    """Return the page as Markdown."""
    parts = [HEAD]
    for section, cases in groupby(CASES, lambda case: case.section):
        parts.append("\n".join(_render_section(section, cases)))
    return "\n".join(parts)


def _render_section(section: str, cases: Iterator[Case]) -> Iterator[str]:
    yield f"## {section}\n"
    yield f"| sent | {' | '.join(Way)} |\n|---|---|---|---|"
    for case in cases:
        cells = [_render_outcome(case, way) for way in Way]
        yield f"| {case.title}{_render_policy(case.naive_times)} | {' | '.join(cells)} |"
    yield ""


def _render_policy(policy: NaiveTimes | None) -> str:
    return f" (`{policy}`)" if policy else ""


def _render_outcome(case: Case, way: Way) -> str:
    if way not in case.sent:
        return "-"
    outcome = case.sent[way].outcome
    if isinstance(outcome, Refused):
        return f"refused: {outcome.reason}"
    return _render_arrival(outcome)


def _render_arrival(outcome: Arrives) -> str:
    kind = _TYPES.get(outcome.type, outcome.type)
    place = f" in `{outcome.column}`" if outcome.column and len(outcome.column) < _LONG else ""
    if outcome.column.endswith("[]"):
        place = f" in the table `..__{outcome.column[:-2]}`"
    show = str if kind == "JSON" else _render_value
    values = ", ".join(f"`{show(value)}`" for value in outcome.values)
    return f"{kind}{place}: {values}"


def _render_value(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.hex(" ") or "0 bytes"
    if not isinstance(value, str):
        return str(value)
    if len(value) > _LONG:
        return f"{value[:10]}... ({len(value):,} characters)"
    # Escaped, so that what cannot be seen can.
    shown = value if value.isprintable() else value.encode("unicode_escape").decode()
    return f'"{shown}"'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
