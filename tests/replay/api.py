"""A REST source: an index of its streams with their fields, and pages of rows; it can change."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Row = dict[str, Any]
Fields = dict[str, dict[str, Any]]
INTEGER, NUMBER, TEXT = ({"type": [kind, "null"]} for kind in ("integer", "number", "string"))


def nested(**properties: Any) -> dict[str, Any]:
    """Return the JSON schema of an object."""
    return {"type": ["object", "null"], "properties": properties}


@dataclass
class Table:
    """A stream of the API: what it says of its fields, and what it sends."""

    rows: list[Row]
    fields: Fields
    key: list[str] = field(default_factory=lambda: ["id"])
    cursor: str = ""

    def change(self, edit: Callable[[Row], Mapping[str, Any]]) -> None:
        """Edit every row, so that a reader that follows the cursor sees it again."""
        self.rows = [{**row, **edit(row)} for row in self.rows]
        self.touch()

    def drop(self, name: str) -> None:
        """Take a field away, from the rows and from what is said of them."""
        self.rows = [{key: row[key] for key in row if key != name} for row in self.rows]
        self.fields = {key: self.fields[key] for key in self.fields if key != name}
        self.touch()

    def touch(self) -> None:
        """Make every row newer than any was before."""
        if self.cursor:
            newest = max((row.get(self.cursor) or 0 for row in self.rows), default=0)
            self.rows = [
                {**row, self.cursor: newest + number} if self.cursor in row else row
                for number, row in enumerate(self.rows, start=1)
            ]


class Api(ThreadingHTTPServer):
    """Serves ``tables``; ``requests`` has the path and query of each request.

    The tables in ``denied`` answer 200 with no rows, those in ``repeated`` give a page twice, and
    those in ``cut`` answer 404 after the first.
    ``alerts`` are what was posted to it: it is the webhook, too.
    """

    daemon_threads = True
    page_size = 20

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.denied: set[str] = set()
        self.repeated: set[str] = set()
        self.cut: set[str] = set()
        self.requests: list[str] = []
        self.alerts: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/streams"

    def index(self) -> dict[str, Any]:
        streams = [
            {"name": name, "fields": one.fields, "key": one.key, "cursor": one.cursor}
            for name, one in self.tables.items()
        ]
        return {"streams": streams}

    def page(self, name: str, *, number: int, since: int | None) -> dict[str, Any]:
        pages = self._pages(name, since=since)
        more = number + 1 < len(pages)
        after = "" if since is None else f"&since={since}"
        following = f"{self.url}/{name}?page={number + 1}{after}" if more else None
        return {"data": pages[number], "next": following}

    def _pages(self, name: str, *, since: int | None) -> list[list[Row]]:
        table, size = self.tables[name], self.page_size
        rows = [] if name in self.denied else table.rows
        if since is not None:
            rows = [row for row in rows if (row.get(table.cursor) or since + 1) > since]
        pages = [rows[first : first + size] for first in range(0, len(rows), size)] or [[]]
        return [*pages[:1], *pages] if name in self.repeated else pages


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        name = url.path.removeprefix("/streams").strip("/")
        if not name:
            self._reply(200, self.server.index())
        elif name not in self.server.tables or (name in self.server.cut and "page" in query):
            self._reply(404, {"error": f"no {name}"})
        else:
            number, since = int(query.get("page", ["0"])[0]), query.get("since")
            after = int(since[0]) if since else None
            self._reply(200, self.server.page(name, number=number, since=after))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.alerts.append(json.loads(body))
        self._reply(200, {})

    def _reply(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay quiet."""


@contextmanager
def serve() -> Iterator[Api]:
    with Api() as api:
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield api
        finally:
            api.shutdown()
            thread.join()


def fill(api: Api) -> None:
    """Put the usual tables into an API: ``orders``, ``stores`` and ``events``."""
    api.denied, api.repeated, api.cut = set(), set(), set()
    api.alerts.clear()
    api.tables = {"orders": _orders(), "stores": _stores(), "events": _events()}


def order(number: int) -> Row:
    sparse = {"remark": "rare"} if number % 7 == 0 else {}
    return {
        "id": number,
        "updated": number,
        "total": number,
        "customer": f"customer {number}",
        "coupon": f"coupon {number}",
        "address": {"city": f"city {number}", "zip": number},
        **sparse,
    }


def _orders() -> Table:
    fields: Fields = {
        "id": {"type": "integer"},
        "updated": INTEGER,
        "total": INTEGER,
        "customer": TEXT,
        "coupon": TEXT,
        "remark": TEXT,
        "address": nested(city=TEXT, zip=INTEGER),
    }
    return Table([order(number) for number in range(1, 61)], fields, cursor="updated")


def _stores() -> Table:
    rows = [{"id": number, "name": f"store {number}", "size": number} for number in range(1, 41)]
    return Table(rows, {"id": {"type": "integer"}, "name": TEXT, "size": INTEGER})


def _events() -> Table:
    rows = [{"id": number, "at": number, "what": "sold"} for number in range(1, 51)]
    return Table(rows, {"id": {"type": "integer"}, "at": INTEGER, "what": TEXT}, cursor="at")
