"""Rotated secrets of taps: found in the configuration that a tap rewrites, and written back.

A tap whose source gives a new refresh token for each old one writes it into the file of its
``--config``: that is the Singer custom. Meltano removes that file. So the tap is started with a
copy in the overlay, which stays until its new values are stored, whoever is killed in between.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from connector_assets.credentials.references import find_references
from connector_assets.credentials.write_back import Rotation, write_back
from connector_assets.engines.meltano_overlay import Overlay, lock_overlay, open_overlay
from connector_assets.engines.meltano_plugin import name_plugin
from connector_assets.errors import CredentialError
from connector_assets.model import Connector

_Place: TypeAlias = tuple[str | int, ...]

_KEPT = "kept"
_BEFORE, _AFTER = "before.json", "config.json"
_STARTER = """#!/bin/sh
exec {python} -E -P -c {program} "$@"
"""
# In place of this process, so that signals, exit codes and pipes are the tap's own.
_PROGRAM = """
import os, sys
kept, tap, words = {kept}, {tap}, sys.argv[1:]
if "--config" in words and words.index("--config") + 1 < len(words):
    at = words.index("--config") + 1
    os.umask(0o077)
    os.makedirs(kept, exist_ok=True)
    before, after = os.path.join(kept, {before}), os.path.join(kept, {after})
    if not os.path.exists(after):
        with open(words[at], "rb") as file:
            content = file.read()
        for name in (before, after):
            with open(name + ".new", "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name + ".new", name)
    words[at] = after
os.execvp(tap, [tap, *words])
"""


def render_starter(system: Path, *, program: str) -> str:
    """Return the text of a program that starts a tap with a copy of its configuration.

    ``system`` is the ``.meltano`` of the overlay, where the copy is kept.
    """
    names = {"before": repr(_BEFORE), "after": repr(_AFTER)}
    text = _PROGRAM.format(kept=repr(str(system / _KEPT)), tap=repr(program), **names)
    return _STARTER.format(python=shlex.quote(sys.executable), program=shlex.quote(text))


@contextmanager
def open_tap(overlay: Overlay, *, connector: Connector, wait: float) -> Iterator[Path]:
    """Open the overlay of a tap as :func:`open_overlay` does; at the end what it rotated is stored.

    A value that cannot be stored stays in the overlay, and the next start says why.
    """
    with open_overlay(overlay, wait=wait) as folder:
        try:
            yield folder
        finally:
            if connector.credentials.write_back:
                _store(connector, overlay=overlay)


def _store(connector: Connector, *, overlay: Overlay) -> None:
    root = overlay.project.root
    try:
        names = store_rotated(connector, folder=overlay.folder, root=root)
    except CredentialError as error:
        # Not raised: how the tap ended counts, and the value is not lost.
        told = f"{error.problem}. {error.fix}"
    else:
        told = f"stored the new value of {', '.join(names)}" if names else ""
    if told:
        sys.stderr.write(f"{told}\n")
        sys.stderr.flush()


def store_rotated(connector: Connector, *, folder: Path, root: Path) -> tuple[str, ...]:
    """Write back what a tap rotated in an overlay that this process has; return the names.

    What is stored, or was not rotated, is removed from the overlay; the rest waits there.

    Raises:
        CredentialError: A value cannot be stored; it is kept, and this can be done again.
    """
    kept = folder / ".meltano" / _KEPT
    before, after = _read(kept / _BEFORE), _read(kept / _AFTER)
    if before is None or not (kept / _AFTER).exists():
        # Killed before the tap was started.
        shutil.rmtree(kept, ignore_errors=True)
        return ()
    if after is None:
        problem = f"{connector.source} was ended while it wrote its configuration"
        fix = f"Its rotated secrets may be in {kept / _AFTER}. Put them right, and remove {kept}."
        raise CredentialError(problem, place=str(connector.file), fix=fix)
    found = list(_find_rotations(connector, before=before, after=after))
    for one in found:
        write_back(one, of=f"connector {connector.name}", root=root)
    shutil.rmtree(kept)
    return tuple(one.name for one in found)


def recover_rotated(connector: Connector, *, root: Path) -> tuple[str, ...]:
    """Write back what taps of a connector rotated before they, or we, were killed.

    An overlay that is in use is left to whoever uses it.

    Raises:
        CredentialError: A value cannot be stored; it is kept.
    """
    names: list[str] = []
    for folder in _list_overlays(connector, root=root):
        if (folder / ".meltano" / _KEPT).is_dir():
            with lock_overlay(folder) as ours:
                names += store_rotated(connector, folder=folder, root=root) if ours else ()
    return tuple(names)


def read_new_values(connector: Connector, *, root: Path) -> Iterator[str]:
    """Yield the rotated values that are not stored yet: for redaction, so it is cheap."""
    for folder in _list_overlays(connector, root=root):
        kept = folder / ".meltano" / _KEPT
        before, after = _read(kept / _BEFORE), _read(kept / _AFTER)
        if before is not None and after is not None:
            yield from (one.new for one in _find_rotations(connector, before=before, after=after))


def _list_overlays(connector: Connector, *, root: Path) -> Iterator[Path]:
    for starter in (root / ".connectors" / "meltano").glob(f"*/bin/{name_plugin(connector)}"):
        yield starter.parents[1]


def _find_rotations(
    connector: Connector, *, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Rotation]:
    for name, store in connector.credentials.write_back.items():
        place = find_setting(connector, name)
        old, new = _at(before, place), _at(after, place)
        if isinstance(old, str) and isinstance(new, str) and new.strip() and new != old:
            source = connector.secrets[name]
            yield Rotation(name=name, source=source, store=store, old=old, new=new)


def find_setting(connector: Connector, name: str) -> _Place:
    """Return where a secret stands in a tap's configuration: where a value is it alone."""
    for place, found in find_references(connector.config):
        if found == name and _at(connector.config, place) == f"${{{name}}}":
            return place
    return (name,)


def _at(config: Any, place: _Place) -> Any:
    for part in place:
        try:
            config = config[part]
        except (KeyError, IndexError, TypeError):
            return None
    return config


def _read(file: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        content = json.loads(file.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else None
    return None
