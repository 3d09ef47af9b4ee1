"""``connectors query``: what is in a destination, read-only."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector_assets.cli.options import Usual, unpacked

if TYPE_CHECKING:
    from connector_assets.destinations.query import Answer

app = typer.Typer(add_completion=False)
SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How many rows, in which form, and how long to wait for them."""

    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            min=1,
            metavar="N",
            help=f"At most N rows; a table shows {SHOWN} if none is given.",
        ),
    ] = None
    csv: Annotated[
        bool, typer.Option("--csv", metavar="", help="Print CSV: a header, then the rows.")
    ] = False
    wait: Annotated[
        float,
        typer.Option("--wait", min=0, metavar="SECONDS", help="How long to wait for its lock."),
    ] = 30.0


@app.command()
@unpacked
def query(
    destination: Annotated[
        str, typer.Argument(metavar="DESTINATION", help="A destination of connectors.yaml.")
    ],
    sql: Annotated[
        str, typer.Argument(metavar="SQL", help="One SELECT; tables are DATASET.TABLE.")
    ],
    *,
    asking: Asking,
    usual: Usual,
) -> None:
    """Ask a destination: one SELECT, which can change nothing.

    With --json it prints a list of objects in which no value has lost anything: what JSON's
    numbers cannot hold exactly is text.
    """
    from connector_assets.cli.context import load
    from connector_assets.credentials.sources import resolve_secrets
    from connector_assets.destinations.query import Query, fetch_answer

    project = load(usual.project, usual.env, tolerate=True)
    found = project.destination(destination)
    secrets = resolve_secrets(found.secrets, of=f"destination {found.name}", root=project.root)
    as_table = not (usual.json or asking.csv)
    limit = asking.limit or (SHOWN if as_table else None)
    question = Query(sql=sql, limit=limit, wait=asking.wait)
    with usual.output.waiting(f"asking {destination} ..."):
        answer = fetch_answer(found, question, secrets=secrets)
    if usual.json:
        usual.output.print_json(
            [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        )
    elif asking.csv:
        _write_csv(answer)
    else:
        from connector_assets.cli.query_table import print_answer

        print_answer(usual.output.console, answer)


def _write_csv(answer: Answer) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows([_flat(value) for value in row] for row in answer.rows)


def _flat(value: Any) -> Any:
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value
