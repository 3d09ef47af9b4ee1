"""Changes single keys and values in the text of a YAML file; every other byte stays as it is.

Comments, quotes, order and indentation are the user's. What cannot be changed so (an anchor, a
value over several lines) is refused by :func:`edit_text`, which compares what it made with what
was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from connector_assets.errors import ConfigError
from connector_assets.yaml_marks import KeyPath, parse_document

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change: a key gets another ``name``, or the text of a value is rewritten; or both go.

    With ``add``, ``path`` is a mapping that gets the key ``name`` with the value ``text``; with
    ``below``, it is a key with its value in one line, and that key comes on the next one.
    """

    path: KeyPath
    name: str = ""
    rewrite: Callable[[str], str] | None = None
    text: str = ""
    remove: bool = False
    add: bool = False
    below: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """Where a key and its value stand, as offsets; an item is both. ``flow``: between braces."""

    key: tuple[int, int]
    value: tuple[int, int]
    flow: bool


def edit_text(text: str, edits: Sequence[Edit], *, expected: Mapping[str, Any], label: str) -> str:
    """Return the text of a file with the edits made; its values are then ``expected``.

    Raises:
        ConfigError: The edits cannot be made without changing more than they say.
    """
    entries = dict(_find_entries(text))
    changes: list[tuple[int, int, str]] = []
    for edit in edits:
        changes += _plan(edit, text=text, entries=entries)
    made = text
    for start, end, new in sorted(changes, reverse=True):
        made = made[:start] + new + made[end:]
    try:
        same = parse_document(made, label=label).values == expected
    except ConfigError:
        same = False
    if not same:
        raise ConfigError(
            "the file cannot be changed without rewriting more of it than is meant",
            place=label,
            fix="Make the changes by hand: anchors, and values over several lines, are left alone.",
        )
    return made


def quote(text: str) -> str:
    """Return text as a scalar that is read as the same text."""
    if text and set(text) <= _PLAIN and text[0].isalpha() and text.lower() not in ("null", "true"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plan(
    edit: Edit, *, text: str, entries: Mapping[KeyPath, _Entry]
) -> Iterator[tuple[int, int, str]]:
    entry = entries.get(edit.path)
    if entry is None:
        return
    if edit.below:
        yield _add_line(entry, f"{quote(edit.name)}: {quote(edit.text)}", text=text)
    elif edit.add:
        yield _plan_add(edit, text=text, entries=entries)
    elif edit.remove:
        yield _plan_remove(edit.path, text=text, entries=entries)
    else:
        if edit.name:
            yield (*entry.key, quote(edit.name))
        if edit.rewrite:
            start, end = entry.value
            yield start, end, edit.rewrite(text[start:end])


def _plan_add(edit: Edit, *, text: str, entries: Mapping[KeyPath, _Entry]) -> tuple[int, int, str]:
    line = f"{quote(edit.name)}: {quote(edit.text)}"
    below = _siblings(edit.path, entries=entries)
    if not below:
        start, end = entries[edit.path].value
        gap = "" if text[:start].endswith(" ") else " "
        return start, end, f"{gap}{{{line}}}"
    last = below[-1]
    if last.flow:
        return last.value[1], last.value[1], f", {line}"
    return _add_line(last, line, text=text)


def _add_line(entry: _Entry, line: str, *, text: str) -> tuple[int, int, str]:
    start = text.rfind("\n", 0, entry.key[0]) + 1
    end = text.find("\n", entry.value[1])
    end = len(text) if end < 0 else end
    return end, end, f"\n{' ' * (entry.key[0] - start)}{line}"


def _plan_remove(
    path: KeyPath, *, text: str, entries: Mapping[KeyPath, _Entry]
) -> tuple[int, int, str]:
    entry, siblings = entries[path], _siblings(path[:-1], entries=entries)
    at = siblings.index(entry)
    if entry.flow:
        if at + 1 < len(siblings):
            return entry.key[0], siblings[at + 1].key[0], ""
        return (siblings[at - 1].value[1] if at else entry.key[0]), entry.value[1], ""
    if len(siblings) == 1:
        # A mapping without keys would be read as nothing.
        return entry.key[0], entry.value[1], "{}"
    start = text.rfind("\n", 0, entry.key[0]) + 1
    end = text.find("\n", entry.value[1])
    return start, len(text) if end < 0 else end + 1, ""


def _siblings(path: KeyPath, *, entries: Mapping[KeyPath, _Entry]) -> list[_Entry]:
    return [one for key, one in entries.items() if len(key) == len(path) + 1 and key[:-1] == path]


def _find_entries(text: str) -> Iterator[tuple[KeyPath, _Entry]]:
    events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)
    for event in events:
        if isinstance(event, yaml.MappingStartEvent):
            entries: list[tuple[KeyPath, _Entry]] = []
            _read(event, path=(), events=events, entries=entries)
            yield from entries
            return


def _read(
    event: Any, *, path: KeyPath, events: Iterator[Any], entries: list[tuple[KeyPath, _Entry]]
) -> int:
    """Note the entries of a node, and return where it ends."""
    if isinstance(event, yaml.MappingStartEvent):
        while not isinstance(key := next(events), yaml.MappingEndEvent):
            value = next(events)
            at = len(entries)
            below = (*path, str(key.value))
            end = _read(value, path=below, events=events, entries=entries)
            entry = _Entry(
                key=(key.start_mark.index, key.end_mark.index),
                value=(value.start_mark.index, end),
                flow=bool(event.flow_style),
            )
            entries.insert(at, (below, entry))
        return _end(key, event, path=path, entries=entries)
    if isinstance(event, yaml.SequenceStartEvent):
        number, last = 0, _index(event.end_mark)
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            place, at = (*path, number), len(entries)
            last = _read(item, path=place, events=events, entries=entries)
            span = (_index(item.start_mark), last)
            entries.insert(at, (place, _Entry(key=span, value=span, flow=True)))
            number += 1
        return _index(item.end_mark) if event.flow_style else last
    return int(event.end_mark.index)


def _end(end: Any, start: Any, *, path: KeyPath, entries: Sequence[tuple[KeyPath, _Entry]]) -> int:
    """Return where a mapping ends; the end of a block is marked behind the lines after it."""
    if start.flow_style:
        return int(end.end_mark.index)
    ends = [one.value[1] for key, one in entries if key[: len(path)] == path and key != path]
    return max(ends, default=int(start.end_mark.index))


def _index(mark: Any) -> int:
    return int(mark.index)
