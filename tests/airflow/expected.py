"""The table of docs/airflow-states.md, as records."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "airflow-states.md"


@dataclass(frozen=True)
class Shown:
    """What all sides show of a case, once it is over."""

    dag_run: str
    start_dag: str
    run: str
    finalize_dag: str
    final_status: str
    verdict: str
    dagster: str
    alerts: str


def read_table() -> dict[str, tuple[bool, Shown]]:
    """Return the rows by case: whether it says that it is measured, and what is to be shown."""
    rows = {}
    for line in DOCUMENT.read_text().splitlines():
        case, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == len(fields(Shown)) + 1 and set(case) != {"-"} and case != "case":
            rows[case] = (bool(cells[0]), Shown(*cells[1:]))
    return rows
