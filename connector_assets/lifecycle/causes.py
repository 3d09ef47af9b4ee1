"""Known causes of a sync that did not end well, found by what was said; never guessed.

Our own errors decide by their class; the words of sources, taps and drivers by patterns, each from
a message that was seen. What no rule knows is ``unrecognised``, and shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause: its id, what it means, what to do about it, and how it is told by.

    ``kinds`` are classes of errors, empty for any; ``signs`` is looked for in the error and then in
    the log.
    """

    id: str
    meaning: str
    action: str
    kinds: tuple[str, ...] = ()
    signs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A cause that was found, and the lines that say so, oldest first."""

    cause: Cause
    lines: tuple[str, ...] = ()


UNRECOGNISED = Cause(
    id="unrecognised",
    meaning="no rule knows what was said",
    action="Read the lines of the log below, and the log as a whole.",
)
KILLED = "engine_killed"
ENGINES = ("EngineFailed", "FatalSyncError", "ConfigError", "TransientSyncError", "CredentialError")
#: The first that fits; what is more special stands before what is more general.
CAUSES: tuple[Cause, ...] = (
    Cause(
        id="connector_paused",
        meaning="the connector is paused",
        action="Resume it: connectors resume NAME",
        kinds=("ConnectorPaused",),
    ),
    Cause(
        id="lease_held",
        meaning="another sync of the connector was running",
        action="Wait for it, or look at it: connectors status NAME",
        kinds=("LeaseHeld",),
    ),
    Cause(
        id="ledger_down",
        meaning="the ledger's database did not answer",
        action="Start it, or correct `ledger:`; then sync again.",
        kinds=("LedgerUnreachable",),
    ),
    Cause(
        id="wrong_environment",
        meaning="the destination belongs to another project or environment",
        action="Check --env and `destinations:` of connectors.yaml.",
        kinds=("EnvironmentMismatch",),
    ),
    Cause(
        id="engine_timeout",
        meaning="the engine was still at work at the connector's timeout",
        action="Does the source hang? Otherwise raise `timeout:`, or add `commit: {every: 15m}`.",
        kinds=("EngineTimeout",),
    ),
    Cause(
        id="file_locked",
        meaning="another process has the DuckDB file open",
        action="Close it there, or move to DuckLake, where readers do not block.",
        kinds=("FileLocked",),
    ),
    Cause(
        id="state_diverged",
        meaning="the destination does not have the state that the ledger knows",
        action="Was it restored from a backup? connectors state log NAME",
        kinds=("StateDivergence", "StateConflict"),
    ),
    Cause(
        id="out_of_memory",
        meaning="a load needs more memory than the machine has",
        action="More memory, or less at once: `commit: {every_rows: N}`.",
        kinds=("OutOfMemory",),
    ),
    Cause(
        id="disk_full",
        meaning="a disk is full",
        action="Free space, then sync again: nothing was half-done.",
        signs=r"no space left|disk is full|disk full|could not extend file",
    ),
    Cause(
        id="catalog_version",
        meaning="the DuckLake catalog is of another version than this DuckDB reads",
        action="Upgrade connector-assets here, or do not upgrade the catalog before it.",
        signs=r"ducklake catalog version|catalog version (mismatch|not supported)"
        r"|only ducklake versions?",
    ),
    Cause(
        id="plugin_version",
        meaning="the plugin that is installed is not the version that the project locks",
        action="Install it again: meltano install --force",
        signs=r"is installed in version",
    ),
    Cause(
        id="plugin_missing",
        meaning="a plugin or module of the connector is not installed here",
        action="Install it: meltano install, or the module beside connector-assets.",
        signs=r"not installed|no module named|executable .* is not there|has no executable",
    ),
    Cause(
        id="secret_missing",
        meaning="a secret has no value here",
        action="Look for it: connectors credentials check NAME",
        kinds=("CredentialError",),
        signs=r"is not set|has no value|there is no (file|variable)|not found: env|missing secret",
    ),
    Cause(
        id="token_expired",
        meaning="the source says that the token has expired",
        action="Get a new one, or let the tap write rotated ones back.",
        signs=r"(token|credential)[^.\n]{0,40}expired|expired[^.\n]{0,20}token|ExpiredToken",
    ),
    Cause(
        id="scope_missing",
        meaning="the source knows the account, which may not read this",
        action="Give the account the right to read the stream, or leave the stream out.",
        signs=r"\b403\b|forbidden|insufficient[_ ](scope|permission)|permission denied",
    ),
    Cause(
        id="token_refused",
        meaning="the source refused the token or password",
        action="Put the right one where the connector's secret comes from.",
        signs=r"\b401\b|unauthori[sz]ed|bad credentials|authentication failed|invalid_?token"
        r"|login failed|access denied",
    ),
    Cause(
        id="rate_limited",
        meaning="the source asks for fewer requests",
        action="It is tried again with waits. Every time? Read less often, or give it a `pool:`.",
        signs=r"\b429\b|too many requests|rate limit",
    ),
    Cause(
        id="tls_failure",
        meaning="no trusted connection to the source could be made",
        action="Check the certificate, its date, and the machine's clock and authorities.",
        signs=r"SSLError|certificate verify failed|CERTIFICATE_VERIFY|\bTLS\b|handshake",
    ),
    Cause(
        id="dns_failure",
        meaning="the name of the source is not known on this machine",
        action="Check the host in the connector's config, and the network's name server.",
        signs=r"name or service not known|temporary failure in name resolution|nodename nor serv"
        r"|NameResolutionError|could not translate host name|failed to resolve",
    ),
    Cause(
        id="source_unavailable",
        meaning="the source answered that it cannot serve now",
        action="It is tried again with waits; look at the source's own status page.",
        signs=r"\b50[0234]\b|service unavailable|bad gateway|gateway time-?out",
    ),
    Cause(
        id="connection_lost",
        meaning="the connection to the source was cut while it was read",
        action="It is tried again; nothing of the part that came is loaded.",
        signs=r"connection (was )?(reset|aborted|broken)|reset by peer|incompleteread|broken pipe"
        r"|server closed the connection|connection unexpectedly|remote end closed"
        r"|remotedisconnected|ended prematurely",
    ),
    Cause(
        id="source_unreachable",
        meaning="the source did not answer",
        action="Is it up, and can this machine reach it?",
        signs=r"does not answer|connection refused|timed out|no route to host"
        r"|max retries exceeded|could not connect",
    ),
    Cause(
        id=KILLED,
        meaning="something killed the engine: the system, for lack of memory, or a person",
        action="Sync again: nothing was half-done. Look for a lack of memory.",
        kinds=("EngineFailed",),
        signs=r"was ended by SIG|was killed|exit code -9|SIGKILL",
    ),
    Cause(
        id="stream_missing",
        meaning="the source does not have the stream",
        action="Correct its name, or remove it: connectors discover NAME",
        kinds=("StreamMissing",),
    ),
    Cause(
        id="bad_record",
        meaning="a value or message cannot be loaded faithfully",
        action="The place above is in the source's output: correct it there, or leave it out.",
        kinds=("BadRecord",),
    ),
    Cause(
        id="count_mismatch",
        meaning="the tables would not hold what was staged",
        action="Report it with the bundle: connectors debug SYNC --bundle FILE",
        kinds=("CountMismatch",),
    ),
    Cause(
        id="wrong_config",
        meaning="a file or variable has to be changed",
        action="The place above says where.",
        kinds=("ConfigError", "ConfigErrors"),
    ),
)
#: Of what the gate refused, by the kind of drift or the row rule in its reasons.
REFUSALS: tuple[Cause, ...] = (
    Cause(
        id="type_drift",
        meaning="the source changed a column's type",
        action="Look, then let it through or not: connectors drift diff NAME",
        signs=r"type_(changed|widened)",
    ),
    Cause(
        id="key_vanished",
        meaning="the key that rows are merged by is not there any more",
        action="Name another key, or mend the source; nothing was merged without one.",
        signs=r"key_(removed|added)",
    ),
    Cause(
        id="zero_rows",
        meaning="a stream that had rows came without any: deleted, or not to be seen any more",
        action="Look at the source, and at what its account may read. Right so? `on_empty: allow`.",
        signs=r"\bis empty\b",
    ),
    Cause(
        id="rows_missing",
        meaning="far fewer rows came than the rules allow",
        action="Look at the source; a person can let it through.",
        signs=r"below its min_",
    ),
    Cause(
        id="structure_drift",
        meaning="the source has another structure than the lock",
        action="Look, then let it through or not: connectors drift diff NAME",
    ),
)
NOT_FINALIZED = Cause(
    id="not_finalized",
    meaning="the sync works still, or was killed before its end was written down",
    action="Nothing: the next start, or `connectors reap`, asks the destination and closes it.",
)


def find_cause(*, kind: str, problem: str, log: Sequence[str]) -> Finding:
    """Return the cause of an error by its class, its words, and then those of the log.

    What an error of ours says about itself counts more than any line around it.
    """
    for cause in CAUSES:
        if _fits(cause, kind=kind) and (not cause.signs or _has(cause, problem)):
            return Finding(cause=cause, lines=_pick(cause, log))
    if kind in ENGINES[:2] or not kind:
        for cause in CAUSES:
            lines = _pick(cause, log) if cause.signs and not cause.kinds else ()
            if lines:
                return Finding(cause=cause, lines=lines)
    return Finding(cause=UNRECOGNISED, lines=tuple(log[-5:]))


def find_refusal(reasons: Sequence[str]) -> Finding:
    """Return why the gate refused a package."""
    text = "; ".join(reasons)
    found = next(
        one for one in REFUSALS if not one.signs or re.search(one.signs, text, re.IGNORECASE)
    )
    return Finding(cause=found)


def _fits(cause: Cause, *, kind: str) -> bool:
    return not cause.kinds or kind in cause.kinds


def _has(cause: Cause, text: str) -> bool:
    return re.search(cause.signs, text, re.IGNORECASE) is not None


def _pick(cause: Cause, log: Sequence[str]) -> tuple[str, ...]:
    """Return the last lines that say so."""
    if not cause.signs:
        return ()
    return tuple([line for line in log if _has(cause, line)][-3:])
