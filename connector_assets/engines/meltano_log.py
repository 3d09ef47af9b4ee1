"""What Meltano says while it runs, and what made it fail."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from connector_assets.engines.output import TAIL_LINES
from connector_assets.errors import (
    ConfigError,
    ConnectorError,
    CredentialError,
    EngineFailed,
    TransientSyncError,
)

_LONGEST_LINE = 500
_TRANSIENT = re.compile(
    r"connection (refused|reset|aborted|timed out|closed)|timed? ?out\b|broken pipe"
    r"|could not connect|failed to resolve|name resolution|temporarily unavailable"
    r"|network is unreachable|remote end closed|server closed the connection"
    r"|too many (requests|connections)|bad gateway|service unavailable|gateway time"
    r"|rate limit|(status|http|error|code|response)\W{0,12}(code\W{0,3})?(429|50[0234])\b"
    r"|\b(429|50[0234]) (client|server) error",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"unauthori[sz]ed|authentication failed|bad credentials|invalid (api|access)[ _]?(key|token)"
    r"|\b401 client error|(status|http|error|code|response)\W{0,12}(code\W{0,3})?401\b"
    r"|access denied for user|invalid[_ ](grant|credentials)|(token|password)\b.{0,20}\bexpired",
    re.IGNORECASE,
)
# After the transient ones: some sources answer 403 where a rate limit is reached.
_FORBIDDEN = re.compile(
    r"\b403 client error|(status|http|error|code|response)\W{0,12}(code\W{0,3})?403\b"
    r"|permission denied for (table|relation|schema|database|view|function)",
    re.IGNORECASE,
)
_NOT_THERE = re.compile(r"Executable '(?P<name>[^']*)' could not be found")
_NOT_STARTED = re.compile(r"Cannot start plugin \S+?: (?P<why>\[Errno.+)")
_NO_CATALOG = re.compile(r"Catalog discovery failed|Invalid catalog|Applying catalog rules failed")
_NOT_KNOWN = re.compile(r"is not known to Meltano|Could not connect to Meltano Hub")
# What Meltano says whatever happens.
_NOISE = re.compile(r"Need help fixing this problem\?|\S+: DeprecationWarning: ")
# The SDK's measurements, with its level before it where the tap logs plain text.
_METRIC = re.compile(r"(?:INFO )?METRIC\b")


class Speaker(StrEnum):
    """Who wrote a line."""

    MELTANO = "meltano"
    EXTRACTOR = "extractor"
    MAPPER = "mapper"
    LOADER = "loader"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of the log, without Meltano's envelope."""

    speaker: Speaker
    level: str
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_metric(self) -> bool:
        """Whether it is one of the Singer SDK's measurements, which tell a person nothing."""
        return _METRIC.match(self.text) is not None

    @property
    def misses_stream(self) -> bool:
        """Whether Meltano says that a stream it has a rule for is not in the catalog."""
        return self.speaker is Speaker.MELTANO and "was not found in the catalog" in self.text


def parse_line(line: bytes) -> LogLine:
    """Return what a line of Meltano's JSON log says; other lines are taken for Meltano's own."""
    text = line.decode(errors="replace").rstrip()
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        return LogLine(speaker=Speaker.MELTANO, level="info", text=text)
    return LogLine(
        speaker=_find_speaker(content),
        level=str(content.get("level", "info")),
        text=str(content.get("event", "")).rstrip(),
        fields=content,
    )


def _find_speaker(content: Mapping[str, Any]) -> Speaker:
    if content.get("type") == "discovery":
        return Speaker.EXTRACTOR
    if "stdio" not in content:
        return Speaker.MELTANO
    if content.get("consumer"):
        return Speaker.MAPPER if content.get("producer") else Speaker.LOADER
    return Speaker.EXTRACTOR


