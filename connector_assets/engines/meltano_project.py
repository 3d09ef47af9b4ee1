"""A user's Meltano project, read and never written: files, extractors, environments, selection."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from connector_assets.errors import ConfigError

MELTANO_FILE = "meltano.yml"
_SYSTEM_FOLDER = ".meltano"
_SYSTEM_VARIABLE = "MELTANO_SYS_DIR_ROOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeltanoProject:
    """What stands in ``meltano.yml`` and the files that it includes.

    ``files`` are absolute, ``meltano.yml`` first. ``extractors`` are the plugins as declared, by
    name; ``environments`` map a name to its plugin entries for extractors, by name; ``kinds`` say
    of every other plugin, and of mappings, what it is: ``loaders``, ``mappers``, ``utilities``.
    ``system`` is where Meltano keeps installed plugins; ``id`` is empty where there is none.
    """

    root: Path
    id: str
    system: Path
    files: tuple[Path, ...]
    extractors: Mapping[str, Mapping[str, Any]]
    environments: Mapping[str, Mapping[str, Mapping[str, Any]]]
    kinds: Mapping[str, str] = field(default_factory=dict)

    def ancestry(self, name: str) -> Iterator[Mapping[str, Any]]:
        """Yield the extractor and those that it inherits from, as far as they are declared."""
        seen: set[str] = set()
        while name in self.extractors and name not in seen:
            seen.add(name)
            yield self.extractors[name]
            name = self.extractors[name].get("inherit_from") or ""


def load_meltano_project(root: Path) -> MeltanoProject:
    """Read the Meltano project in ``root``.

    Raises:
        ConfigError: There is none, or a file of it is not a YAML mapping.
    """
    main = root / MELTANO_FILE
    if not main.is_file():
        raise ConfigError(
            "there is no meltano.yml, which connectors with `engine: meltano` need",
            place=str(main),
            fix="Declare the extractor there, or run `meltano init` in that folder.",
        )
    files = (main, *_find_included(main))
    documents = [load_mapping(file) for file in files]
    return MeltanoProject(
        root=root,
        id=next((str(one["project_id"]) for one in documents if one.get("project_id")), ""),
        system=Path(os.environ.get(_SYSTEM_VARIABLE) or root / _SYSTEM_FOLDER).absolute(),
        files=files,
        extractors=_collect_extractors(documents),
        environments=_collect_environments(documents),
        kinds=dict(_find_kinds(documents)),
    )


def find_extractor(project: MeltanoProject, *, name: str, place: str) -> Mapping[str, Any]:
    """Return the extractor called ``name``; ``place`` is where the connector asks for it.

    Raises:
        ConfigError: It is not declared; names those that are.
    """
    if name not in project.extractors:
        valid = sorted(project.extractors)
        raise ConfigError(
            f"{name!r} is not an extractor of meltano.yml",
            place=place,
            valid=valid,
            value=name,
            fix="" if valid else f"Run `meltano add extractor {name}` in the project folder.",
        )
    return project.extractors[name]


def read_selection(project: MeltanoProject, *, name: str, environment: str) -> tuple[str, ...]:
    """Return the project's ``select`` rules for the extractor; empty where it has none."""
    entries = project.environments.get(environment, {})
    for plugin in project.ancestry(name):
        for source in (entries.get(str(plugin.get("name")), {}), plugin):
            if source.get("select"):
                return tuple(map(str, source["select"]))
    return ()


def read_text_for_include(file: Path) -> str:
    """Return a file's text without the top-level keys that only ``meltano.yml`` may have.

    Meltano accepts ``schedules:`` with nothing behind it there only, and takes ``include_paths`` of
    an included file for its own.
    """
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    if isinstance(document, yaml.MappingNode):
        for key, value in document.value:
            if value.tag == "tag:yaml.org,2002:null" or key.value == "include_paths":
                first, end = key.start_mark.line, value.end_mark
                # A block ends where the next key begins, in column 0.
                last = max(first + 1, end.line + (1 if end.column else 0))
                lines[first:last] = ["\n"] * (last - first)
    return "".join(lines)


def load_mapping(file: Path) -> dict[str, Any]:
    """Read a file of a Meltano project as it stands.

    Raises:
        ConfigError: It is not a YAML mapping.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(
            f"this is not YAML: {error.problem}",
            place=f"{file.name}:{line}",
            fix="Correct the file; `meltano config meltano list` reads it too.",
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(
            "this is not a Meltano project file: it has no keys",
            place=file.name,
            fix="Declare the extractor under `plugins: extractors:`.",
        )
    return content


def _find_included(main: Path) -> Iterator[Path]:
    patterns = load_mapping(main).get("include_paths") or []
    found = (path for pattern in patterns for path in sorted(main.parent.glob(str(pattern))))
    yield from dict.fromkeys(path for path in found if path != main and path.is_file())


def _collect_extractors(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    plugins = (document.get("plugins") or {} for document in documents)
    return _by_name(plugin for each in plugins for plugin in each.get("extractors") or ())


def _find_kinds(documents: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield plugins that are no extractors; a mapping is named in a job as its mapper would be."""
    for document in documents:
        for kind, plugins in (document.get("plugins") or {}).items():
            for plugin in plugins or () if kind != "extractors" else ():
                yield str(plugin["name"]), str(kind)
                for mapping in plugin.get("mappings") or ():
                    yield str(mapping["name"]), str(kind)


def _collect_environments(
    documents: list[dict[str, Any]],
) -> dict[str, dict[str, dict[str, Any]]]:
    found = _by_name(each for document in documents for each in document.get("environments") or ())
    return {name: _collect_extractors([each.get("config") or {}]) for name, each in found.items()}


def _by_name(entries: Iterator[Any]) -> dict[str, dict[str, Any]]:
    return {
        str(each["name"]): each for each in entries if isinstance(each, dict) and "name" in each
    }
