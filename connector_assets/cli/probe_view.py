"""Probes as people and programs read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from connector_assets.audit.wording import describe_change
from connector_assets.cli.drift_table import STYLES
from connector_assets.cli.output import Output, build_console, clean, print_list
from connector_assets.errors import ConfigError
from connector_assets.lifecycle.probe import Probed
from connector_assets.lifecycle.setting import Observer
from connector_assets.model import Connector, DriftPolicy

if TYPE_CHECKING:
    from rich.table import Table

    from connector_assets.audit.gate import Finding
    from connector_assets.audit.probe import Sighting


class ProbeView(Observer):
    """Shows who is asked, for how long, and what each probe found."""

    def __init__(self, output: Output) -> None:
        """Print to ``output``; what takes a while is shown on a terminal only."""
        self._output = output

    def logged(self, line: Mapping[str, Any]) -> None:
        """Print what went wrong beside the probe itself: an alert that was not delivered."""
        if line.get("level") == "error":
            build_console(stderr=True).print(clean(str(line.get("event", ""))), markup=False)

    @contextmanager
    def asking(self, connector: Connector, *, number: int, of: int) -> Iterator[None]:
        """Show, while it lasts, which source is asked and for how long it has been."""
        console = build_console(stderr=True)
        if not console.is_terminal:
            yield
            return
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            progress.add_task(f"{number}/{of}  {connector.name}: asking {connector.source}")
            yield

    def show(self, probed: Probed) -> None:
        """Print what one probe found."""
        from rich.text import Text

        how = describe_look(probed.sighting) if probed.sighting else "failed"
        headline = (probed.connector, "bold"), f"  {how}", (f"  {probed.seconds:.1f} s", "dim")
        self._output.print("", Text.assemble(*headline))
        if probed.error is not None:
            console = self._output.console
            word = f"{type(probed.error).__name__} ({probed.error.failure_class}): "
            print_list(console, [probed.error], word=word)
        elif not probed.locked:
            self._output.print("  there is no lock to compare with")
            self._output.print_next(f"connectors discover {probed.connector} --lock")
        elif not probed.findings:
            self._output.print("  as it is expected to be")
        else:
            self._output.print(_build_table(probed.findings))
            self._output.print_next(*_suggest(probed))

    def end(
        self, found: Sequence[Probed], *, broken: Sequence[ConfigError], left: Sequence[str]
    ) -> None:
        """Print what could not be probed, and a count."""
        print_list(self._output.console, broken, word="error: ")
        failed = sum(one.error is not None for one in found) + len(broken)
        differing = sum(bool(one.findings) for one in found)
        words = [f"{len(found)} probed", f"{differing} with drift"]
        words += [f"{failed} failed"] if failed else []
        words += [f"{len(left)} left for the next time: {', '.join(left)}"] if left else []
        self._output.print("", ", ".join(words))


def describe_look(sighting: Sighting) -> str:
    """Return what was looked at: ``sample of 30 rows``."""
    if sighting.declares:
        return str(sighting.look)
    rows = f"{sighting.rows:,} row{'' if sighting.rows == 1 else 's'}"
    return f"{sighting.look} of {rows}"


def render_probed(probed: Probed) -> dict[str, Any]:
    """Return a probe as JSON values."""
    sighting = probed.sighting
    return {
        "connector": probed.connector,
        "probe_id": probed.probe_id,
        "seconds": probed.seconds,
        "look": str(sighting.look) if sighting else None,
        "rows": sighting.rows if sighting else None,
        "locked": probed.locked,
        "findings": [_render(one) for one in probed.findings],
        "opened": [event.id for event in probed.opened],
        "error": probed.error.to_record() if probed.error else None,
    }


def _render(finding: Finding) -> dict[str, Any]:
    drift = finding.drift
    return {
        "stream": drift.stream,
        "column": ".".join(drift.column),
        "kind": str(drift.kind),
        "old": drift.old,
        "new": drift.new,
        "policy": str(finding.policy),
    }


def _build_table(findings: Sequence[Finding]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 2), pad_edge=True, header_style="dim")
    for header in ("where", "what", "policy"):
        table.add_column(header, overflow="fold")
    for one in findings:
        what = f"{one.drift.kind}{describe_change(one.drift.old, one.drift.new)}"
        policy = Text(str(one.policy), style=STYLES.get(one.policy, ""))
        table.add_row(Text(clean(one.drift.place)), Text(clean(what)), policy)
    return table


def _suggest(probed: Probed) -> Iterator[str]:
    if any(one.policy is not DriftPolicy.ALLOW for one in probed.findings):
        yield f"connectors drift show {probed.connector}"
        # What a few rows show is better approved when a sync brings it: one without such rows would
        # still bring the former type.
        if probed.sighting is not None and probed.sighting.declares:
            yield f"connectors approve {probed.connector}"
