"""What Meltano's log tells: who spoke, and what made a run fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector_assets.engines.meltano_log import (
    LogLine,
    Speaker,
    Transcript,
    explain_failure,
    parse_line,
)
from connector_assets.errors import (
    ConfigError,
    ConnectorError,
    CredentialError,
    EngineFailed,
    TransientSyncError,
)


def explain(
    *lines: tuple[Speaker, str], codes: dict[str, int] | None = None, exit_code: int = 1
) -> ConnectorError:
    transcript = Transcript()
    for speaker, text in lines:
        transcript.add(LogLine(speaker=speaker, level="info", text=text))
    fields: dict[str, Any] = {"exit_codes": codes or {}, "err": ""}
    transcript.add(LogLine(speaker=Speaker.MELTANO, level="error", text="", fields=fields))
    return explain_failure(transcript, exit_code=exit_code, source="tap-x")


@pytest.mark.parametrize(
    ("content", "speaker"),
    [
        ({"event": "x"}, Speaker.MELTANO),
        ({"event": "x", "type": "discovery"}, Speaker.EXTRACTOR),
        ({"event": "x", "stdio": "stderr", "producer": True, "consumer": False}, "extractor"),
        ({"event": "x", "stdio": "stderr", "producer": True, "consumer": True}, "mapper"),
        ({"event": "x", "stdio": "stderr", "producer": False, "consumer": True}, "loader"),
    ],
)
def test_a_line_has_its_speaker(content: dict[str, Any], speaker: str) -> None:
    line = parse_line(json.dumps(content).encode() + b"\n")

    assert (line.speaker, line.text) == (speaker, "x")


@pytest.mark.parametrize("raw", [b"plain \xff text\n", b"[1]\n", b'"text"\n', b"\n"])
def test_a_line_of_another_form_is_meltanos(raw: bytes) -> None:
    assert parse_line(raw).speaker is Speaker.MELTANO


@pytest.mark.parametrize(
    "words",
    [
        "401 Client Error: Unauthorized for url: https://api.x",
        "FATAL:  password authentication failed for user 'reader'",
        '{"message": "Bad credentials", "status": "401"}',
        "(1045, \"Access denied for user 'a'@'b'\")",
        "google.auth.exceptions.RefreshError: ('invalid_grant: Token has been expired or revoked.'",
        "403 Client Error: Forbidden for url: https://api.x",
        "permission denied for table orders",
    ],
)
def test_a_refusal_is_a_credential_error(words: str) -> None:
    error = explain((Speaker.EXTRACTOR, words), codes={"extractors": 1})

    assert type(error) is CredentialError
    assert words in error.problem


@pytest.mark.parametrize(
    "words",
    [
        "503 Server Error: Service Unavailable for url: https://api.x",
        "403 Client Error: rate limit exceeded for url: https://api.x",
        "HTTP status code 429",
        'connection to server at "db" (10.0.0.1), port 5432 failed: Connection refused',
        "requests.exceptions.ReadTimeout: Read timed out. (read timeout=60)",
        "Temporary failure in name resolution",
    ],
)
def test_a_source_that_does_not_answer_is_transient(words: str) -> None:
    assert type(explain((Speaker.EXTRACTOR, words), codes={"extractors": 1})) is TransientSyncError


@pytest.mark.parametrize(
    "words", ["KeyError: 'id'", "read 503 rows", "401 records", "error_code: 4010"]
)
def test_any_other_end_of_the_extractor_is_its_failure(words: str) -> None:
    error = explain((Speaker.EXTRACTOR, words), codes={"extractors": 2, "loaders": 1})

    assert type(error) is EngineFailed
    assert "tap-x ended with exit code 2" in error.problem


@pytest.mark.parametrize("text", ["INFO METRIC: {}", "METRIC: {}"])
def test_only_the_last_twenty_lines_are_quoted_and_no_metrics(text: str) -> None:
    lines = [(Speaker.EXTRACTOR, f"line {number}") for number in range(30)]
    metric = (Speaker.EXTRACTOR, text)

    problem = explain(*lines, metric, codes={"extractors": 1}).problem

    assert problem.splitlines()[1:] == [f"    line {number}" for number in range(10, 30)]


def test_a_mapper_and_a_signal_are_named() -> None:
    mapper = explain((Speaker.MAPPER, "no such column"), codes={"mappers": 1})
    killed = explain((Speaker.EXTRACTOR, "x"), codes={"extractors": -9})
    meltano = explain(exit_code=-15)

    assert mapper.problem == "a mapper ended with exit code 1; its last lines:\n    no such column"
    assert "tap-x was ended by signal 9" in killed.problem
    assert meltano.problem == "meltano was ended by signal 15"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Cannot start plugin tap-x--shop: Executable 'tap-x' could not be found", ConfigError),
        ("Cannot start plugin tap-x--shop: [Errno 13] Permission denied: 'tap-x'", ConfigError),
        ("Could not connect to Meltano Hub at https://hub", ConfigError),
        ("Extractor 'tap-x' is not known to Meltano", ConfigError),
        ("Cannot start plugin tap-x--shop: Catalog discovery failed: command", EngineFailed),
        ("Cannot start plugin tap-x--shop: Invalid catalog", EngineFailed),
    ],
)
def test_what_keeps_meltano_from_starting_the_extractor_is_told(
    words: str, kind: type[ConnectorError]
) -> None:
    error = explain((Speaker.MELTANO, words))

    assert type(error) is kind
    assert "tap-x" in error.problem
