"""Every error of the platform, grouped by what the caller does next.

ConnectorError
|- ConfigError            the user must change a file or a variable   -> never retried
|  |- ConfigErrors        several of them, shown together
|  `- StreamMissing       the source does not have a declared stream
|- CredentialError        missing, expired or refused secrets          -> never; act first
|- EnvironmentMismatch    this run points at another environment       -> never; act first
|- DriftBlocked           the audit gate refused the data              -> never; act first
|- ViewsDiffer            plan, files and views tell different stories  -> never; act first
|- ConnectorPaused        its schedule starts no syncs until resumed  -> never; act first
`- SyncError
   |- TransientSyncError  try again (429, 5xx, connection, lock)       -> retried by the scheduler
   |  |- EngineTimeout    the engine was stopped at the connector's timeout
   |  |- FileLocked       another process has the DuckDB file
   |  |- LeaseHeld        another sync of the connector is running
   |  `- LedgerUnreachable the ledger's database does not answer
   `- FatalSyncError      trying again cannot help                     -> not retried
      |- BadRecord        a value or message that cannot be loaded faithfully
      |- CountMismatch    the tables do not hold what was staged
      |- EngineFailed     the engine's process ended badly
      |- OutOfMemory      a load needs more memory than the machine has
      |- LeaseLost        the lease went to another sync before the commit
      |- PackageStale     the package was staged from a state that is no longer live
      `- StateDivergence  the destination's state is not the one the ledger knows
         `- StateConflict it moved on since somebody looked at it to change it
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, ClassVar, Self


class FailureClass(StrEnum):
    """What trying again would do."""

    TRANSIENT = "transient"
    FATAL = "fatal"
    ACTION_REQUIRED = "action_required"


class ConnectorError(Exception):
    """The base of all errors this platform raises on purpose.

    Args:
        problem: What is wrong, with the value; one sentence without a full stop.
        place: Where: ``connectors/shop.yaml:14``, a table, a stream.
        fix: What to do next; one sentence.
        valid: The valid values when the set is known; a near miss becomes a did-you-mean.
        value: The offending value that ``valid`` is compared with.
        connector: The connector concerned.
        stream: The stream concerned.
    """

    exit_code: ClassVar[int] = 1
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL

    def __init__(
        self,
        problem: str,
        *,
        place: str = "",
        fix: str = "",
        valid: Iterable[str] = (),
        value: str = "",
        connector: str = "",
        stream: str = "",
    ) -> None:
        self.problem = problem
        self.place = place
        self.valid = tuple(valid)
        self.value = value
        self.fix = fix or _suggest(value, self.valid)
        self.connector = connector
        self.stream = stream
        super().__init__(problem)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        next_step = f"\n  {self.fix}" if self.fix else ""
        return f"{where}{self.problem}{next_step}"

    def to_record(self) -> dict[str, Any]:
        """Return the error as JSON values, for evidence and for crossing a process boundary."""
        record = {
            "type": type(self).__name__,
            "class": str(self.failure_class),
            "problem": self.problem,
            "place": self.place,
            "fix": self.fix,
            "connector": self.connector,
            "stream": self.stream,
        }
        return {key: value for key, value in record.items() if value}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> ConnectorError:
        """Return the error that :meth:`to_record` described, of the same class where known."""
        kinds = {kind.__name__: kind for kind in _all_kinds(ConnectorError)}
        kind = kinds.get(record.get("type", ""), FatalSyncError)
        texts = {key: record.get(key, "") for key in ("place", "fix", "connector", "stream")}
        error = kind(record.get("problem", "unknown problem"), **texts)
        if isinstance(error, ConfigErrors):
            below = (cls.from_record(one) for one in record.get("errors", ()))
            error.errors = tuple(one for one in below if isinstance(one, ConfigError))
        return error

    def with_context(self, *, connector: str = "", stream: str = "", place: str = "") -> Self:
        """Fill in what the raising place could not know; keeps what is already set."""
        self.connector = self.connector or connector
        self.stream = self.stream or stream
        self.place = self.place or place
        return self


class ConfigError(ConnectorError):
    """The user must change a file or a variable; raised at load or start."""

    exit_code = 3
    failure_class = FailureClass.ACTION_REQUIRED


class ConfigErrors(ConfigError):
    """Everything that is wrong in a project, shown together."""

    errors: tuple[ConfigError, ...] = ()

    @classmethod
    def collect(cls, errors: Iterable[ConfigError]) -> ConfigError:
        """Return one error for all of them: the only one as it is, or a list by file and line."""
        found = {str(one): one for error in errors for one in cls.split(error)}
        flat = tuple(sorted(found.values(), key=_order))
        if len(flat) == 1:
            return flat[0]
        collected = cls(f"{len(flat)} things must be changed")
        collected.errors = flat
        return collected

    @staticmethod
    def split(error: ConfigError) -> tuple[ConfigError, ...]:
        """Return the errors that :meth:`collect` put together, or the one that it is."""
        return error.errors if isinstance(error, ConfigErrors) and error.errors else (error,)

    def __str__(self) -> str:
        return "\n".join((super().__str__(), *map(str, self.errors)))

    def to_record(self) -> dict[str, Any]:
        """Return the error as JSON values, each of its errors under ``errors``."""
        return super().to_record() | {"errors": [error.to_record() for error in self.errors]}


class StreamMissing(ConfigError):
    """The source does not have a declared stream.

    Of a stream that was read before it is no error: the audit gate tells of ``stream_removed``.
    """


class CredentialError(ConnectorError):
    """A secret is missing, expired or refused."""

    exit_code = 4
    failure_class = FailureClass.ACTION_REQUIRED


class EnvironmentMismatch(ConnectorError):
    """The destination belongs to another project or environment."""

    exit_code = 5
    failure_class = FailureClass.ACTION_REQUIRED


class DriftBlocked(ConnectorError):
    """The audit gate refused the staged package; nothing was loaded.

    ``found`` is the drift that kept anything from being staged, where the error did not cross a
    process boundary.
    """

    found: tuple[Any, ...] = ()
    exit_code = 6
    failure_class = FailureClass.ACTION_REQUIRED


class ViewsDiffer(ConnectorError):
    """Plan, compiled files, Dagster and Airflow do not say the same."""

    exit_code = 11
    failure_class = FailureClass.ACTION_REQUIRED


class ConnectorPaused(ConnectorError):
    """No sync of the connector is started by itself before somebody resumes it."""

    exit_code = 12
    failure_class = FailureClass.ACTION_REQUIRED


class SyncError(ConnectorError):
    """A sync failed; the subclass says whether trying again can help."""

    exit_code = 8


class TransientSyncError(SyncError):
    """Trying again can help: a connection, a lock, HTTP 429 or 5xx."""

    exit_code = 7
    failure_class = FailureClass.TRANSIENT


class FatalSyncError(SyncError):
    """Trying again cannot help."""


class EngineTimeout(TransientSyncError):
    """The engine was stopped at the connector's timeout."""


