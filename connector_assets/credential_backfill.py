"""Brings connector files and ``.env`` to the current version of the credential models they follow.

A file is changed as a whole or not at all, comments and order stay, and a project that was left
half-way loads: the names of one version are understood beside those of the next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector_assets.credential_models import load_model
from connector_assets.credentials.commands import MissingError
from connector_assets.credentials.env_file import FILE as ENV_FILE
from connector_assets.credentials.env_file import rename_variables, write_text
from connector_assets.credentials.models import CredentialModel, Migration, migrate
from connector_assets.credentials.references import rename_in
from connector_assets.errors import ConfigError, ConfigErrors
from connector_assets.files import replace_file
from connector_assets.yaml_edit import Edit, edit_text
from connector_assets.yaml_marks import Document, KeyPath, load_document

_SECRETS = "secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What becomes of one connector file; ``missing`` secrets somebody must write into it first.

    ``variables`` maps the names that environment variables had to those they are to have.
    """

    file: str
    connector: str
    model: str
    version: int
    current: int
    before: str = field(repr=False)
    after: str = field(repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def diff(self) -> str:
        """The change as a unified diff; it holds no secret, as the file does not."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            fromfile=self.file,
            tofile=self.file,
            n=1,
        )
        return "".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """What is to be done: files, variables renamed in ``.env``, and those that stand elsewhere."""

    files: tuple[FileChange, ...]
    in_env_file: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)


def plan_backfill(root: Path, *, names: tuple[str, ...] = ()) -> Backfill:
    """Return what brings the connectors of a project, all or those named, up to date.

    Also of files that cannot be loaded for their age. Writes nothing.

    Raises:
        ConfigError: A model or a file cannot be used; all of them come together.
    """
    changes: list[FileChange] = []
    errors: list[ConfigError] = []
    for path in sorted((root / "connectors").glob("*.y*ml")):
        try:
            change = _plan_file(path, root=root, names=names)
        except ConfigError as error:
            errors += ConfigErrors.split(error)
        else:
            changes += [change] if change else []
    if errors:
        raise ConfigErrors.collect(errors)
    variables = {old: new for one in changes for old, new in one.variables.items()}
    known = _known_variables(root)
    return Backfill(
        files=tuple(changes),
        in_env_file={old: new for old, new in variables.items() if old in known},
        elsewhere={old: new for old, new in variables.items() if old not in known},
    )


def apply_backfill(plan: Backfill, *, root: Path) -> None:
    """Write what was planned, each file as a whole.

    Raises:
        ConfigError: A file was changed meanwhile, lacks a secret, or cannot be written; those
            before it are done, and the next call goes on.
    """
    for one in plan.files:
        if one.missing:
            raise ConfigError(
                f"the credential model {one.model!r} needs the secret {one.missing[0]!r}",
                place=one.file,
                fix=f"Nothing was changed. Add `{one.missing[0]}: env:NAME` to its `secrets:`.",
                connector=one.connector,
            )
    try:
        if plan.in_env_file and (text := rename_variables(root, plan.in_env_file)) is not None:
            write_text(root, text)
        for one in plan.files:
            _write(root / one.file, one)
    except MissingError as error:
        raise ConfigError(error.reason, place=ENV_FILE, fix=error.fix) from None


def _write(path: Path, change: FileChange) -> None:
    try:
        if path.read_bytes().decode("utf-8-sig") != change.before:
            problem, fix = "the file was changed meanwhile", "Look at the plan again."
            raise ConfigError(problem, place=change.file, fix=fix)
        replace_file(path, change.after, mode=path.stat().st_mode & 0o777)
    except OSError as error:
        problem = f"the file cannot be written: {error.strerror}"
        raise ConfigError(problem, place=change.file, fix="Let this user write it.") from error


def _plan_file(path: Path, *, root: Path, names: tuple[str, ...]) -> FileChange | None:
    label = f"connectors/{path.name}"
    document = load_document(path, label=label)
    said, name = document.values.get("credentials"), str(document.values.get("name"))
    if not isinstance(said, dict) or (names and name not in names):
        return None
    version = said.get("version")
    if not isinstance(said.get("model"), str) or not isinstance(version, int):
        return None
    model = load_model(said["model"], root=root)
    if not 1 <= version < model.version:
        return None
    # Not read_text, which would change the ends of the lines.
    text = path.read_bytes().decode("utf-8-sig")
    edits, expected, moved = _plan_edits(document, model=model, version=version)
    sources = {
        source
        for level in _levels(document.values)
        for source in _secrets_of(_at(document.values, level) or {}).values()
    }
    return FileChange(
        file=label,
        connector=name,
        model=model.name,
        version=version,
        current=model.version,
        before=text,
        after=edit_text(text, edits, expected=expected, label=label),
        variables={old: new for old, new in moved.variables.items() if f"env:{old}" in sources},
        missing=moved.missing,
    )


def _plan_edits(
    document: Document, *, model: CredentialModel, version: int
) -> tuple[list[Edit], dict[str, Any], Migration]:
    """Return the edits of a file, what its values are then, and how its secrets move."""
    values = deepcopy(document.values)
    moved = migrate(_secrets_of(values), model=model, version=version)
    edits: list[Edit] = [
        Edit(path=("credentials", "version"), rewrite=lambda _: str(model.version))
    ]
    values["credentials"]["version"] = model.version
    _rename_keys(values, ("credentials", "write_back"), moved, edits=edits)
    for level in _levels(values):
        here = _at(values, level)
        if not isinstance(here, dict):
            continue
        own = migrate(_secrets_of(here), model=model, version=version)
        names = own if level else moved
        edits += _move_secrets(here, names, level=level, add=not level)
        renamed = {**moved.renamed, **own.renamed}
        edits += _rename_references(here, renamed, level=level)
    return edits, values, moved


def _levels(values: Mapping[str, Any]) -> list[KeyPath]:
    """Return where secrets can stand: in the file itself, and in its environments' overlays."""
    overlays = values.get("environments")
    names = overlays if isinstance(overlays, dict) else ()
    return [(), *(("environments", name) for name in names)]


def _move_secrets(
    here: dict[str, Any], moved: Migration, *, level: KeyPath, add: bool
) -> Iterator[Edit]:
    """Yield the edits of one mapping of secrets, and make them in ``here``."""
    old = _secrets_of(here)
    path = (*level, _SECRETS)
    if not old and not (add and moved.added):
        return
    for name, source in old.items():
        if name in moved.removed:
            yield Edit(path=(*path, name), remove=True)
            continue
        now = moved.renamed.get(name, name)
        new = moved.secrets[now]
        rewrite = _Replace(source, new) if new != source else None
        if now != name or rewrite:
            yield Edit(path=(*path, name), name=now if now != name else "", rewrite=rewrite)
    kept = {moved.renamed.get(name, name): name for name in old if name not in moved.removed}
    added = moved.added if add else {}
    if old or added:
        here[_SECRETS] = {name: moved.secrets[name] for name in (*kept, *added)}
    yield from (Edit(path=path, name=name, text=source, add=True) for name, source in added.items())


def _rename_keys(
    values: dict[str, Any], path: KeyPath, moved: Migration, *, edits: list[Edit]
) -> None:
    held = _at(values, path)
    if not isinstance(held, dict):
        return
    edits += [
        Edit(path=(*path, name), name=moved.renamed[name]) for name in held if name in moved.renamed
    ]
    renamed = {moved.renamed.get(name, name): one for name, one in held.items()}
    held.clear()
    held.update(renamed)


def _rename_references(
    here: dict[str, Any], renamed: Mapping[str, str], *, level: KeyPath
) -> Iterator[Edit]:
    """Yield an edit for each text of the configs that refers to a renamed secret."""
    streams = here.get("streams")
    holders: list[tuple[KeyPath, Any]] = [(level, here)]
    if isinstance(streams, dict):
        holders += [((*level, "streams", name), one) for name, one in streams.items()]
    for path, holder in holders:
        if not isinstance(holder, dict) or "config" not in holder:
            continue
        for below, text in _texts(holder["config"], (*path, "config")):
            if rename_in(text, names=renamed) != text:
                yield Edit(path=below, rewrite=_Rename(renamed))
        holder["config"] = rename_in(holder["config"], names=renamed)


@dataclass(frozen=True, slots=True)
class _Replace:
    old: str
    new: str

    def __call__(self, text: str) -> str:
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class _Rename:
    names: Mapping[str, str]

    def __call__(self, text: str) -> str:
        return str(rename_in(text, names=self.names))


def _texts(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from _texts(below, (*path, key))
    elif isinstance(value, list):
        for at, below in enumerate(value):
            yield from _texts(below, (*path, at))


def _secrets_of(values: Mapping[str, Any]) -> dict[str, str]:
    held = values.get(_SECRETS)
    return {name: str(one) for name, one in held.items()} if isinstance(held, dict) else {}


def _at(values: Any, path: KeyPath) -> Any:
    for part in path:
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _known_variables(root: Path) -> frozenset[str]:
    from connector_assets.credentials.env_file import read_variables

    try:
        return frozenset(read_variables(root))
    except MissingError as error:
        raise ConfigError(error.reason, place=ENV_FILE, fix=error.fix) from None
