"""The files of a project that name a connector: how they are once it is called otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector_assets.errors import ConfigError
from connector_assets.files import replace_file
from connector_assets.lock import FOLDER as LOCKS
from connector_assets.naming import NAME_REASON, is_name
from connector_assets.project import FOLDER, Project
from connector_assets.project_file import FILE
from connector_assets.yaml_edit import Edit, edit_text, quote
from connector_assets.yaml_marks import KeyPath, parse_document


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEdit:
    """A file, what it is called then (the same, or another name), and its text before and after."""

    file: Path
    becomes: Path
    before: str
    after: str


def plan_rename(project: Project, *, old: str, new: str) -> tuple[FileEdit, ...]:
    """Return what becomes of the files that name a connector; comments stay, nothing is written.

    Its own file and its lock get the new name; what depends on it, and rules about alerts, name it.

    Raises:
        ConfigError: There is no such connector, the new name is taken or cannot be used, or a file
            cannot be changed without rewriting more of it.
    """
    connector, root = project.connector(old), project.root
    _check(project, old=old, new=new)
    older = [name for name in connector.renamed_from if name not in (old, new)]
    edits: list[FileEdit] = []
    for path in sorted((root / FOLDER).iterdir()):
        file = path.relative_to(root)
        if file == connector.file:
            edits.append(_edit_own(root, file, old=old, new=new, older=older))
        elif path.suffix.lower() in (".yaml", ".yml") and not path.name.startswith("."):
            edits += _edit_names(root, file, old=old, new=new, lists=_list_dependencies)
    edits += _edit_names(root, Path(FILE), old=old, new=new, lists=_list_rules)
    lock = Path(LOCKS) / f"{old}.json"
    if (root / lock).is_file():
        edits.append(_edit_lock(root, lock, new=new))
    for one in edits:
        if one.becomes != one.file and (root / one.becomes).exists():
            fix = "Nothing was changed. Remove it, or choose another name."
            raise ConfigError("the file is there already", place=one.becomes.as_posix(), fix=fix)
    return tuple(edits)


@contextmanager
def written(root: Path, edits: Sequence[FileEdit]) -> Iterator[None]:
    """Have the files changed; whatever is raised in the block, they are as they were again.

    Raises:
        ConfigError: One cannot be written.
    """
    try:
        for one in edits:
            mode = (root / one.file).stat().st_mode & 0o777
            replace_file(root / one.becomes, one.after, mode=mode)
        for one in edits:
            if one.becomes != one.file:
                (root / one.file).unlink()
        yield
    except BaseException as error:
        _restore(root, edits)
        if isinstance(error, OSError):
            problem = f"a file cannot be written: {error.strerror}"
            fix = "Nothing was changed. Let this user write it."
            raise ConfigError(problem, place=str(error.filename or root), fix=fix) from error
        raise


def _restore(root: Path, edits: Sequence[FileEdit]) -> None:
    for one in edits:
        place = root / one.becomes
        mode = next(path.stat().st_mode for path in (root / one.file, place) if path.exists())
        replace_file(root / one.file, one.before, mode=mode & 0o777)
        if one.becomes != one.file:
            place.unlink(missing_ok=True)


def _check(project: Project, *, old: str, new: str) -> None:
    names = {one.name for one in project.connectors}
    if not is_name(new):
        raise ConfigError(f"the name {new!r} cannot be used", fix=NAME_REASON)
    if new in names:
        problem = f"the project has a connector {new!r}"
        fix = "Nothing was changed. Choose another name."
        raise ConfigError(problem, place=FOLDER, fix=fix, connector=old)


def _edit_own(root: Path, file: Path, *, old: str, new: str, older: list[str]) -> FileEdit:
    before, values = _read(root, file)
    names = [old, *older]
    expected = {**values, "name": new, "renamed_from": names if older else old}
    edits = [Edit(path=("name",), rewrite=lambda _: quote(new))]
    if "renamed_from" in values:
        shown = f"[{', '.join(map(quote, names))}]" if older else quote(old)
        edits.append(Edit(path=("renamed_from",), rewrite=lambda _: shown))
    else:
        edits.append(Edit(path=("name",), below=True, name="renamed_from", text=old))
    after = edit_text(before, edits, expected=expected, label=file.as_posix())
    becomes = file.with_name(f"{new}{file.suffix}") if file.stem == old else file
    return FileEdit(file=file, becomes=becomes, before=before, after=after)


def _edit_names(root: Path, file: Path, *, old: str, new: str, lists: Any) -> Iterator[FileEdit]:
    """Yield the file with the new name in its lists of connectors, where one has the old name."""
    before, values = _read(root, file)
    expected, edits = deepcopy(values), []
    for path in lists(values):
        names = _at(expected, path)
        for at, name in enumerate(names if isinstance(names, list) else ()):
            if name == old:
                names[at] = new
                edits.append(Edit(path=(*path, at), rewrite=lambda _: quote(new)))
    if edits:
        after = edit_text(before, edits, expected=expected, label=file.as_posix())
        yield FileEdit(file=file, becomes=file, before=before, after=after)


def _edit_lock(root: Path, file: Path, *, new: str) -> FileEdit:
    before = (root / file).read_bytes().decode("utf-8-sig")
    content = {**json.loads(before), "connector": new}
    after = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return FileEdit(file=file, becomes=file.with_name(f"{new}.json"), before=before, after=after)


def _list_dependencies(values: dict[str, Any]) -> Iterator[KeyPath]:
    for level in _levels(values):
        yield (*level, "depends_on")


def _list_rules(values: dict[str, Any]) -> Iterator[KeyPath]:
    for level in _levels(values):
        rules = _at(values, (*level, "alerts", "rules"))
        for name in rules if isinstance(rules, dict) else ():
            yield (*level, "alerts", "rules", name, "connectors")


def _levels(values: dict[str, Any]) -> list[KeyPath]:
    overlays = values.get("environments")
    return [(), *(("environments", name) for name in overlays or ())]


def _at(values: Any, path: KeyPath) -> Any:
    for part in path:
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _read(root: Path, file: Path) -> tuple[str, dict[str, Any]]:
    # Not read_text, which would change the ends of the lines.
    text = (root / file).read_bytes().decode("utf-8-sig")
    return text, parse_document(text, label=file.as_posix()).values
