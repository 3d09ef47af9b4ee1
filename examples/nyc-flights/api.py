"""A small HTTP API that serves airports, page by page, to whoever knows the token.

``GET /airports?page=1&per_page=100`` -> ``{"data": [...], "next": URL or null}``. Listens on this
machine only. The token comes from NYC_API_TOKEN; without it the API does not start.

Once prepare.py has published version 2, altitudes come as text ("1044 ft") and ``tzone`` is called
``timezone``, from the next request on: as APIs change, without a word.
"""

from __future__ import annotations

import argparse
import csv
import hmac
import json
import os
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

TOKEN_VARIABLE = "NYC_API_TOKEN"
PORT = 8013
LARGEST_PAGE = 500

Airport = dict[str, str | int | float | None]


def load_airports(path: Path) -> list[Airport]:
    """Return the airports of a CSV file: latitude and longitude in degrees, altitude in feet."""
    with path.open(newline="", encoding="utf-8") as file:
        return [_parse_airport(row) for row in csv.DictReader(file)]


def _parse_airport(row: dict[str, str]) -> Airport:
    values: Airport = {name: None if text == "NA" else text for name, text in row.items()}
    degrees = {name: float(row[name]) for name in ("lat", "lon")}
    whole = {name: int(row[name]) for name in ("alt", "tz")}
    return values | degrees | whole


def change(airport: Airport) -> Airport:
    """Return an airport as version 2 of the API has it."""
    zone = {"timezone": airport["tzone"]}
    kept = {name: value for name, value in airport.items() if name != "tzone"}
    return kept | zone | {"alt": f"{airport['alt']} ft"}


class AirportServer(ThreadingHTTPServer):
    """Holds the airports and the token; ``version`` is a file with the API's version in it."""

    daemon_threads = True

    def __init__(
        self, airports: list[Airport], *, token: str, version: Path, port: int = PORT
    ) -> None:
        """Listen on ``port`` of this machine; 0 takes a free one."""
        self._airports = airports
        self._version = version
        self.token = token
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def airports(self) -> list[Airport]:
        """The airports, as the version that is published has them."""
        if self._version.exists() and self._version.read_text(encoding="utf-8") == "2":
            return [change(airport) for airport in self._airports]
        return self._airports

    @property
    def url(self) -> str:
        """The address of the API, with a slash at its end."""
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: AirportServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if not self._allowed():
            self._reply(HTTPStatus.UNAUTHORIZED, {"error": "a valid bearer token is needed"})
        elif url.path.strip("/") != "airports":
            self._reply(HTTPStatus.NOT_FOUND, {"error": "only /airports is served"})
        else:
            self._reply_page(parse_qs(url.query))

    def _allowed(self) -> bool:
        given = self.headers.get("Authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {self.server.token}".encode())

    def _reply_page(self, query: dict[str, list[str]]) -> None:
        try:
            page = int(query.get("page", ["1"])[0])
            size = int(query.get("per_page", ["100"])[0])
        except ValueError:
            page = size = 0
        if page < 1 or not 1 <= size <= LARGEST_PAGE:
            problem = f"page starts at 1, per_page is between 1 and {LARGEST_PAGE}"
            self._reply(HTTPStatus.BAD_REQUEST, {"error": problem})
            return
        first = (page - 1) * size
        airports = self.server.airports
        more = first + size < len(airports)
        following = f"{self.server.url}airports?page={page + 1}&per_page={size}" if more else None
        data = airports[first : first + size]
        self._reply(HTTPStatus.OK, {"data": data, "next": following})

    def _reply(self, status: HTTPStatus, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: the demo's own output is what a person reads."""


def _stop_with_stdin(server: AirportServer) -> None:
    """Stop the server when whoever started it has closed its end, or is gone in any way."""
    sys.stdin.read()
    server.shutdown()


def main() -> None:
    """Serve until stopped; the first line of output is the address."""
    parser = argparse.ArgumentParser(description="Serve airports on this machine.")
    parser.add_argument("--port", type=int, default=PORT, help="0 takes a free port")
    source = Path(__file__).parent / "source" / "airports.csv"
    parser.add_argument("--file", type=Path, default=source, help="written by prepare.py")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when stdin closes")
    options = parser.parse_args()
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        sys.exit(f"{TOKEN_VARIABLE} is not set; choose any value and export it here and for sync")
    if not options.file.exists():
        sys.exit(f"{options.file} does not exist; run prepare.py first")
    version = options.file.with_name("api-version.txt")
    airports = load_airports(options.file)
    server = AirportServer(airports, token=token, version=version, port=options.port)
    print(server.url, flush=True)
    if options.stop_with_stdin:
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