class Transcript:
    """The last lines of each speaker, and the results that Meltano reports at its end."""

    def __init__(self) -> None:
        self._lines = {speaker: deque[str](maxlen=TAIL_LINES) for speaker in Speaker}
        self.exit_codes: dict[str, int] = {}
        self.reason = ""

    def add(self, line: LogLine) -> None:
        """Take note of a line."""
        if line.text and not line.is_metric and not _NOISE.match(line.text):
            self._lines[line.speaker].append(line.text[:_LONGEST_LINE])
        if "exit_codes" in line.fields:
            self.exit_codes = dict(line.fields["exit_codes"] or {})
            self.reason = str(line.fields.get("err") or "")

    def tail(self, speaker: Speaker) -> tuple[str, ...]:
        """Return the last 20 lines of ``speaker``; where it wrote none, those of Meltano."""
        return tuple(self._lines[speaker] or self._lines[Speaker.MELTANO])


def explain_failure(transcript: Transcript, *, exit_code: int, source: str) -> ConnectorError:
    """Return the error for a run that ended with ``exit_code``: the extractor's before others.

    When the loader fails first, Meltano reports the extractor that it then stops as successful;
    an exit code of the extractor is therefore always its own failure.
    """
    codes = transcript.exit_codes
    if exit_code < 0:
        return EngineFailed(
            f"meltano was ended by signal {-exit_code}",
            fix="Nothing was loaded. If nobody stopped it, look for a lack of memory.",
        )
    words = "\n".join((transcript.reason, *transcript.tail(Speaker.MELTANO)))
    if "extractors" in codes or _NO_CATALOG.search(words):
        return _explain_extractor(transcript, source=source)
    return _explain_start(words, source=source) or _explain_other(transcript, exit_code=exit_code)


def _explain_start(words: str, *, source: str) -> ConfigError | None:
    """Return the error for an extractor that Meltano could not start, from its last words."""
    fix = f"Run `meltano install extractor {source}`, or correct its `executable`."
    if missing := _NOT_THERE.search(words):
        problem = f"the executable {missing['name']!r} of {source} could not be found"
        return ConfigError(problem, place="meltano.yml", fix=fix)
    if found := _NOT_STARTED.search(words):
        problem = f"{source} could not be started: {found['why']}"
        return ConfigError(problem, place="meltano.yml", fix=fix)
    if _NOT_KNOWN.search(words):
        return ConfigError(
            f"Meltano has no definition of {source}",
            place="meltano.yml",
            fix=f"Run `meltano lock extractor {source}` where its hub is reached, or declare "
            "`namespace`, `executable`, `capabilities` and `settings` there.",
        )
    return None


def _explain_extractor(transcript: Transcript, *, source: str) -> ConnectorError:
    tail = transcript.tail(Speaker.EXTRACTOR)
    code = transcript.exit_codes.get("extractors")
    how = "failed in discovery" if code is None else _name_end(code)
    problem = f"{source} {how}{_quote(tail)}"
    words = "\n".join(tail)
    if _REFUSED.search(words):
        fix = "Check the secrets of this connector: the source refused them."
        return CredentialError(problem, fix=fix)
    if _TRANSIENT.search(words):
        return TransientSyncError(problem, fix="The source did not answer; try again later.")
    if _FORBIDDEN.search(words):
        fix = "Check what the account of this connector may read: the source refused it."
        return CredentialError(problem, fix=fix)
    return EngineFailed(problem, fix=f"Try `meltano invoke {source}` in the project folder.")


def _explain_other(transcript: Transcript, *, exit_code: int) -> ConnectorError:
    codes = transcript.exit_codes
    if "mappers" in codes:
        problem = f"a mapper {_name_end(codes['mappers'])}{_quote(transcript.tail(Speaker.MAPPER))}"
        return EngineFailed(problem, fix="Check its mappings in meltano.yml.")
    if "loaders" in codes:
        tail = transcript.tail(Speaker.LOADER)
        return EngineFailed(f"connector-target {_name_end(codes['loaders'])}{_quote(tail)}")
    tail = transcript.tail(Speaker.MELTANO)
    fix = "Check meltano.yml: `meltano compile --lint` tells what is wrong with it."
    return EngineFailed(f"meltano ended with exit code {exit_code}{_quote(tail)}", fix=fix)


def _name_end(code: int) -> str:
    if code < 0:
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}"


def _quote(tail: tuple[str, ...]) -> str:
    lines = "".join(f"\n    {line}" for line in tail)
    return f"; its last lines:{lines}" if lines else "; it wrote nothing"
