"""Causes are told by words that were seen; what no rule knows is not guessed."""

from __future__ import annotations

import pytest

from connector_assets.lifecycle.causes import CAUSES, REFUSALS, UNRECOGNISED, find_cause

LOG = ["tap: starting sync", "tap: read 40 records"]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url", "token_refused"),
        ("RuntimeError: the access token has expired", "token_expired"),
        ("singer_sdk.exceptions.FatalAPIError: 403 Client Error: Forbidden", "scope_missing"),
        ("RetriableAPIError: 429 Client Error: Too Many Requests for path", "rate_limited"),
        ("RetriableAPIError: 503 Server Error: Service Unavailable", "source_unavailable"),
        ("psycopg.OperationalError: could not translate host name", "dns_failure"),
        ("ConnectionResetError: [Errno 104] Connection reset by peer", "connection_lost"),
        ("ssl.SSLCertVerificationError: certificate verify failed", "tls_failure"),
        ("OSError: [Errno 28] No space left on device", "disk_full"),
    ],
)
def test_words_of_a_tap_tell_the_cause(line: str, cause: str) -> None:
    found = find_cause(kind="EngineFailed", problem="the extractor failed", log=[*LOG, line])

    assert found.cause.id == cause
    assert found.lines == (line,)


def test_what_no_rule_knows_is_shown_and_not_guessed() -> None:
    found = find_cause(kind="EngineFailed", problem="the extractor failed", log=LOG)

    assert found.cause is UNRECOGNISED
    assert found.lines == tuple(LOG)


def test_error_of_ours_counts_more_than_a_line_around_it() -> None:
    found = find_cause(
        kind="BadRecord", problem="line 4 is no JSON", log=["tap: retrying after 429"]
    )

    assert found.cause.id == "bad_record"


def test_ids_are_different_and_each_says_what_to_do() -> None:
    causes = [*CAUSES, *REFUSALS, UNRECOGNISED]

    assert len({one.id for one in causes}) == len(causes)
    assert all(one.meaning and one.action for one in causes)
