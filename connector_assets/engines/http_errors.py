"""What an HTTP API answered, or that it did not, as one of our errors."""

from __future__ import annotations

from http.client import responses
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.exceptions as http

from connector_assets.errors import (
    ConfigError,
    ConnectorError,
    CredentialError,
    FatalSyncError,
    StreamMissing,
    TransientSyncError,
)

_REFUSED = {401, 403, 407}
_LATER = {408, 425, 429}
_NOT_THERE = {404, 410}
_UNUSABLE = (
    http.InvalidURL,
    http.MissingSchema,
    http.InvalidSchema,
    http.TooManyRedirects,
    http.SSLError,
)


def explain_request(error: http.RequestException) -> ConnectorError:
    """Return our error; of the URL it names host and path, never the query."""
    where = _locate(error)
    if isinstance(error, http.HTTPError) and error.response is not None:
        return _explain_status(error.response, where=where)
    if isinstance(error, _UNUSABLE):
        problem = f"the address {where or 'of the API'} cannot be used: {type(error).__name__}"
        return ConfigError(problem, fix="Check `base_url`, and the certificate behind https.")
    if isinstance(error, http.JSONDecodeError):
        problem = f"{where or 'the API'} did not answer with JSON"
        return FatalSyncError(problem, fix="Check `path`: a page for people looks like this.")
    return TransientSyncError(
        f"{where or 'the API'} does not answer: {_reason(error)}",
        fix="Try again later; check `base_url` if it has never worked.",
    )


def _explain_status(response: requests.Response, *, where: str) -> ConnectorError:
    status = response.status_code
    answer = f"{where} answered {status} {responses.get(status, '')}".rstrip()
    if status in _LATER or status >= 500 or _is_limited(response):
        return TransientSyncError(answer, fix="Try again later.")
    if status in _REFUSED:
        if "expired" in response.headers.get("WWW-Authenticate", "").lower():
            answer = f"{answer}: it says that the token has expired"
        return CredentialError(answer, fix="Check the secrets of this connector.")
    kind = StreamMissing if status in _NOT_THERE else ConfigError
    return kind(answer, fix="Check `path` and `params` of the stream.")


def _is_limited(response: requests.Response) -> bool:
    """Some answer 403 where a rate limit is reached."""
    headers = response.headers
    return "Retry-After" in headers or headers.get("X-RateLimit-Remaining") == "0"


def _locate(error: http.RequestException) -> str:
    answered: Any = error.response if error.response is not None else error.request
    url = urlsplit(getattr(answered, "url", None) or "")
    host = f"{url.hostname}:{url.port}" if url.port else url.hostname or ""
    return f"{host}{url.path}"


def _reason(error: BaseException) -> str:
    """Return what the operating system said, at the bottom of the chain."""
    innermost = error
    while deeper := innermost.__cause__ or innermost.__context__:
        innermost = deeper
    said = getattr(innermost, "strerror", None)
    return str(said or type(innermost).__name__)
