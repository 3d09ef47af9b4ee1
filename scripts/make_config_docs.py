"""Write the keys of the YAML files into their pages, from the models that read them.

``make_config_docs.py [--check]`` renews what stands between the marks in docs/connector-file.md,
docs/project-file.md and docs/credentials.md; the words around it are written by hand. With
``--check`` nothing is written, and a page that is not fresh makes the exit code 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connector_assets.audit.policy import USUAL
from connector_assets.config import ConnectorFile, ProjectFile
from connector_assets.config_blocks import Block
from connector_assets.config_credentials import ModelFile

DOCS = Path(__file__).parents[1] / "docs"
PAGES: dict[str, type[Block]] = {
    "connector-file.md": ConnectorFile,
    "project-file.md": ProjectFile,
    "credentials.md": ModelFile,
}
START = "<!-- keys: written by scripts/make_config_docs.py -->"
END = "<!-- end of keys -->"
HEADER = "| key | takes | | meaning |\n|---|---|---|---|"
_WORDS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "a truth"}


def main(words: list[str]) -> int:
    """Renew the pages, or check them; return 1 if one was stale."""
    stale = [name for name in PAGES if not _renew(DOCS / name, write="--check" not in words)]
    for name in stale if "--check" in words else ():
        sys.stdout.write(f"docs/{name} is stale: run scripts/make_config_docs.py\n")
    if not stale:
        sys.stdout.write("docs of the files: fresh\n")
    return int(bool(stale) and "--check" in words)


def _renew(page: Path, *, write: bool) -> bool:
    """Return whether the page was fresh."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    fresh = f"{before}{START}\n\n{render_keys(PAGES[page.name])}\n\n{END}{after}"
    if write and fresh != text:
        page.write_text(fresh, encoding="utf-8")
    return fresh == text


def render_keys(model: type[Block]) -> str:
    """Return the tables of a file's keys, one for each mapping in it; once the kinds of drift."""
    schema = model.model_json_schema()
    tables = list(_render_tables(schema, title="", schema=schema))
    drift = [_render_drift()] if model is ConnectorFile else []
    return "\n\n".join([*tables, *drift])


def _render_tables(block: Any, *, title: str, schema: Any) -> Iterator[str]:
    rows = [
        f"| `{key}` | {_describe(one, schema=schema)} | {_need(key, one, block=block)} | "
        f"{one['description']} |"
        for key, one in block["properties"].items()
    ]
    heading = f"### `{title}`\n\n{block['description']}\n\n" if title else ""
    yield heading + "\n".join([HEADER, *rows])
    for key, one in block["properties"].items():
        for suffix, below in _find_blocks(one, schema=schema):
            name = f"{title}.{key}{suffix}".removeprefix(".")
            yield from _render_tables(below, title=name, schema=schema)


def _need(key: str, one: Any, *, block: Any) -> str:
    if key in block.get("required", ()):
        return "required"
    default = one.get("default")
    return f"`{default:g}`" if isinstance(default, int | float) else ""


def _find_blocks(one: Any, *, schema: Any) -> Iterator[tuple[str, Any]]:
    """Yield the mappings with keys of their own that a key takes, and what stands before them."""
    for option in one.get("anyOf", [one]):
        found = _resolve(option, schema=schema)
        if "properties" in found:
            yield "", found
        for below in _find_values(found):
            yield from ((f".NAME{end}", deep) for end, deep in _find_blocks(below, schema=schema))


def _find_values(option: Any) -> list[Any]:
    values = option.get("additionalProperties")
    return [
        *([values] if isinstance(values, dict) else []),
        *option.get("patternProperties", {}).values(),
    ]


def _resolve(option: Any, *, schema: Any) -> Any:
    reference = option.get("$ref")
    return schema["$defs"][reference.rpartition("/")[2]] if reference else option


def _describe(one: Any, *, schema: Any) -> str:
    options = [_resolve(option, schema=schema) for option in one.get("anyOf", [one])]
    options = [option for option in options if option.get("type") != "null"]
    if [option["type"] for option in options] == ["string", "number"]:
        return 'a duration: `"90s"`, `"1h30m"`, or seconds'
    found = " or ".join(_describe_one(option, schema=schema) for option in options)
    return found or _describe_one(one, schema=schema)


def _describe_one(option: Any, *, schema: Any) -> str:
    if "const" in option:
        return f"`{option['const']}`"
    if "enum" in option:
        return ", ".join(f"`{word}`" for word in option["enum"])
    if option["type"] == "array":
        return f"a list of {_describe(option['items'], schema=schema)}"
    if option["type"] == "object":
        return _describe_mapping(option, schema=schema)
    limits = [f"{option[key]:g}" for key in ("minimum", "maximum") if key in option]
    span = {0: "", 1: f", {limits[0]} or more" if limits else "", 2: ", " + " to ".join(limits)}
    return _WORDS[option["type"]] + span[len(limits)]


def _describe_mapping(option: Any, *, schema: Any) -> str:
    values = [_resolve(value, schema=schema) for value in _find_values(option)]
    if "properties" in option:
        return "a mapping, [below](#keys)"
    if not values:
        return "a mapping"
    if any(list(_find_blocks(value, schema=schema)) for value in values):
        return "names, each with a mapping, [below](#keys)"
    return f"names, each with {_describe(values[0], schema=schema)}"


def _render_drift() -> str:
    rows = [f"| `{kind}` | `{USUAL[kind]}` |" for kind in USUAL]
    return "\n".join(["### Kinds of drift", "", "| kind | usually |", "|---|---|", *rows])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
