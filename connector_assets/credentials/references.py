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
# What Meltano expands: its own variables, which hold no secret of ours.
_VARIABLE = re.compile(r"\$\{?[A-Z_][A-Z0-9_]*")
_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s:]*:[^/\s]+(?=@)")
_SECRET_NAME = r"(?:token|secret|password|passwd|pwd|api[_-]?key|access[_-]?key|signature|sig)"
_URL_TOKEN = re.compile(rf"[?&](?:[a-z_-]*[_-])?{_SECRET_NAME}=[^&\s#]+", re.IGNORECASE)
# Compared without case, `_` and `-`: clientSecret, client_secret and Client-Secret are one.
_SECRET_KEYS = frozenset({"authorization", "pwd", "secret", "token"})
_SECRET_ENDINGS = (
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "authtoken",
    "bearertoken",
    "clientsecret",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "refreshtoken",
    "secretkey",
    "sessiontoken",
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
        rest = _VARIABLE.sub("", _REFERENCE.sub("", text))
        in_url = _URL_PASSWORD.search(rest) or _URL_TOKEN.search(rest)
        named = place and is_secret_key(str(place[-1])) and text and rest == text
        if in_url or named:
            yield place


def is_secret_key(key: str) -> bool:
    """Tell whether what stands under a key is a secret, as far as its name can tell."""
    plain = re.sub(r"[^a-z0-9]", "", key.lower())
    return plain in _SECRET_KEYS or plain.endswith(_SECRET_ENDINGS)


def hide_password(text: str) -> str:
    """Return a text whose URLs show no user and password: ``postgresql://***@host/db``."""
    return _URL_TOKEN.sub("?***", _URL_PASSWORD.sub("***", text))


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


def rename_in(value: Any, *, names: Mapping[str, str]) -> Any:
    """Return a config whose ``${name}`` have other names; ``$${name}`` is text, and stays."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _rename(found, names), value)
    if isinstance(value, Mapping):
        return {key: rename_in(below, names=names) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [rename_in(below, names=names) for below in value]
    return value


def _rename(found: re.Match[str], names: Mapping[str, str]) -> str:
    return found[0] if found["escape"] else f"${{{names.get(found['name'], found['name'])}}}"


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
