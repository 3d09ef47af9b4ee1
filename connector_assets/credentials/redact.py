"""Takes secrets out of what is written: logs, messages, tables, bundles."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

STARS = "***"
#: Shorter values are everywhere in a log; they are only taken where they stand alone.
SHORT = 4


class Redactor:
    """Replaces each secret by ``***``, also where it is JSON-escaped, in a URL or in base64.

    A value of several lines is replaced line by line too: logs are cut there. One below four
    characters is replaced only where no letter or digit touches it. Holds no secret in its repr.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        forms = sorted(set(_forms(values)), key=lambda form: (-len(form), form))
        # Plain replacement: ten times as fast as one pattern with all of them.
        self._long = [form for form in forms if len(form) >= SHORT]
        self._long_bytes = [form.encode() for form in self._long]
        short = "|".join(re.escape(form) for form in forms if len(form) < SHORT)
        self._short = re.compile(rf"(?<![A-Za-z0-9])(?:{short})(?![A-Za-z0-9])") if short else None

    def __repr__(self) -> str:
        return "Redactor()"

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        for form in self._long:
            text = text.replace(form, STARS)
        return self._short.sub(STARS, text) if self._short else text

    def line(self, line: bytes) -> bytes:
        """Return a line of a log without secrets."""
        for form in self._long_bytes:
            line = line.replace(form, STARS.encode())
        if self._short is None:
            return line
        text = line.decode("utf-8", "surrogateescape")
        return self._short.sub(STARS, text).encode("utf-8", "surrogateescape")

    def value(self, value: Any) -> Any:
        """Return JSON values without secrets: in texts, in keys, at every depth."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.line(value)
        if isinstance(value, Mapping):
            return {self.value(key): self.value(below) for key, below in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self.value, value)) if type(value) in (list, tuple) else value
        return value


def _forms(values: Iterable[str]) -> Iterator[str]:
    """Yield each way in which a secret can come out."""
    for whole in values:
        for value in {whole, *whole.splitlines()}:
            if not value.strip():
                continue
            yield value
            yield json.dumps(value)[1:-1]
            yield json.dumps(value, ensure_ascii=False)[1:-1]
            yield quote(value, safe="")
            yield quote(value)
            yield quote_plus(value)
            yield repr(value)[1:-1]
        if len(whole) >= SHORT:
            yield from _encoded(whole)


def _encoded(value: str) -> Iterator[str]:
    """Yield what base64 makes of a value, alone or inside a longer text such as ``user:value``."""
    raw = value.encode()
    for before in range(3):
        # Three positions in a group of three bytes; the characters mixed with neighbours are cut.
        coded = base64.b64encode(b"\0" * before + raw).decode()
        first = (0, 2, 3)[before]
        last = len(coded) - (0, 3, 2)[(before + len(raw)) % 3]
        inner = coded[first:last]
        if len(inner) >= 6:
            yield inner
            yield inner.translate(str.maketrans("+/", "-_"))
