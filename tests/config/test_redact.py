"""No form of a secret survives: plain, escaped, quoted, encoded, a part of it, or nested."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_assets.credentials.redact import Redactor

Form = Callable[[str], str]

SECRETS = st.text(st.sampled_from("abYZ01-_.+/=@:'\"\\ %&<${}äß中😀\n\t"), min_size=4, max_size=12)
FORMS: dict[str, Form] = {
    "plain": str,
    "json": json.dumps,
    "json, not ASCII": lambda value: json.dumps(value, ensure_ascii=False),
    "repr": repr,
    "repr of bytes": lambda value: repr(value.encode()),
    "percent": quote,
    "percent, all": lambda value: quote(value, safe=""),
    "percent, lower case": lambda value: quote(value, safe="").replace("%2F", "%2f"),
    "form": quote_plus,
    "HTML": html.escape,
    "SQL": lambda value: value.replace("'", "''"),
    "shell": shlex.quote,
    "CSV": lambda value: value.replace('"', '""'),
}


LAYERS: tuple[Form, ...] = (str, json.dumps, quote, html.escape)


@settings(max_examples=25, deadline=None)
@given(
    SECRETS.map(str.strip).filter(lambda one: len(one) >= 4),
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(LAYERS),
)
def test_no_form_of_a_secret_survives(secret: str, name: str, layer: Form) -> None:
    redactor = Redactor([secret])
    form = layer(FORMS[name](secret))

    left = redactor.text(f"at 12:00 <{form}> done")

    assert "***" in left
    assert form not in left
    assert secret not in left


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("secret", ["p@ss'w\"ord\\", "a b\n\tc\\'é", "''\"\"x", "<a&b>%20😀"])
def test_nothing_is_left_of_a_secret_in_layers(secret: str, form: Form) -> None:
    redactor = Redactor([secret])
    marks = re.compile(r"[\\'\"b<>&%]|quot|lt|gt|#x27|2[27]|5C|;")

    left = [redactor.text(f"<{layer(form(secret))}>") for layer in LAYERS]

    assert [marks.sub("", one) for one in left] == ["***"] * len(LAYERS)


@settings(max_examples=20, deadline=None)
@given(st.text(min_size=5, max_size=12), st.binary(max_size=4), st.binary(max_size=4))
def test_base64_of_a_text_around_a_secret_does_not_give_it_away(
    secret: str, before: bytes, after: bytes
) -> None:
    if len(secret.strip().encode()) < 5:
        return
    raw = secret.strip().encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        coded = encode(before + raw + after).decode()

        left = Redactor([secret]).text(coded)

        assert "***" in left
        assert len(left.replace("***", "")) <= len(encode(before)) + len(encode(after)) + 4


@pytest.mark.parametrize(
    ("secret", "text", "left"),
    [
        ("a-b", "a-b xa-b a-bx a-b.", "*** xa-b a-bx ***."),
        ("7", "7 77 x7 7", "*** 77 x7 ***"),
        ("", "nothing", "nothing"),
        (" \n", " \n ", " \n "),
        ("hunter2\n", "hunter2 and more", "*** and more"),
        ("hunter2", "HUNTER2", "HUNTER2"),
        ("postgresql://me:hunter2@db/x", "of me with hunter2 at db", "of me with *** at db"),
        ("postgresql://me:h%40nter2@db/x", "h@nter2 h%40nter2", "*** ***"),
        ("postgresql://me:postgres@db/x", "postgresql for postgres", "postgresql for ***"),
        ('{"private_key": "MIIabc", "type": "account"}', "account MIIabc", "account ***"),
        ('{"a": [{"token": "MIIabc"}]}', '{"token":"MIIabc"}', '{"token":"***"}'),
        ("[not JSON", "x [not JSON", "x ***"),
        ("http://[bad", "x http://[bad", "x ***"),
    ],
)
def test_short_values_and_parts_are_taken_where_they_stand_alone(
    secret: str, text: str, left: str
) -> None:
    assert Redactor([secret]).text(text) == left


def test_lines_of_a_key_are_taken_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nMIIabcdefgh+/=\n}\n-----END KEY-----"
    redactor = Redactor([key])

    assert redactor.text(json.dumps({"key": key})) == '{"key": "***"}'
    assert redactor.text("  MIIabcdefgh+/=\r\n}\r\n") == "  ***\r\n}\r\n"


def test_longer_secret_is_taken_before_one_inside_it() -> None:
    redactor = Redactor(["abc", "abc-def-ghi", "def-", "x/abc-def-ghi"])

    assert redactor.text("abc-def-ghi") == "***"
    assert redactor.text("x/abc-def-ghi def- abc") == "*** *** ***"


def test_values_are_taken_at_every_depth() -> None:
    redactor = Redactor(["hunter2"])

    value = redactor.value(
        {"a": ["hunter2", ("x hunter2",), {"hunter2": 1}], "n": 5, "b": b"hunter2"}
    )

    assert value == {"a": ["***", ("x ***",), {"***": 1}], "n": 5, "b": b"***"}
    assert "hunter2" not in repr(redactor.value([{"hunter2"}, frozenset({"hunter2"})]))


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=20))
def test_line_without_a_secret_stays_as_it_is(line: bytes) -> None:
    assert Redactor(["hünter2"]).line(line) == line


def test_line_of_bytes_loses_its_secret() -> None:
    redactor = Redactor(["hünter2"])

    assert redactor.line("x hünter2 \xff".encode()) == "x *** \xff".encode()
    assert redactor.line(b"\xff " + "hünter2".encode() + b" \xfe") == b"\xff *** \xfe"


def test_redactor_shows_no_secret_and_can_have_none() -> None:
    assert "hunter2" not in repr(Redactor(["hunter2"]))
    assert Redactor().text("as it is") == "as it is"


def test_many_backslashes_are_no_trouble() -> None:
    redactor = Redactor(["\\" * 8 + "'x", "a\\b"])

    assert redactor.text("\\" * 300) == "\\" * 300
    assert redactor.text(json.dumps(json.dumps("a\\b"))) == '"\\"***\\""'


def test_value_that_is_no_text_is_taken_too() -> None:
    assert Redactor(["hunter\udcff2"]).line(b"x hunter\xff2") == b"x ***"