class FileLocked(TransientSyncError):
    """Another process has the DuckDB file; the message names it."""


class LeaseHeld(TransientSyncError):
    """Another sync of the connector is running; the message names it.

    ``holder`` is the ledger's record of it, where the error did not cross a process boundary.
    """

    exit_code = 9
    holder: Any = None


class LedgerUnreachable(TransientSyncError):
    """The ledger's database does not answer."""


class BadRecord(FatalSyncError):
    """A message or value cannot be loaded faithfully; nothing was loaded."""


class CountMismatch(FatalSyncError):
    """The tables would not hold what was staged; the transaction was rolled back."""


class EngineFailed(FatalSyncError):
    """The engine's process ended badly; the message has its command, exit code and last lines."""


class OutOfMemory(FatalSyncError):
    """A load needs more memory than the machine has; the transaction was rolled back."""


class LeaseLost(FatalSyncError):
    """The lease went to another sync before the commit; nothing was loaded."""


class PackageStale(FatalSyncError):
    """The package was staged from a state that is no longer the live one."""


class StateDivergence(FatalSyncError):
    """The destination's state is not the one the ledger or the package knows."""


class StateConflict(StateDivergence):
    """The state is no longer the version that a change was made for; nothing was changed."""

    exit_code = 13


def _all_kinds(kind: type[ConnectorError]) -> list[type[ConnectorError]]:
    return [kind, *(deep for sub in kind.__subclasses__() for deep in _all_kinds(sub))]


def _order(error: ConnectorError) -> tuple[str, int]:
    file, colon, line = error.place.rpartition(":")
    return (file, int(line)) if colon and line.isdecimal() else (error.place, 0)


def _suggest(value: str, valid: tuple[str, ...]) -> str:
    if not valid:
        return ""
    near = get_close_matches(value, valid, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{hint}Valid: {', '.join(valid)}."
