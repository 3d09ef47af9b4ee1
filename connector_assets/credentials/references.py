"""``${name}`` in a config: what it refers to, and putting the values in.

``$${name}`` is the text ``${name}`` itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Place: TypeAlias = tuple[str | int, ...]

CURSOR = "cursor"
_REFERENCE = re.compile(r"\$(?P<escape>\$?)\{(?P<name>[^{}]*)\}")
_URL_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_SECRET_KEYS = frozenset(
    {
        "access_token",
        "api_key",
        "apikey",
        "auth_token",
        "client_secret",
        "passwd",
        "password",
        "private_key",
        "refresh_token",
        "secret",
        "secret_access_key",
        "aws_secret_access_key",
        "token",
    }
)


def find_references(value: Any) -> Iterator[tuple[Place, str]]:
    """Yield each ``${name}`` of a config as (where, name); keys are not looked at."""
    for place, text in _texts(value):
        for found in _REFERENCE.finditer(text):
            if not found["escape"]:
                yield place, found["name"]


def find_plain_secrets(value: Any) -> Iterator[Place]:
    """Yield where a config holds what looks like a secret itself: a password in a URL, a token.

    A text that refers to something, by ``${name}`` or Meltano's ``$NAME``, is not one.
    """
    for place, text in _texts(value):
        in_url = _URL_PASSWORD.search(_REFERENCE.sub("", text))
        named = place and str(place[-1]).lower() in _SECRET_KEYS and text and "$" not in text
        if in_url or named:
            yield place


def fill_references(value: Any, *, values: Mapping[str, str]) -> Any:
    """Return a config with each ``${name}`` replaced by its value, where it has one.

    Other references, ``${cursor}`` for one, stay as they are.
    """
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _fill(found, values), value)
    if isinstance(value, Mapping):
        return {key: fill_references(below, values=values) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [fill_references(below, values=values) for below in value]
    return value


def _fill(found: re.Match[str], values: Mapping[str, str]) -> str:
    if found["escape"]:
        return found[0][1:]
    return values.get(found["name"], found[0])


def _texts(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from _texts(below, (*place, key))
    elif isinstance(value, list | tuple):
        for at, below in enumerate(value):
            yield from _texts(below, (*place, at))
