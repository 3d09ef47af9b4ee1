"""A TCP proxy before a PostgreSQL on a unix socket, that can lose a reply, or everything."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Self

import sqlalchemy as sa

_PORT = 5432


class PostgresProxy:
    """Passes everything on; once armed, it drops the connection whose COMMIT was answered.

    With the door closed it drops every connection at once; ``refused`` counts those.
    """

    def __init__(self, url: sa.URL) -> None:
        """Stand before ``url``, which names the folder of a unix socket as its host."""
        folder = str(url.query["host"])
        self._socket = str(Path(folder) / f".s.PGSQL.{url.port or _PORT}")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._armed = threading.Event()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._closed = threading.Event()
        self.cuts = self.refused = 0
        port = self._listener.getsockname()[1]
        plain = url.set(query={}, host="127.0.0.1", port=port)
        self.url = plain.render_as_string(hide_password=False)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(30)
        self._listener.close()

    def cut_after_commit(self) -> None:
        """Lose the reply to the next COMMIT, and the connection with it."""
        self._armed.set()

    def close_the_door(self) -> None:
        """Be a server that is gone."""
        self._closed.set()

    def open_the_door(self) -> None:
        """Be there again."""
        self._closed.clear()

    def _accept(self) -> None:
        while not self._ended.is_set():
            if select.select([self._listener], [], [], 0.1)[0]:
                client, _ = self._listener.accept()
                if self._closed.is_set():
                    self.refused += 1
                    client.close()
                    continue
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with closing(client), closing(server), suppress(OSError):
            server.connect(self._socket)
            self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        committing = False
        while not self._ended.is_set() and not self._closed.is_set():
            for ready in select.select([client, server], [], [], 0.1)[0]:
                block = ready.recv(1 << 16)
                if not block:
                    return
                if ready is client:
                    committing = self._armed.is_set() and b"COMMIT" in block.upper()
                    server.sendall(block)
                elif committing and b"COMMIT\x00" in block:
                    # The server has committed, and says so; nobody hears it.
                    self._armed.clear()
                    self.cuts += 1
                    return
                else:
                    client.sendall(block)
