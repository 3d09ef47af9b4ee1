"""What a process writes: drained into a log while it runs, its last lines kept for errors."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from threading import Thread
from typing import Any

Redact = Callable[[bytes], bytes]

TAIL_LINES = 20
_BLOCK = 1 << 16
_LONGEST_LINE = 1 << 20
# Cut from an overlong line, where a secret may be cut in two and so escape redaction.
_MARGIN = 1 << 12
_LONGEST_TAIL_LINE = 500


class OutputLog:
    """Drains a pipe in a thread of its own, redacting line by line, into a file.

    The pipe is read whatever happens: neither a full disk nor a failing ``redact`` may block the
    process that writes. A line that could not be redacted is withheld. ``render`` gives a clean
    line the form that it has in the file; the last lines are kept as they came.
    """

    def __init__(
        self, source: FileIO, *, path: Path, redact: Redact, render: Redact = bytes
    ) -> None:
        self._source = source
        self._path = path
        self._redact = redact
        self._render = render
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._thread = Thread(target=self._drain, name=f"output of {path.name}", daemon=True)
        self.failure: OSError | None = None

    def start(self) -> None:
        """Start draining; closes the pipe at its end."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def finish(self, *, seconds: float) -> tuple[str, ...]:
        """Return the last lines, redacted, after at most ``seconds`` of waiting for the end.

        Only a process that left its group can still hold the pipe; it is not waited for.
        """
        self._thread.join(seconds)
        return tuple(self._tail)

    def _drain(self) -> None:
        try:
            # Unbuffered: a person may be following the file.
            file: FileIO | None = self._path.open("ab", buffering=0)
        except OSError as error:
            file, self.failure = None, error
        with self._source as pipe:
            for line in split_lines(iter(lambda: pipe.read(_BLOCK) or b"", b"")):
                file = self._write(self._clean(line), file)
        if file:
            file.close()

    def _clean(self, line: bytes) -> bytes:
        try:
            clean = self._redact(line)
        except Exception as error:
            return f"[a line was withheld: {type(error).__name__} in redaction]".encode()
        if len(line) >= _LONGEST_LINE:
            return clean[: max(0, len(clean) - _MARGIN)] + b" [line cut]"
        return clean

    def _write(self, line: bytes, file: FileIO | None) -> FileIO | None:
        text = line.decode(errors="replace")
        if text.strip():
            self._tail.append(text[:_LONGEST_TAIL_LINE])
        if file is None:
            return None
        try:
            file.write(self._render(line) + b"\n")
        except OSError as error:
            self.failure = error
            return None
        return file


def split_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends; of a line above 1 MiB only the first MiB."""
    rest, cut = b"", False
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if not cut:
                yield line[:_LONGEST_LINE]
            cut = False
        if len(rest) >= _LONGEST_LINE:
            if not cut:
                yield rest[:_LONGEST_LINE]
            rest, cut = b"", True
        elif cut:
            rest = b""
    if rest and not cut:
        yield rest


class ProgressTail:
    """Reads what was appended to a JSON lines file since the last look."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the new complete objects; what is not one is passed over."""
        *lines, self._rest = (self._rest + self._read_new()).split(b"\n")
        for line in lines:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value

    def _read_new(self) -> bytes:
        if self._path is None:
            return b""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return b""
        self._offset += len(new)
        return new
