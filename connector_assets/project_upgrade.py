"""Brings the files of a project to the version that this installation writes.

A version of connectors.yaml is one of the project's files together. Comments, order and quotes
stay: files are changed by edits, and only where the edits do what was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector_assets.config import VERSION
from connector_assets.errors import ConfigError
from connector_assets.project import FOLDER
from connector_assets.project_file import FILE, check_version
from connector_assets.rename_files import FileEdit, written
from connector_assets.yaml_edit import Edit, edit_text
from connector_assets.yaml_marks import parse_document

#: What a file is that says no version.
_FIRST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEdit:
    """What a step does to one file, by its name in the project; its values are then ``values``."""

    file: str
    edits: tuple[Edit, ...]
    values: Mapping[str, Any]


#: From the values of each file to its edits. Where a file has its new form, there are none: an
#: upgrade that was killed is begun again.
Step = Callable[[Mapping[str, Mapping[str, Any]]], Iterable[StepEdit]]
#: What brings a project of a version to the next one. There is only one version yet.
STEPS: Mapping[int, Step] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectUpgrade:
    """A project's version, None where it says none, that of this installation, and the changes.

    The file that says the version comes last. Without ``files`` there is nothing to do.
    """

    found: int | None
    known: int
    files: tuple[FileEdit, ...] = ()


def plan_upgrade(
    root: Path, *, steps: Mapping[int, Step] = STEPS, version: int = VERSION
) -> ProjectUpgrade:
    """Return what brings the project at ``root`` to a version; writes nothing.

    Raises:
        ConfigError: Its version is a newer one or none at all, or a file cannot be read, or not be
            changed without rewriting more of it than is meant.
    """
    before = _read_files(root)
    texts, found = dict(before), _find_version(before[FILE], version=version)
    if found is None:
        texts[FILE] = _add_version(texts[FILE])
    for number in range(found or _FIRST, version):
        documents = {name: parse_document(text, label=name) for name, text in texts.items()}
        for one in steps[number]({name: each.values for name, each in documents.items()}):
            texts[one.file] = edit_text(
                texts[one.file], one.edits, expected=one.values, label=one.file
            )
        texts[FILE] = _set_version(texts[FILE], version=number + 1)
    names = sorted(texts, key=lambda name: (name == FILE, name))
    changed = tuple(
        FileEdit(file=Path(name), becomes=Path(name), before=before[name], after=texts[name])
        for name in names
        if texts[name] != before[name]
    )
    return ProjectUpgrade(found=found, known=version, files=changed)


def apply_upgrade(plan: ProjectUpgrade, *, root: Path) -> None:
    """Write all files of a plan, or none.

    Where the process is killed on the way, the project has its version still: the next upgrade
    begins again.

    Raises:
        ConfigError: A file was changed meanwhile, or cannot be written. All are as they were.
    """
    for one in plan.files:
        label = one.file.as_posix()
        if _read(root / one.file, label=label) != one.before:
            fix = "Nothing was changed. Look at the plan again: connectors upgrade"
            raise ConfigError("the file was changed meanwhile", place=label, fix=fix)
    with written(root, plan.files):
        # Nothing else has to be done together with it.
        return


def _read_files(root: Path) -> dict[str, str]:
    paths = [path for path in (root / FOLDER).glob("*.y*ml") if not path.name.startswith(".")]
    names = [FILE, *sorted(f"{FOLDER}/{path.name}" for path in paths)]
    return {name: _read(root / name, label=name) for name in names}


def _read(path: Path, *, label: str) -> str:
    try:
        # Not read_text, which would change the ends of the lines.
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problem = f"the file cannot be read: {error.strerror}"
        raise ConfigError(problem, place=label) from error
    except UnicodeDecodeError:
        # from None: the cause holds the file's bytes.
        raise ConfigError("the file is not text in UTF-8", place=label) from None


def _find_version(text: str, *, version: int) -> int | None:
    document = parse_document(text, label=FILE)
    found: Any = document.values.get("version")
    is_number = isinstance(found, int) and not isinstance(found, bool)
    if found is not None and not (is_number and _FIRST <= found < version):
        check_version(document, known=version)
    return None if found is None else int(found)


def _add_version(text: str) -> str:
    """Return the text with a line that says the first version, before all other keys."""
    document = parse_document(text, label=FILE)
    values = {key: one for key, one in document.values.items() if key != "version"}
    if len(values) < len(document.values):
        # It stands there without a value.
        return _set_version(text, version=_FIRST)
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if "\r\n" in text else "\n"
    at = min((document.line((key,)) for key in values), default=len(lines) + 1) - 1
    lines.insert(at, f"version: {_FIRST}{ending}")
    return edit_text("".join(lines), (), expected={**values, "version": _FIRST}, label=FILE)


def _set_version(text: str, *, version: int) -> str:
    values = {**parse_document(text, label=FILE).values, "version": version}

    def rewrite(old: str) -> str:
        return str(version) if old else f" {version}"

    edit = Edit(path=("version",), rewrite=rewrite)
    return edit_text(text, [edit], expected=values, label=FILE)
