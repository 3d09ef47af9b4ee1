"""Lines of a Singer stream: read in bounded memory, and RECORDs of one stream kept together.

A tap writes the RECORD lines of a stream with the same beginning. Where many lines have it, they
are told apart from other messages by comparing bytes, and can be parsed as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import NamedTuple, Protocol

from connector_assets.errors import BadRecord

CHUNK_BYTES = 1 << 20
MAX_LINE_BYTES = 512 << 20
#: As much as one block holds, lines of this size or longer aside.
BLOCK_BYTES = 4 << 20
#: Seconds after which a block is handed on although a slow tap has not filled it.
_PATIENCE = 1.0
#: Fewer lines are parsed one by one: a whole costs more to begin with.
MIN_RUN = 200
_HEAD = re.compile(
    rb'\{\s*"type"\s*:\s*"RECORD"\s*,\s*"stream"\s*:\s*"([^"\\]+)"\s*,\s*"record"\s*:\s*\{'
)
_STATE = re.compile(rb'\s*\{\s*"type"\s*:\s*"STATE"')


#: Told how many records are held back, says whether a STATE has to come at its place.
KeepOrder = Callable[[int], bool]


def _anyhow(_: int) -> bool:
    return False


class ByteSource(Protocol):
    """What lines are read from: ``sys.stdin.buffer``, an open file, a socket's file."""

    def read1(self, size: int = ..., /) -> bytes:
        """Return what is there, up to ``size`` bytes; empty only at the end."""
        ...


class Line(NamedTuple):
    """One line without its newline, and its number in the input, from 1."""

    number: int
    data: bytes


class Block(NamedTuple):
    """Whole lines, each with its newline; how many they are, and the number of the first one."""

    data: bytes
    first: int
    rows: int


class RecordRun(NamedTuple):
    """RECORD lines of one stream in their order, each with its newline, and their numbers.

    With a ``source``, a BATCH file, the lines are bare records, and numbered there; ``version`` is
    that of the BATCH.
    """

    stream: str
    data: bytes
    numbers: Sequence[int]
    source: str = ""
    version: int | None = None


def read_blocks(
    source: ByteSource, *, max_bytes: int = MAX_LINE_BYTES, block_bytes: int = BLOCK_BYTES
) -> Iterator[Block]:
    """Yield the input in blocks of whole lines; each ends with a newline, the last one too.

    Holds one block and one line, however the bytes arrive.

    Raises:
        BadRecord: A line is longer than ``max_bytes``.
    """
    whole: list[bytes] = []
    rest: list[bytes] = []
    size = held = 0
    first = 1
    began = monotonic()
    while chunk := source.read1(CHUNK_BYTES):
        end = chunk.rfind(b"\n") + 1
        if held + (chunk.find(b"\n") if end else len(chunk)) > max_bytes:
            number = first + sum(part.count(b"\n") for part in whole)
            raise BadRecord(
                f"the line is longer than {max_bytes:,} bytes",
                place=f"line {number}",
                fix="This is the tap's fault: report it, or use another version of it.",
            )
        if not end:
            rest.append(chunk)
            held += len(chunk)
            continue
        whole += [*rest, chunk[:end]]
        size += held + end
        rest, held = [chunk[end:]], len(chunk) - end
        if size >= block_bytes or monotonic() - began > _PATIENCE:
            block = _build_block(b"".join(whole), first=first)
            yield block
            first += block.rows
            whole, size, began = [], 0, monotonic()
    if whole or held:
        last = b"".join((*whole, *rest))
        ended = last if last.endswith(b"\n") else last + b"\n"
        yield _build_block(ended, first=first)


def _build_block(data: bytes, *, first: int) -> Block:
    # Once for all who want to know: it takes a tenth of what parsing takes.
    return Block(data, first, data.count(b"\n"))


class LineSorter:
    """Tells runs of RECORDs from single lines, by beginnings that it was taught."""

    def __init__(self, *, min_run: int = MIN_RUN) -> None:
        """Know no beginning yet; fewer lines than ``min_run`` are no run."""
        self._min_run = min_run
        self._heads: dict[bytes, str] = {}
        self._taught: set[str] = set()

    def learn(self, line: bytes, *, stream: str) -> None:
        """Take the beginning of a stream's RECORD lines from one of them, the first time."""
        if stream in self._taught:
            return
        self._taught.add(stream)
        found = _HEAD.match(line)
        if found and found[1].decode() == stream:
            self._heads[found[0]] = stream

    def split(self, block: Block, *, keep_order: KeepOrder = _anyhow) -> Iterator[Line | RecordRun]:
        """Yield a block's lines; no blank ones.

        The order within a stream is kept, and so is that around any line but a STATE: one comes
        after the records that follow it, of which it says less than it could. Where ``keep_order``
        says so of the records that are held back, it comes at its place; those before it, which it
        makes void, do not come.
        """
        data, first, rows = block
        for head, stream in self._heads.items() if rows >= self._min_run else ():
            if data.startswith(head) and data.count(b"\n" + head) == rows - 1:
                yield RecordRun(stream, data, range(first, first + rows))
                return
        held: dict[str, list[Line]] = {}
        states: list[Line] = []
        for line in map(Line, range(first, first + rows), data.split(b"\n")):
            if stream := self._find(line.data):
                held.setdefault(stream, []).append(line)
            elif _STATE.match(line.data):
                if not keep_order(sum(map(len, held.values()))):
                    states.append(line)
                    continue
                states.clear()
                yield from self._release(held, states)
                yield line
            elif line.data and not line.data.isspace():
                yield from self._release(held, states)
                yield line
        yield from self._release(held, states)

    def _find(self, line: bytes) -> str:
        for head, stream in self._heads.items():
            if line.startswith(head):
                return stream
        return ""

    def _release(
        self, held: dict[str, list[Line]], states: list[Line]
    ) -> Iterator[Line | RecordRun]:
        for stream, lines in held.items():
            if len(lines) < self._min_run:
                yield from lines
            else:
                data = b"".join(part for line in lines for part in (line.data, b"\n"))
                yield RecordRun(stream, data, [line.number for line in lines])
        yield from states
        held.clear()
        states.clear()
