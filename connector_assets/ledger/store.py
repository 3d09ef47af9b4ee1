"""The ledger: the platform's own database, opened once per process."""

from __future__ import annotations

from typing import Self

from connector_assets.ledger.alerts import Alerts
from connector_assets.ledger.batches import Batches
from connector_assets.ledger.beats import Beats
from connector_assets.ledger.database import Database
from connector_assets.ledger.drift import DriftEvents
from connector_assets.ledger.history import History
from connector_assets.ledger.incidents import Incidents
from connector_assets.ledger.leases import Leases
from connector_assets.ledger.offers import Offers
from connector_assets.ledger.outbox import Outbox
from connector_assets.ledger.packages import Packages
from connector_assets.ledger.pauses import Pauses
from connector_assets.ledger.probes import Probes
from connector_assets.ledger.pruning import Pruning
from connector_assets.ledger.renames import Renames
from connector_assets.ledger.revision import ensure_tables
from connector_assets.ledger.states import Schemas, States
from connector_assets.ledger.syncs import Syncs


class Ledger:
    """What the platform remembers, by subject: ``ledger.syncs``, ``ledger.leases``, ...

    Safe to use from several threads; not across a fork.
    """

    def __init__(self, database: Database) -> None:
        """Take over a database whose tables are there; :meth:`open` makes sure of that."""
        self._database = database
        self.place = database.place
        self.syncs = Syncs(database)
        self.history = History(database)
        self.states = States(database)
        self.schemas = Schemas(database)
        self.leases = Leases(database)
        self.outbox = Outbox(database)
        self.alerts = Alerts(database)
        self.incidents = Incidents(database)
        self.pauses = Pauses(database)
        self.beats = Beats(database)
        self.drift = DriftEvents(database)
        self.batches = Batches(database)
        self.offers = Offers(database)
        self.packages = Packages(database)
        self.probes = Probes(database)
        self.pruning = Pruning(database)
        self.renames = Renames(database)

    @classmethod
    def open(cls, url: str, *, wait: float = 10.0, migrate: bool = True) -> Self:
        """Open ``sqlite:////path`` or ``postgresql://...``; make or migrate the tables.

        ``wait`` (seconds) bounds how long this and each later call tries a database that does
        not answer. Without ``migrate`` an older ledger is refused.

        Raises:
            ConfigError: The URL is wrong, the driver missing, or the ledger newer than the code,
                or not to be migrated.
            LedgerUnreachable: The database does not answer.
        """
        database = Database(url, wait=wait)
        try:
            ensure_tables(database, migrate=migrate)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
