"""Reads YAML so that every key knows its line: one document per file, nothing given twice.

Plain values are read as editors show them, by YAML 1.2: ``no`` and ``on`` are text, so is
``2024-01-01``, and ``1:30`` is not 90. Numbers are decimal, as in JSON: ``08001``, ``0x1F`` and
``1_000`` stay text, and what JSON cannot hold (``.inf``, ``.nan``, ``1e999``) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from connector_assets.errors import ConfigError

Key: TypeAlias = str | int
KeyPath: TypeAlias = tuple[Key, ...]

MAX_BYTES = 10_000_000
MAX_NODES = 50_000
MAX_DEPTH = 50
# Python refuses to read longer ones, and nothing that an engine takes is near it.
MAX_DIGITS = 300
_KEYWORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
# 08001 is a postcode: no number starts with a 0 that counts for nothing.
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?=.*[.eE])(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# Written in C where PyYAML has it: ten times faster.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML file: its values, and the line of each key and item.

    ``label`` is the file as messages name it: relative to the project.
    """

    label: str
    values: dict[str, Any]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def place(self, path: KeyPath = ()) -> str:
        """Return ``connectors/shop.yaml:14`` for a key, or for the nearest key above it."""
        return f"{self.label}:{self.line(path)}"

    def line(self, path: KeyPath) -> int:
        """Return the line of a key, or of the nearest key above it."""
        known = (path[:end] for end in range(len(path), -1, -1))
        return next((self.lines[near] for near in known if near in self.lines), 1)

    def overlaid(self, path: KeyPath) -> Document:
        """Return the document with the mapping at ``path`` merged over its top level.

        Mappings are merged key by key, everything else is replaced, and so is a mapping by one
        that says another ``type``; lines follow the values.
        """
        overlay: Any = self.values
        for part in path:
            overlay = overlay.get(part) if isinstance(overlay, dict) else None
        if not isinstance(overlay, dict):
            return self
        moved = {
            mark[len(path) :]: line
            for mark, line in self.lines.items()
            if mark[: len(path)] == path and len(mark) > len(path)
        }
        merged = _merge(self.values, overlay)
        return Document(label=self.label, values=merged, lines={**self.lines, **moved})


def load_document(path: Path, *, label: str) -> Document:
    """Read a YAML file that holds one mapping.

    Raises:
        ConfigError: It cannot be read, is not valid YAML, is not a mapping, or says a key twice.
    """
    try:
        # A pipe would keep us waiting for ever.
        if path.exists() and not path.is_file():
            raise ConfigError("this is not a file", place=label)
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError("the file does not exist", place=label) from error
    except OSError as error:
        raise ConfigError(f"the file cannot be read: {error.strerror}", place=label) from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"the file is larger than {MAX_BYTES // 1_000_000} MB", place=label)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        # from None: the cause holds the file's bytes, and so do the next ones.
        raise ConfigError("the file is not text in UTF-8", place=f"{label}:{line}") from None
    return parse_document(text, label=label)


