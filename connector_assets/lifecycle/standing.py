"""How a connector stands: is it set up, did its last sync work, is it in time; each by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector_assets.credentials.sources import check_secrets
from connector_assets.errors import ConfigError, ConfigErrors
from connector_assets.ledger.alert_records import Incident, Pause
from connector_assets.ledger.records import SyncRow
from connector_assets.ledger.store import Ledger
from connector_assets.lifecycle.punctual import Punctuality, Timing, judge_time
from connector_assets.lifecycle.retry_plan import RetryPlan, plan_row
from connector_assets.lock import load_lock
from connector_assets.model import Connector, Verdict
from connector_assets.project import Project

#: How many syncs the trend is of.
TREND = 8
_GOOD = tuple(verdict for verdict in Verdict if verdict.good)
#: Looking at them costs nothing and changes nothing; a command can take half a minute.
_QUICK = ("env:", "file:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Whether a connector could be synced from here: errors in its file, secrets, its lock.

    ``words`` says it in short, ``problems`` what is to be done, one line each.
    """

    valid: bool
    missing: tuple[str, ...] = ()
    locked: bool = False
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a sync can begin; a lock is needed in production only."""
        return self.valid and not self.missing and not self.problems

    @property
    def words(self) -> str:
        """Return it in short."""
        if not self.valid:
            return "broken file"
        if self.missing:
            return "no secret" if len(self.missing) == 1 else f"no {len(self.missing)} secrets"
        return "yes" if self.locked else "no lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A connector as the project and the ledger have it now.

    ``rows`` are the counts of the last syncs that loaded something, oldest first; None is what
    nobody knows. ``good`` is the last sync that ended well. ``held`` tells that the package of the
    last one is kept.
    """

    connector: str
    engine: str
    setup: Setup
    punctuality: Punctuality
    last: SyncRow | None = None
    good: SyncRow | None = None
    rows: tuple[int | None, ...] = ()
    pause: Pause | None = None
    incidents: tuple[Incident, ...] = ()
    held: bool = False

    @property
    def retry(self) -> RetryPlan | None:
        """What a further try of the last sync would do; None where there was none."""
        return plan_row(self.last, held=self.held) if self.last else None


def read_standings(
    project: Project, ledger: Ledger, *, names: Sequence[str], now: datetime
) -> list[Standing]:
    """Return how connectors stand; opens no destination and runs no command.

    Raises:
        LedgerUnreachable: The ledger does not answer.
    """
    environment = project.environment
    last = {row.connector: row for row in ledger.history.last(environment=environment)}
    good = {
        row.connector: row
        for row in ledger.history.last(environment=environment, connectors=names, verdicts=_GOOD)
    }
    pauses = ledger.pauses.active(environment=environment)
    incidents = ledger.incidents.open(environment=environment)
    held = {one.sync_id for one in ledger.packages.held(environment=environment)}
    declared = {one.name: one for one in project.connectors}
    return [
        Standing(
            connector=name,
            engine=str(declared[name].engine) if name in declared else "",
            setup=check_setup(project, name),
            punctuality=_judge(declared.get(name), last.get(name), pause=pauses.get(name), now=now),
            last=last.get(name),
            good=good.get(name),
            rows=_read_trend(ledger, name, environment=environment) if name in good else (),
            pause=pauses.get(name),
            incidents=tuple(one for one in incidents if one.connector == name),
            held=name in last and last[name].sync_id in held,
        )
        for name in names
    ]


def check_setup(project: Project, name: str) -> Setup:
    """Return whether a connector could be synced from here.

    Secrets of commands are not asked for. What is missing here can be there where the scheduler
    runs.
    """
    try:
        connector = project.connector(name)
        locked = bool(load_lock(name, root=project.root))
    except ConfigError as error:
        found = (f"{one.place}: {one.problem}" for one in ConfigErrors.split(error))
        return Setup(valid=False, problems=(*found, f"connectors validate {name}"))
    missing = tuple(_find_missing(connector, project=project))
    lock = () if locked or not project.production else (f"connectors discover {name} --lock",)
    return Setup(
        valid=True,
        missing=tuple(name for name, _ in missing),
        locked=locked,
        problems=(*(problem for _, problem in missing), *lock),
    )


def count_rows(row: SyncRow) -> int | None:
    """Return how many rows of a sync are in the destination; None where nobody knows it."""
    counts = [each.get("in_destination") for each in row.result.get("streams", ())]
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _find_missing(connector: Connector, *, project: Project) -> Iterator[tuple[str, str]]:
    destination = connector.destination
    sources: dict[str, Mapping[str, str]] = {
        f"connector {connector.name}": connector.secrets,
        f"destination {destination.name}": destination.secrets,
    }
    for of, secrets in sources.items():
        for name, source in secrets.items():
            if source.startswith(_QUICK):
                found = check_secrets({name: source}, of=of, root=project.root)
                yield from ((name, error.problem) for error in found)


def _judge(
    connector: Connector | None, last: SyncRow | None, *, pause: Pause | None, now: datetime
) -> Punctuality:
    if connector is None:
        return Punctuality(timing=Timing.PAUSED if pause else Timing.UNKNOWN)
    started = last.started_at if last else None
    return judge_time(connector, started=started, paused=pause is not None, now=now)


def _read_trend(ledger: Ledger, name: str, *, environment: str) -> tuple[int | None, ...]:
    rows = ledger.history.last_good(name, environment=environment, limit=TREND)
    return tuple(count_rows(row) for row in reversed(rows))
