"""How errors, JSON and other people's texts come out."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from connector_assets.cli.output import Output, build_console, clean, print_list
from connector_assets.errors import ConfigError, ConfigErrors, FatalSyncError

Captured = pytest.CaptureFixture[str]


def test_error_says_what_where_and_what_next(capsys: Captured) -> None:
    error = FatalSyncError("it broke", place="lake.shop", fix="Mend it.", connector="shop")

    Output().print_error(error)

    shown = [line.split(maxsplit=1) for line in capsys.readouterr().err.splitlines()]
    assert shown == [
        ["error", "it broke"],
        ["where", "lake.shop"],
        ["about", "connector shop"],
        ["next", "Mend it."],
    ]


def test_error_keeps_lines_and_has_no_trailing_blanks(capsys: Captured) -> None:
    Output().print_error(FatalSyncError("it broke:\n  last words\n  ^"))

    assert capsys.readouterr().err == "error  it broke:\n         last words\n         ^\n"


def test_several_errors_are_listed_as_compilers_do(capsys: Captured) -> None:
    found = [
        ConfigError("a is wrong", place="connectors/a.yaml:3", fix="Change a."),
        ConfigError("b is wrong", place="connectors/b.yaml:7"),
    ]

    Output().print_error(ConfigErrors.collect(found))

    assert capsys.readouterr().err.splitlines()[:3] == [
        "connectors/a.yaml:3: error: a is wrong",
        "    Change a.",
        "connectors/b.yaml:7: error: b is wrong",
    ]


def test_json_error_is_alone_on_stdout(capsys: Captured) -> None:
    Output(as_json=True).print_error(ConfigError("it is wrong", place="x.yaml:1"))

    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["place"] == "x.yaml:1"
    assert "it is wrong" in captured.err


def test_json_is_one_line_with_instants_and_paths(capsys: Captured) -> None:
    at = datetime(2026, 11, 22, 1, 58, tzinfo=UTC)

    Output(as_json=True).print_json({"at": at, "path": Path("/srv/ü")})

    out = capsys.readouterr().out
    assert out == '{"at": "2026-11-22T01:58:00.000+00:00", "path": "/srv/ü"}\n'


def test_words_for_people_leave_stdout_to_json(capsys: Captured) -> None:
    Output(as_json=True).print("for people")

    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "for people\n")


def test_brackets_are_text(capsys: Captured) -> None:
    Output().print("[bold]not bold[/bold] :smile:")

    assert capsys.readouterr().out == "[bold]not bold[/bold] :smile:\n"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("bell\x07 back\x08space \x9b31m", "bell backspace 31m"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
    ids=["colour", "title", "controls", "kept"],
)
def test_clean_takes_what_steers_a_terminal(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_pipe_is_not_cut(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)

    build_console().print("x" * 500)

    assert capsys.readouterr().out == "x" * 500 + "\n"


def test_error_is_wrapped_beside_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    console = Console(file=file, width=40)

    print_list(console, [ConfigError("long " * 20, place="a.yaml:1")], word="error: ")

    assert file.getvalue().startswith("a.yaml:1: error: long long")
