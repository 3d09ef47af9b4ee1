"""Runs one command and measures it: wall time, and peak memory of its process tree."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Thread
from typing import IO

import psutil

_EVERY = 0.05
_MIB = 1024 * 1024
_MOST_PRINTED = 1_000_000
_ADDRESS = re.compile(r"\w+://\S+")
_FOLDERS = re.compile(r"(?:/[\w.@+~-]+)+/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is run, where, with what added to the environment; ``within`` is in seconds."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: Path | None = None
    within: float = 1_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One run: seconds of wall time, MiB at the peak, and what it printed."""

    seconds: float
    peak_mib: float
    printed: str = ""


class CommandFailed(Exception):
    """A command ended with an error or took too long; the message is the last that it said."""


def run_command(command: Command, *, watch: bool) -> Reading:
    """Run a command to its end; with ``watch``, look at its memory twenty times a second.

    The peak is the highest sum over the process tree, pages that processes share counted once, or
    the kernel's peak of the largest process where that is more. Looking costs the machine a little:
    the time of a run that is watched does not count, where there is another.

    Raises:
        CommandFailed: It ended with an error, or took longer than it may.
    """
    with (
        Path(command.stdin or os.devnull).open("rb") as source,
        TemporaryFile() as printed,
        TemporaryFile() as told,
    ):
        began = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env={**os.environ, **command.env},
            stdin=source,
            stdout=printed,
            stderr=told,
            start_new_session=True,
        )
        with _ended(process), _watched(process.pid, watch) as seen:
            late = _wait(process, within=command.within)
            seconds = time.perf_counter() - began
        text, words = _read(printed), _read(told)
    if late:
        raise CommandFailed(f"took longer than {command.within:g} s")
    if process.returncode:
        raise CommandFailed(_last_words(f"{text}\n{words}", process.returncode))
    return Reading(seconds=seconds, peak_mib=max(seen, default=0), printed=text)


def _wait(process: subprocess.Popen[bytes], *, within: float) -> bool:
    """Wait for the end; return whether it did not come in time."""
    try:
        process.wait(timeout=within)
    except subprocess.TimeoutExpired:
        return True
    return False


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave nothing of a command behind, however the block ends."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _watched(pid: int, watch: bool) -> Iterator[list[float]]:
    """Yield a list that holds the peak, in MiB, once the block has ended."""
    seen: list[float] = []
    ended = Event()

    def look() -> None:
        while not ended.wait(_EVERY):
            seen[:] = [max([*seen, *_look(pid)])]

    thread = Thread(target=look, daemon=True)
    if watch:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        if watch:
            thread.join()


def _look(pid: int) -> Iterator[float]:
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        family = []
    yield sum(_share(one) for one in family)
    yield from (_own_peak(one.pid) for one in family)


def _share(process: psutil.Process) -> float:
    """Return the MiB that a process holds: of a page that N processes share, an N-th."""
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0.0
    # Only Linux tells the share; elsewhere it is all that is resident.
    return float(getattr(memory, "pss", memory.rss)) / _MIB


def _own_peak(pid: int) -> float:
    """Return the highest MiB that a process has held so far, which only Linux tells.

    Not from ``wait4``: what that tells of a short process is the peak of the one that started it.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    # A tap prints all of its rows.
    return file.read(_MOST_PRINTED).decode(errors="replace")


def _last_words(text: str, code: int) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"exit code {code}: {unplaced(' '.join(lines[-6:]))[-400:]}"


def unplaced(text: str) -> str:
    """Return a text without addresses and folders of the machine, fit for the page."""
    return _FOLDERS.sub("", _ADDRESS.sub("(an address)", text))
