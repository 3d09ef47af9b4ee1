"""A small HTTP API: pages, a bearer token, a cursor, and errors on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "t0ken-of-the-shop"
Row = dict[str, Any]


class Shop(ThreadingHTTPServer):
    """Serves ``tables`` by path; ``failing`` maps a path to the status it answers with.

    ``requests`` has the path and query of each request that was answered.
    """

    daemon_threads = True
    page_size = 10

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {}
        self.failing: dict[str, int] = {}
        self.requests: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        name = url.path.strip("/")
        self.server.requests.append(self.path)
        if name in self.server.failing:
            self._reply(self.server.failing[name], {"error": "as asked for"})
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._reply(401, {"error": "a valid bearer token is needed"})
        elif name not in self.server.tables:
            self._reply(404, {"error": f"no {name}"})
        else:
            self._reply(200, self._page(name, parse_qs(url.query)))

    def _page(self, name: str, query: dict[str, list[str]]) -> dict[str, Any]:
        since = query.get("since", [""])[0]
        page = int(query.get("page", ["1"])[0])
        rows = [row for row in self.server.tables[name] if row.get("updated_at", "") >= since]
        first = (page - 1) * self.server.page_size
        more = first + self.server.page_size < len(rows)
        following = f"{self.server.url}{name}?page={page + 1}&since={since}" if more else None
        return {"data": rows[first : first + self.server.page_size], "next": following}

    def _reply(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@contextmanager
def serve() -> Iterator[Shop]:
    with Shop() as shop:
        thread = threading.Thread(target=shop.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield shop
        finally:
            shop.shutdown()
            thread.join()
