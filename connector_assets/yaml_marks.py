"""Reads YAML so that every key knows its line: one document per file, nothing given twice.

Plain values are read as YAML 1.2 does, as editors show them: ``no`` and ``on`` are text, so is
``2024-01-01``, and ``1:30`` is not 90.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from connector_assets.errors import ConfigError

Key: TypeAlias = str | int
KeyPath: TypeAlias = tuple[Key, ...]

MAX_NODES = 100_000
_KEYWORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
# 08001 is a postcode: no number starts with a 0 that counts for nothing.
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?=.*[.eE])(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")} | {
    "tag:yaml.org,2002:timestamp",
    "tag:yaml.org,2002:value",
}
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

        Mappings are merged key by key, everything else is replaced; lines follow the values.
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
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError("the file does not exist", place=label) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"the file cannot be read: {reason}", place=label) from error
    return parse_document(text, label=label)


def parse_document(text: str, *, label: str) -> Document:
    """Parse YAML text that holds one mapping; ``label`` names it in messages.

    Raises:
        ConfigError: It is not valid YAML, is not a mapping, or says a key twice.
    """
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise _describe(error, label=label) from error
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(
            "the file does not hold a mapping", place=f"{label}:1", fix="Write `key: value` lines."
        )
    reader = _Reader(label=label)
    values = reader.read(root, path=())
    return Document(label=label, values=values, lines=reader.lines)


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Walks the nodes of one document."""

    label: str
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def read(self, node: yaml.Node, *, path: KeyPath) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if len(self.lines) > MAX_NODES or len(path) > 50:
            # Aliases can name a node that contains them, or multiply without end.
            raise self.error("the file is too large or contains itself", node)
        if isinstance(node, yaml.MappingNode):
            return self.read_mapping(node, path=path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, path=(*path, at)) for at, item in enumerate(node.value)]
        if node.tag not in _TAGS:
            raise self.error(f"the tag {node.tag!r} is not understood", node)
        return _resolve(node.value, tag=node.tag) if _is_plain(node) else node.value

    def read_mapping(self, node: yaml.MappingNode, *, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str) or key == "<<":
                raise self.error(
                    "a key must be text, and `<<` is not supported", key_node, "Write the keys out."
                )
            if key in values:
                first = self.lines[(*path, key)]
                raise self.error(
                    f"the key {key!r} stands here twice (first in line {first})",
                    key_node,
                    "Remove one of them.",
                )
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            values[key] = self.read(value_node, path=(*path, key))
        return values

    def error(self, problem: str, node: yaml.Node, fix: str = "") -> ConfigError:
        return ConfigError(problem, place=f"{self.label}:{node.start_mark.line + 1}", fix=fix)


def _is_plain(node: yaml.Node) -> bool:
    # libyaml says "", the parser in Python says None.
    return not getattr(node, "style", None)


def _resolve(text: str, *, tag: str) -> Any:
    lowered = text.lower()
    if lowered in _KEYWORDS and text in (lowered, lowered.capitalize(), lowered.upper()):
        return _KEYWORDS[lowered]
    if _INTEGER.fullmatch(text) and tag != "tag:yaml.org,2002:str":
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overlay.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = _merge(below, value) if both and isinstance(below, dict) else value
    return merged


def _describe(error: yaml.YAMLError, *, label: str) -> ConfigError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f"{label}:{mark.line + 1}" if mark else f"{label}:1"
    problem = getattr(error, "problem", None) or "a character that YAML does not allow"
    fix = "Check the indentation, the quotes and the brackets around this line."
    if "single document" in f"{getattr(error, 'context', '')}":
        problem, fix = "more than one document", "Write one connector per file, without `---`."
    return ConfigError(f"not valid YAML: {problem}", place=place, fix=fix)
