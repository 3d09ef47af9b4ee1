"""Servers of others, kept as long as a block: each in a process group of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from connector_assets.engines.process import Command, Outcome, Watch, run_supervised
from connector_assets.errors import ConfigError, EngineFailed

HOST = "127.0.0.1"
LOOK_EVERY = 0.3
_FOREVER = 10 * 365 * 86_400.0


class _StoppedError(Exception):
    """Somebody wants the servers to end."""


@dataclass(slots=True)
class Servers:
    """Commands that run, each watched by a thread; ``ended`` are those that did not stay."""

    stop: threading.Event = field(default_factory=threading.Event)
    ended: list[Outcome] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self, command: Command) -> None:
        """Start a command; how it ended is seen by :meth:`check`."""
        thread = threading.Thread(target=self._follow, args=(command,))
        self.threads.append(thread)
        thread.start()

    def restart(self, command: Command) -> None:
        """Start a command again that has ended."""
        self.ended = [outcome for outcome in self.ended if outcome.name != command.name]
        self.start(command)

    def check(self) -> None:
        """Make sure that none has ended.

        Raises:
            EngineFailed: One has; with its last lines.
        """
        if self.ended:
            last = self.ended[0]
            raise EngineFailed(
                last.explain(), place=str(last.log), fix="Mend what it says, then start again."
            )

    def wait_for(self, is_ready: Callable[[], bool], *, name: str, within: float) -> None:
        """Wait until they answer.

        Raises:
            EngineFailed: One has ended, or they do not answer within so many seconds.
        """
        deadline = time.monotonic() + within
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise EngineFailed(f"{name} does not answer after {within:.0f} seconds")
            time.sleep(LOOK_EVERY)

    def _follow(self, command: Command) -> None:
        try:
            outcome = run_supervised(command, watch=Watch(poll=self._poll), timeout=_FOREVER)
        except _StoppedError:
            return
        except EngineFailed as error:
            outcome = Outcome(
                name=command.name, exit_code=None, seconds=0, tail=(str(error),), log=command.log
            )
        self.ended.append(outcome)

    def _poll(self) -> None:
        if self.stop.is_set():
            raise _StoppedError


@contextmanager
def serve_commands(commands: Sequence[Command]) -> Iterator[Servers]:
    """Run commands as long as the block; they end with it, and with this process."""
    servers = Servers()
    try:
        for command in commands:
            servers.start(command)
        yield servers
    finally:
        servers.stop.set()
        for thread in servers.threads:
            thread.join()


def run_once(command: Command, *, fix: str, timeout: float = 120.0) -> None:
    """Run a command that has to end well before servers can start.

    Raises:
        EngineFailed: It did not.
    """
    outcome = run_supervised(command, watch=Watch(), timeout=timeout)
    if outcome.exit_code != 0:
        raise EngineFailed(outcome.explain(), place=str(outcome.log), fix=fix)


def find_port(port: int, *, fix: str) -> int:
    """Return the port, or a free one for 0.

    Raises:
        ConfigError: It is taken.
    """
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(f"the port {port} is taken", fix=fix) from error
        return int(probe.getsockname()[1])
