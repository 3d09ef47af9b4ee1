"""Looks for marked secrets in everything that was left behind, and in what processes are called."""

from __future__ import annotations

import base64
import gzip
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Is in every secret, and nowhere else.
MARK = "canary7f3a9c"


def mark(name: str, *, odd: bool = True) -> str:
    """Return a secret; an ``odd`` one has what is escaped somewhere."""
    return f"{MARK}.{name}" + (" \"q'\\/+ü%$x&" if odd else "")


def find_in_text(text: str | bytes) -> list[str]:
    """Return the forms of the mark that a text has."""
    raw = text.encode() if isinstance(text, str) else text
    lowered = raw.lower()
    found = ["hex"] if MARK.encode().hex().encode() in lowered else []
    found += ["plain"] if MARK.encode() in lowered else []
    return [*found, *(["base64"] if any(one in raw for one in _CODED) else [])]


def find_leaks(folder: Path, *, but: frozenset[Path] = frozenset()) -> list[str]:
    """Return the files that have a secret, in their names or in them, packed or not."""
    leaks = []
    for file in sorted(folder.rglob("*")):
        if find_in_text(str(file.relative_to(folder))):
            leaks.append(f"{file} (its name)")
        if file.is_symlink() or not file.is_file() or file in but:
            continue
        forms = [form for content in _read(file) for form in find_in_text(content)]
        leaks += [f"{file} ({', '.join(forms)})"] if forms else []
    return leaks


def _read(file: Path) -> Iterator[bytes]:
    # What is gone meanwhile is not left behind.
    with suppress(FileNotFoundError):
        raw = file.read_bytes()
        yield raw
        with suppress(OSError, EOFError, zlib.error):
            yield gzip.decompress(raw)
        with suppress(zlib.error):
            yield zlib.decompress(raw)
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                yield from map(archive.read, archive.namelist())


def _encode() -> Iterator[bytes]:
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + MARK.encode())
        # Without the characters that neighbours change.
        inner = coded[(0, 2, 3)[before] : -4]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


_CODED = tuple(_encode())


class ProcessWatch:
    """Looks at the command lines of all processes, twenty times a second."""

    def __init__(self) -> None:
        self.leaks: set[str] = set()
        self.looks = 0
        self._over = threading.Event()

    def look(self) -> None:
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if find_in_text(text := line.read_bytes()):
                    self.leaks.add(text.replace(b"\0", b" ").decode(errors="replace"))
        self.looks += 1

    def _keep_looking(self) -> None:
        while not self._over.wait(0.05):
            self.look()


@contextmanager
def watch_processes() -> Iterator[ProcessWatch]:
    """Watch as long as the block."""
    watch = ProcessWatch()
    thread = threading.Thread(target=watch._keep_looking)
    thread.start()
    try:
        yield watch
    finally:
        watch._over.set()
        thread.join()
