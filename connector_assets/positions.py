"""The positions in a connector's state, by stream: read for people, compared, set, taken over.

A state is dlt's, as the ledger keeps it: what its resources keep, or the bookmarks of a Singer tap
inside of it. Nothing here changes what it is given.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector_assets.cursors import plain_value
from connector_assets.errors import ConfigError

#: What a source keeps beside its streams is listed under this name, which no stream has.
BESIDE = ""
SINGER_SOURCE, SINGER_KEY = "singer", "singer_state"
_RESOURCES, _BOOKMARKS = "resources", "bookmarks"
#: Values that dlt wrote last time, by which it tells rows apart that it has seen at the boundary.
_SEEN = "unique_hashes"
#: The character by which dlt marks a time.
_TIME = "\uf027"
_REPLICATION = ("replication_key", "replication_key_value")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A value of a stream's position that is another one; None on a side where it is not there."""

    stream: str
    key: str
    before: Any
    after: Any


def list_positions(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is kept for each stream: values by their path, joined with dots, as people read.

    What a source keeps beside its streams stands under :data:`BESIDE`.
    """
    found: dict[str, dict[str, Any]] = {}
    for shelf in _list_shelves(state):
        for stream, entry in shelf.items():
            values = {".".join(path): plain_value(value) for path, value in _flatten(entry)}
            found.setdefault(stream, {}).update(values)
    if beside := _list_beside(state):
        found[BESIDE] = beside
    return found


def diff_positions(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Moved, ...]:
    """Return what differs between two states, by stream and key."""
    before, after = list_positions(old), list_positions(new)
    return tuple(
        Moved(stream=stream, key=key, before=one.get(key), after=other.get(key))
        for stream in sorted({*before, *after})
        for one, other in [(before.get(stream, {}), after.get(stream, {}))]
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
    )


def set_position(state: Mapping[str, Any], *, stream: str, key: str, text: str) -> dict[str, Any]:
    """Return a state in which a value of a stream is ``text``, read as what it was before.

    ``key`` is a path as :func:`list_positions` gives it, or the name of a cursor. A bookmark of a
    tap may get a key that it had not. Rows at the new value itself are read again.

    Raises:
        ConfigError: The stream or the key is not there, or the text is not of the value's kind.
    """
    changed = deepcopy(dict(state))
    shelf = _find_shelf(changed, stream)
    place = f"{stream}.{key}"
    if not isinstance(shelf[stream], MutableMapping):
        # A bare bookmark: whatever the key, there is one value.
        shelf[stream] = _read_like(shelf[stream], text, place=place)
        return changed
    holder = shelf[stream]
    path = _find_path(holder, key=key)
    if path is None and _is_of_dlt(changed, stream):
        known = [".".join(one) for one, _ in _flatten(holder)]
        problem = f"nothing is kept of {stream} under {key!r}"
        raise ConfigError(problem, place=place, value=key, valid=known, stream=stream)
    *steps, last = path or (key,)
    for step in steps:
        holder = holder[step]
    holder[last] = _read_like(holder.get(last), text, place=place)
    if _SEEN in holder:
        holder[_SEEN] = []
    return changed


def take_positions(
    state: Mapping[str, Any], *, of: Mapping[str, Any], streams: Collection[str] = ()
) -> dict[str, Any]:
    """Return ``state`` with the positions of another one: of some streams, or everything.

    A stream that the other one does not know has no position then.
    """
    if not streams:
        return {**state, "sources": deepcopy(dict(of.get("sources") or {}))}
    taken = forget_positions(state, streams=streams)
    for path, shelf in _walk_shelves(of):
        found = {name: deepcopy(shelf[name]) for name in shelf if name in streams}
        if found:
            _open_shelf(taken, path).update(found)
    return taken


def forget_positions(state: Mapping[str, Any], *, streams: Collection[str] = ()) -> dict[str, Any]:
    """Return a state without the positions of some streams, or without any.

    Without ``streams`` what a source keeps beside its streams goes too.
    """
    changed = deepcopy(dict(state))
    if not streams:
        return {**changed, "sources": {}}
    for shelf in _list_shelves(changed):
        for stream in [one for one in shelf if one in streams]:
            del shelf[stream]
    return changed


def rename_positions(
    state: Mapping[str, Any], *, streams: Mapping[str, str], sources: Mapping[str, str]
) -> dict[str, Any]:
    """Return a state in which streams, and dlt's sources, have the names that they have now.

    Each is a name by the one before it. What the state knows by its new name already stays.
    """
    changed = deepcopy(dict(state))
    for names, holders in ((sources, [changed.get("sources") or {}]), (streams, None)):
        for holder in _list_shelves(changed) if holders is None else holders:
            for old, new in names.items():
                if old in holder and new not in holder:
                    holder[new] = holder.pop(old)
    return changed


def find_marked(value: Any) -> str | None:
    """Return the first text that still has the mark of a type, without it; None where none has."""
    if isinstance(value, str):
        plain = str(plain_value(value))
        return plain if plain != value else None
    inner = value.values() if isinstance(value, Mapping) else value
    if not isinstance(value, Mapping | list):
        return None
    return next((text for one in inner if (text := find_marked(one)) is not None), None)


def split_target(text: str, *, streams: Collection[str]) -> tuple[str, str, str]:
    """Return stream, key and value of ``STREAM.KEY=VALUE``; a stream's own name may have dots.

    Raises:
        ConfigError: It is not of that form, or of none of the streams.
    """
    target, equals, value = text.partition("=")
    fitting = [one for one in streams if one and target.startswith(f"{one}.")]
    if not equals or "." not in target:
        raise ConfigError(f"{text!r} is not STREAM.KEY=VALUE", place=text, fix="orders.id=100")
    if not fitting:
        stream = target.partition(".")[0]
        problem = f"there is no stream {stream!r} in the state"
        raise ConfigError(problem, place=text, value=stream, valid=sorted(filter(None, streams)))
    stream = max(fitting, key=len)
    return stream, target.removeprefix(f"{stream}."), value


def _walk_shelves(state: Mapping[str, Any]) -> Iterator[tuple[Path, MutableMapping[str, Any]]]:
    """Yield the mappings that have stream names as keys, each with its path in the state."""
    for name, source in (state.get("sources") or {}).items():
        if isinstance(source.get(_RESOURCES), MutableMapping):
            yield ("sources", name, _RESOURCES), source[_RESOURCES]
        kept = source.get(SINGER_KEY)
        if not isinstance(kept, MutableMapping):
            continue
        # The oldest taps have no `bookmarks` around them.
        if isinstance(kept.get(_BOOKMARKS), MutableMapping):
            yield ("sources", name, SINGER_KEY, _BOOKMARKS), kept[_BOOKMARKS]
        elif _BOOKMARKS not in kept:
            yield ("sources", name, SINGER_KEY), kept


def _list_shelves(state: Mapping[str, Any]) -> list[MutableMapping[str, Any]]:
    return [shelf for _, shelf in _walk_shelves(state)]


def _list_beside(state: Mapping[str, Any]) -> dict[str, Any]:
    shelves = [path[1:] for path, _ in _walk_shelves(state)]
    return {
        ".".join(path): plain_value(value)
        for path, value in _flatten(state.get("sources") or {})
        if not any(path[: len(one)] == one for one in shelves)
    }


def _open_shelf(state: MutableMapping[str, Any], path: Path) -> MutableMapping[str, Any]:
    place = state
    for step in path:
        place = place.setdefault(step, {})
    return place


def _flatten(entry: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield each value that is no mapping; an empty mapping below the top is one, too."""
    if isinstance(entry, Mapping) and (entry or not path):
        for key, value in entry.items():
            yield from _flatten(value, (*path, str(key)))
    else:
        # A bare bookmark is a value without a key.
        yield path or ("value",), entry


def _find_shelf(state: Mapping[str, Any], stream: str) -> MutableMapping[str, Any]:
    shelves = [shelf for shelf in _list_shelves(state) if stream in shelf]
    if not shelves:
        known = sorted(filter(None, list_positions(state)))
        problem = f"nothing is kept of a stream {stream!r}"
        raise ConfigError(problem, place=stream, value=stream, valid=known, stream=stream)
    if len(shelves) > 1:
        raise ConfigError(
            f"{len(shelves)} sources keep something of {stream!r}",
            place=stream,
            fix="Export the state, change it there, and set it with --file.",
            stream=stream,
        )
    return shelves[0]


def _find_path(entry: Mapping[str, Any], *, key: str) -> Path | None:
    """Return the path of a value: by its own name, by that of a cursor, or of a replication key."""
    paths = {".".join(path): path for path, _ in _flatten(entry)}
    named, value = _REPLICATION
    names = [key, f"incremental.{key}.last_value", *([value] if entry.get(named) == key else [])]
    return next((paths[name] for name in names if name in paths), None)


def _is_of_dlt(state: Mapping[str, Any], stream: str) -> bool:
    return any(path[-1] == _RESOURCES and stream in one for path, one in _walk_shelves(state))


def _read_like(old: Any, text: str, *, place: str) -> Any:
    """Return a text as a value of the kind that another one is of."""
    if isinstance(old, str):
        plain = str(plain_value(old))
        mark = old[: len(old) - len(plain)]
        return mark + (_read_time(text, like=plain, place=place) if mark == _TIME else text)
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if old is not None and _kind(value) != _kind(old):
        raise ConfigError(
            f"{text!r} is not of the kind of the value that is there, {json.dumps(old)}",
            place=place,
            fix="Give a number for a number, and JSON for an object or a list.",
        )
    return value


def _read_time(text: str, *, like: str, place: str) -> str:
    """Return a time as dlt writes it; with an offset where the one that is there has one."""
    try:
        read = datetime.fromisoformat(text)
        fits = (read.tzinfo is None) == (datetime.fromisoformat(like).tzinfo is None)
    except ValueError:
        fits = False
    if fits:
        return read.isoformat()
    raise ConfigError(
        f"{text!r} is not a time like the one that is there, {like}",
        place=place,
        fix="With an offset where that has one, and without where it has none.",
    )


def _kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__
