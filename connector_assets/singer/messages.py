"""Singer messages read from a binary stream, and each one checked.

The message formats are those of https://hub.meltano.com/singer/spec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum
from types import NoneType
from typing import Any, NamedTuple, NoReturn

from connector_assets.errors import BadRecord
from connector_assets.singer.lines import (
    MAX_LINE_BYTES,
    MIN_RUN,
    ByteSource,
    KeepOrder,
    LineSorter,
    RecordRun,
    read_blocks,
)
from connector_assets.singer.literals import dump_json, parse_json

_SHOWN = 60
_FORMATS = ("jsonl", "parquet")
_COMPRESSIONS = (None, "none", "gzip")
_STREAM = re.compile(r'"stream"\s*:\s*"([^"\\]+)"')
_KEY = re.compile(r'"([^"\\]+)"\s*:\s*')


class MessageType(StrEnum):
    """The kinds of Singer messages a target meets."""

    SCHEMA = "SCHEMA"
    RECORD = "RECORD"
    STATE = "STATE"
    ACTIVATE_VERSION = "ACTIVATE_VERSION"
    BATCH = "BATCH"


class Message(NamedTuple):
    """One checked message: ``content`` is the whole object; ``size`` is its line's bytes.

    A tuple, not a dataclass: one is made per record, and a frozen dataclass costs three times that.
    """

    type: MessageType
    stream: str
    content: dict[str, Any]
    line: int
    size: int


def read_messages(
    source: ByteSource,
    *,
    max_bytes: int = MAX_LINE_BYTES,
    min_run: int = MIN_RUN,
    keep_order: KeepOrder = lambda _: False,
) -> Iterator[Message | RecordRun]:
    """Yield the messages of a Singer stream in order; blank lines are passed over.

    ``min_run`` or more RECORDs of one stream come together and unread; each of their lines begins
    as a RECORD of that stream, whose SCHEMA came before. A STATE may come after records that follow
    it, but where ``keep_order`` says otherwise.

    Raises:
        BadRecord: A line is no Singer message, or is a RECORD before its stream's SCHEMA.
    """
    known: set[str] = set()
    sorter = LineSorter(min_run=min_run)
    for block in read_blocks(source, max_bytes=max_bytes):
        for part in sorter.split(block, keep_order=keep_order):
            if isinstance(part, RecordRun):
                yield part
                continue
            message = parse_message(part.data, number=part.number)
            if message.type is MessageType.SCHEMA:
                known.add(message.stream)
            elif message.type is not MessageType.STATE and message.stream not in known:
                article = "an" if message.type is MessageType.ACTIVATE_VERSION else "a"
                problem = f"{article} {message.type} came before the SCHEMA of its stream"
                _refuse(part.number, problem, message.stream)
            elif message.type is MessageType.RECORD:
                sorter.learn(part.data, stream=message.stream)
            yield message


def parse_run(run: RecordRun) -> Iterator[Message]:
    """Yield the messages of a run, each read by itself; of a BATCH file as if they were RECORDs.

    Raises:
        BadRecord: A line is no RECORD of the stream, or no record.
    """
    for number, line in zip(run.numbers, run.data.split(b"\n"), strict=False):
        if run.source:
            if line.strip():
                yield _parse_bare(line, number=number, run=run)
            continue
        message = parse_message(line, number=number)
        # JSON may have a key twice, of which the last one counts.
        if message.stream != run.stream or message.type is not MessageType.RECORD:
            _refuse(number, "a RECORD says twice what it is", run.stream)
        yield message


def parse_message(line: bytes, *, number: int) -> Message:
    """Return the message of one line, checked to have what its type needs.

    Raises:
        BadRecord: It is not JSON, not a known type, or lacks a part; the content is masked.
    """
    try:
        content = parse_json(line)
    except ValueError as error:
        _refuse_garbage(line, number=number, error=error)
    if not isinstance(content, dict):
        _refuse(number, f"not a Singer message but a JSON {type(content).__name__}")
    try:
        kind = _TYPES[content["type"]]
    except (KeyError, TypeError):
        _refuse_type(content, number=number)
    if kind in _CHECKS:
        _CHECKS[kind](content, number)
    stream = content.get("stream", "")
    if kind is not MessageType.STATE and (not isinstance(stream, str) or not stream):
        _refuse(number, f"a {kind} names no stream")
    return Message(kind, stream, content, number, len(line))


def _parse_bare(line: bytes, *, number: int, run: RecordRun) -> Message:
    try:
        record = parse_json(line)
    except ValueError as error:
        _refuse_garbage(line, number=number, error=error, stream=run.stream)
    if not isinstance(record, dict):
        _refuse(number, f"not a record but a JSON {type(record).__name__}", run.stream)
    content = {"record": record, "version": run.version}
    return Message(MessageType.RECORD, run.stream, content, number, len(line))


def mask(text: str) -> str:
    """Return the shape of ``text``: letters as x, digits as 9, at most 60 characters."""
    shape = re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "9", text[:_SHOWN]))
    return f"{shape}... ({len(text):,} characters)" if len(text) > _SHOWN else shape


def _check_record(content: dict[str, Any], number: int) -> None:
    if not isinstance(content.get("record"), dict):
        _refuse(number, "a RECORD has no `record` object", str(content.get("stream", "")))


def _check_schema(content: dict[str, Any], number: int) -> None:
    stream = str(content.get("stream", ""))
    if not isinstance(content.get("schema"), dict):
        _refuse(number, "a SCHEMA has no `schema` object", stream)
    keys = content.get("key_properties") or []
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        _refuse(number, "`key_properties` is not a list of names", stream)


def _check_state(content: dict[str, Any], number: int) -> None:
    if not isinstance(content.get("value"), dict):
        _refuse(number, "a STATE's `value` is not a JSON object")
    if _has_decimal(content["value"]):
        # dlt keeps states as JSON with doubles, and the tap would get another bookmark back.
        _refuse(number, "a STATE has a number with more digits than a double can hold")


def _has_decimal(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_decimal, value.values()))
    if isinstance(value, list):
        return any(map(_has_decimal, value))
    return isinstance(value, Decimal)


def _check_version(content: dict[str, Any], number: int) -> None:
    if type(content.get("version")) is not int:
        problem = "an ACTIVATE_VERSION has no whole number as `version`"
        _refuse(number, problem, str(content.get("stream", "")))


def _check_batch(content: dict[str, Any], number: int) -> None:
    stream = str(content.get("stream", ""))
    manifest, encoding = content.get("manifest"), content.get("encoding")
    if not isinstance(manifest, list) or not all(isinstance(file, str) for file in manifest):
        _refuse(number, "a BATCH has no `manifest`, a list of files", stream)
    form = encoding if isinstance(encoding, dict) else {}
    if form.get("format") not in _FORMATS or form.get("compression") not in _COMPRESSIONS:
        raise BadRecord(
            f"a BATCH is encoded as {dump_json(encoding)}, which this target does not read",
            place=f"line {number}",
            stream=stream,
            fix="Set the tap's `batch_config.encoding` to jsonl or parquet, with gzip or without.",
        )
    if type(content.get("version")) not in (int, NoneType):
        _refuse(number, "a BATCH's `version` is no whole number", stream)


_TYPES = {str(kind): kind for kind in MessageType}
_CHECKS: dict[MessageType, Callable[[dict[str, Any], int], None]] = {
    MessageType.RECORD: _check_record,
    MessageType.SCHEMA: _check_schema,
    MessageType.STATE: _check_state,
    MessageType.ACTIVATE_VERSION: _check_version,
    MessageType.BATCH: _check_batch,
}


def _refuse_type(content: dict[str, Any], *, number: int) -> NoReturn:
    found = content.get("type")
    what = f"unknown message type {mask(str(found))!r}" if found else "a message without a type"
    raise BadRecord(what, place=f"line {number}", valid=_TYPES, value=str(found or ""))


def _refuse_garbage(line: bytes, *, number: int, error: ValueError, stream: str = "") -> NoReturn:
    reason = str(error).split(":")[0]
    text = shown = line.decode(errors="replace")
    found = _STREAM.search(text)
    where, stream = "", stream or (found[1] if found else "")
    if stream:
        for key in _KEY.finditer(text, 0, _find_break(line, error=error)):
            where, shown = f" at property {key[1]!r}", text[key.end() :]
    raise BadRecord(
        f"not JSON ({reason}){where}: {mask(shown)}",
        place=f"line {number}",
        stream=stream,
        fix="A tap's standard output may hold nothing but Singer messages; NaN and Infinity are "
        "not JSON. Run the tap alone and look at this line.",
    ) from error


def _find_break(line: bytes, *, error: ValueError) -> int:
    """Return the character of a line at which it stops to be JSON in UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError as broken:
        return len(line[: broken.start].decode())
    return int(getattr(error, "pos", 0))


def _refuse(number: int, problem: str, stream: str = "") -> NoReturn:
    raise BadRecord(
        problem,
        place=f"line {number}",
        stream=stream,
        fix="This is the tap's fault: report it, or use another version of it.",
    )
