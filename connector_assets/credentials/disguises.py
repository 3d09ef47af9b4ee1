"""The forms in which a secret can come out: escaped, quoted, encoded, or a part of it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import unquote, urlsplit

from connector_assets.credentials.references import is_secret_key

#: Shorter values are everywhere in a log; they are only taken where they stand alone.
SHORT = 4
#: Shorter lines of a longer value say nothing: `{` and `}` of a JSON file.
SHORT_LINE = 8
# What no way of writing a text changes.
_UNCHANGED = re.compile(r"[A-Za-z0-9_.~-]+")
_RUNS = re.compile(r"\\+|'+|\"+|.", re.DOTALL)
_QUOTES = "'\""
_CONTROLS = {"\n": "n", "\r": "r", "\t": "t", "\f": "f", "\b": "b"}
# JSON in JSON in JSON: each layer doubles the backslashes.
_MOST = 8
_SLASH = r"(?:\\|%(?:25)*5[cC])"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Part:
    """A secret, or a part of one; ``alone``: taken only where no letter or digit touches it."""

    text: str
    alone: bool = False


def find_parts(value: str) -> Iterator[Part]:
    """Yield a secret, and what of it is one by itself: lines, a URL's password, base64."""
    whole = value.strip()
    if not whole:
        return
    yield Part(text=whole, alone=len(whole) < SHORT)
    lines = whole.splitlines()
    if len(lines) > 1:
        yield from (Part(text=line.strip()) for line in lines if len(line.strip()) >= SHORT_LINE)
    if len(whole) >= SHORT:
        yield from (Part(text=coded) for coded in _encode(whole))
    for inner in _find_inner(whole):
        # A password such as `postgres` is a part of other words.
        yield from (Part(text=one.text, alone=True) for one in find_parts(inner))


def compile_value(part: Part) -> str | re.Pattern[str]:
    """Return what to look for: a text, or a pattern with every way of writing its characters."""
    if _UNCHANGED.fullmatch(part.text) and not part.alone:
        return part.text
    pattern = "".join(_disguise(run) for run in _RUNS.findall(part.text))
    return re.compile(rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])" if part.alone else pattern)


def _disguise(run: str) -> str:
    """Return a pattern for a character, or a run of one that is doubled, however written."""
    character, length = run[0], len(run)
    if _UNCHANGED.fullmatch(character):
        return re.escape(run)
    if character == "\\":
        return f"{_SLASH}{{{length},{length * _MOST}}}"
    if character in _QUOTES:
        # SQL and CSV double a quote inside of quotes, a shell writes five for one.
        return f"(?:{'|'.join(map(_forms, _QUOTES))}){{{length},{length * 5}}}"
    return f"(?:{_forms(character)}|{_atom('+')})" if character == " " else _forms(character)


def _forms(character: str) -> str:
    return f"(?:{'|'.join([_entity(character), *_escapes(character), _atom(character)])})"


def _atom(character: str) -> str:
    """Return a pattern for a character as it is, behind backslashes, or percent-encoded."""
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode(errors="surrogatepass"))
    return f"{_SLASH}{{0,{_MOST}}}(?:{re.escape(character)}|(?i:{percent}))"


def _escapes(character: str) -> Iterator[str]:
    """Yield the escapes of JSON and Python for a character."""
    slashes = f"{_SLASH}{{1,{_MOST}}}"
    units = character.encode("utf-16-be", "surrogatepass").hex()
    yield (
        "(?i:" + "".join(f"{slashes}u{units[at : at + 4]}" for at in range(0, len(units), 4)) + ")"
    )
    yield (
        "(?i:"
        + "".join(f"{slashes}x{byte:02x}" for byte in character.encode(errors="surrogatepass"))
        + ")"
    )
    if 127 < ord(character) < 256:
        yield f"(?i:{slashes}x{ord(character):02x})"
    if ord(character) > 0xFFFF:
        yield f"(?i:{slashes}U{ord(character):08x})"
    if character in _CONTROLS:
        yield f"{slashes}{_CONTROLS[character]}"


def _entity(character: str) -> str:
    """Return a pattern for the entities of HTML, which are text that is written somehow too."""
    names = [rf"{_atom('#')}(?:0*{ord(character)}|x0*{ord(character):x})"]
    if (named := escape(character)) != character and named[1] != "#":
        names.append(named[1:-1])
    end = _atom(";")
    return f"(?i:{_atom('&')}(?:amp{end})*(?:{'|'.join(names)}){end})"


def _encode(value: str) -> Iterator[str]:
    """Yield what base64 makes of a value, alone or inside a longer text such as ``user:value``."""
    raw = value.encode(errors="surrogatepass")
    for before in range(3):
        # Three positions in a group of three bytes; the characters mixed with neighbours are cut.
        coded = base64.b64encode(b"\0" * before + raw).decode()
        first = (0, 2, 3)[before]
        last = len(coded) - (0, 3, 2)[(before + len(raw)) % 3]
        inner = coded[first:last]
        if len(inner) >= 5:
            yield inner
            yield inner.translate(str.maketrans("+/", "-_"))


def _find_inner(value: str) -> Iterator[str]:
    """Yield the secrets inside of one: the password of a URL, those of a JSON file."""
    if "://" in value:
        try:
            password = urlsplit(value).password
        except ValueError:
            password = None
        if password:
            yield from {password, unquote(password)}
    if value.startswith(("{", "[")):
        try:
            yield from _find_leaves(json.loads(value))
        except (ValueError, RecursionError):
            return


def _find_leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            if isinstance(below, str) and is_secret_key(str(key)):
                yield below
            else:
                yield from _find_leaves(below)
    elif isinstance(value, list):
        for below in value:
            yield from _find_leaves(below)