def parse_document(text: str, *, label: str) -> Document:
    """Parse YAML text that holds one mapping; ``label`` names it in messages.

    Raises:
        ConfigError: It is not valid YAML, is not a mapping, or says a key twice.
    """
    reader = _Reader(label=label, events=yaml.parse(text, Loader=_LOADER))
    try:
        values = reader.read_document()
    except yaml.YAMLError as error:
        # from None: PyYAML's own words can show the line, and a secret in it.
        raise _describe(error, text=text, label=label) from None
    return Document(label=label, values=values, lines=reader.lines)


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Builds the values of one document from its events.

    Not from PyYAML's nodes: composing them ends the process where brackets nest too deeply.
    """

    label: str
    events: Iterator[Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    anchors: dict[str, tuple[KeyPath, Any]] = field(default_factory=dict)

    def read_document(self) -> dict[str, Any]:
        starts = (yaml.StreamStartEvent, yaml.DocumentStartEvent)
        event = next(event for event in self.events if not isinstance(event, starts))
        if not isinstance(event, yaml.MappingStartEvent):
            fix = "Write `key: value` lines."
            problem, place = "the file does not hold a mapping", f"{self.label}:1"
            raise ConfigError(problem, place=place, fix=fix)
        values: dict[str, Any] = self.read(event, path=())
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                fix = "Write one connector per file, without `---`."
                raise self.error("not valid YAML: more than one document", event, fix)
        return values

    def read(self, event: Any, *, path: KeyPath) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self.read_alias(event, path=path)
        self.lines.setdefault(path, event.start_mark.line + 1)
        self.check_size(event, depth=len(path))
        if isinstance(event, yaml.MappingStartEvent):
            value: Any = self.read_mapping(event, path=path)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self.read_sequence(event, path=path)
        else:
            value = self.read_scalar(event)
        if event.anchor:
            self.anchors[event.anchor] = (path, value)
        return value

    def read_mapping(self, start: Any, *, path: KeyPath) -> dict[str, Any]:
        self.check_tag(start, "map")
        values: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.read_key(event)
            if key in values:
                first = self.lines[(*path, key)]
                problem = f"the key {key!r} stands here twice (first in line {first})"
                raise self.error(problem, event, "Remove one of them.")
            self.lines[(*path, key)] = event.start_mark.line + 1
            values[key] = self.read(next(self.events), path=(*path, key))
        return values

    def read_key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent) or (event.implicit[0] and event.value == "<<"):
            problem = "a key must be text, and `<<` is not supported"
            raise self.error(problem, event, "Write the keys out.")
        self.check_tag(event, "str")
        return str(event.value)

    def read_sequence(self, start: Any, *, path: KeyPath) -> list[Any]:
        self.check_tag(start, "seq")
        values: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            values.append(self.read(event, path=(*path, len(values))))
        return values

    def read_scalar(self, event: Any) -> Any:
        if event.tag or not event.implicit[0]:
            self.check_tag(event, "str")
            return str(event.value)
        value = _resolve(event.value)
        if isinstance(value, float) and not isfinite(value):
            problem = "this is not a number that JSON can hold"
            raise self.error(problem, event, "Write it in quotes if it is text.")
        return value

    def read_alias(self, event: Any, *, path: KeyPath) -> Any:
        if event.anchor not in self.anchors:
            # Not repeated: a password can begin with a star, or with the mark of a tag.
            problem = "this `*alias` names nothing that is complete above it"
            raise self.error(problem, event, "Text that begins with `*` stands in quotes.")
        origin, value = self.anchors[event.anchor]
        self.lines.setdefault(path, event.start_mark.line + 1)
        for below in _paths(value):
            self.lines.setdefault((*path, *below), self.lines[*origin, *below])
            self.check_size(event, depth=len(path) + len(below))
        return deepcopy(value)

    def check_size(self, event: Any, *, depth: int) -> None:
        if len(self.lines) > MAX_NODES:
            raise self.error(f"the file holds more than {MAX_NODES:,} values", event)
        if depth > MAX_DEPTH:
            raise self.error(f"the values are nested more than {MAX_DEPTH} deep", event)

    def check_tag(self, event: Any, kind: str) -> None:
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{kind}"):
            fix = "Write the value alone. Text that begins with `!` stands in quotes."
            raise self.error("a `!tag` is not supported here", event, fix)

    def error(self, problem: str, event: Any, fix: str = "") -> ConfigError:
        return ConfigError(problem, place=f"{self.label}:{event.start_mark.line + 1}", fix=fix)


def _resolve(text: str) -> Any:
    """Return what a value without quotes is; infinity also stands for what is no number."""
    lowered = text.lower()
    if lowered in _KEYWORDS and text in (lowered, lowered.capitalize(), lowered.upper()):
        return _KEYWORDS[lowered]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= MAX_DIGITS else inf
    if _FLOAT.fullmatch(text):
        return float(text)
    return inf if _NOT_FINITE.fullmatch(text) else text


def _paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    yield path
    items: Iterable[tuple[Key, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, below in items:
        yield from _paths(below, (*path, key))


def _merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overlay.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict) and _alike(below, value)
        merged[key] = _merge(below, value) if both and isinstance(below, dict) else value
    return merged


def _alike(below: dict[str, Any], above: dict[str, Any]) -> bool:
    # A DuckDB file has no use for the keys of the DuckLake that it replaces.
    return above.get("type", below.get("type")) == below.get("type")


def _describe(error: yaml.YAMLError, *, text: str, label: str) -> ConfigError:
    fix = "Check the indentation, the quotes and the brackets around this line."
    if not isinstance(error, yaml.MarkedYAMLError) or not error.problem_mark:
        found = yaml.reader.Reader.NON_PRINTABLE.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 1
        problem = "not valid YAML: a character that it does not allow"
        return ConfigError(problem, place=f"{label}:{line}", fix="Remove it, or escape it.")
    line, problem, start = error.problem_mark.line + 1, f"{error.problem}", error.context_mark
    if start and problem.endswith("end of stream"):
        # The end of the file says nothing: what was opened, and never closed, does.
        line, problem = start.line + 1, f"{problem}, {error.context}"
    elif start and start.line + 1 < line and error.context:
        problem = f"{problem}, {error.context} (from line {start.line + 1})"
    written = text.split("\n")[line - 1 : line]
    if any("\t" in row[: len(row) - len(row.lstrip())] for row in written):
        problem, fix = "a tab indents this line", "Indent with spaces."
    return ConfigError(f"not valid YAML: {problem}", place=f"{label}:{line}", fix=fix)
