"""Check the limits of shape: sizes, parameters, names, and what silences a checker.

``check_shape.py [FILE ...]``, by default every Python file of the repository. Prints a line for
each breach and exits with 1 if there is one.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES, TEST_LINES, FUNCTION_LINES, PARAMETERS, METHODS = 300, 400, 40, 5, 10
LINES_PER_SUPPRESSION = 1_000
BANNED = {"utils", "helpers", "common", "manager", "service"}
SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b")
# A code (`: E501`, `[assignment]`), then words.
EXPLAINED = re.compile(r"#\s*(?:noqa:\s*[A-Z]+\d+|type:\s*ignore\[[\w, -]+\])[\s#]+\w{2}")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def main(names: list[str]) -> int:
    """Print each breach in the named files, or in all; return 1 if there is one."""
    files = [Path(name) for name in names or _list_files()]
    breaches = [breach for file in files for breach in _file_breaches(file)]
    breaches += _too_many_suppressions(files)
    sys.stdout.write("".join(f"{breach}\n" for breach in breaches) or "shape: ok\n")
    return int(bool(breaches))


def _list_files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if Path(name).exists()]


def _file_breaches(file: Path) -> Iterator[str]:
    text = file.read_text(encoding="utf-8")
    is_test = file.parts[0] == "tests"
    lines, limit = text.count("\n"), TEST_LINES if is_test else MODULE_LINES
    if lines > limit:
        yield f"{file}:1: {lines} lines, at most {limit}"
    if BANNED & {file.stem, *file.parts[:-1]}:
        yield f"{file}:1: a name that says nothing"
    for comment, line in _suppressions(file):
        if not EXPLAINED.match(comment):
            yield f"{file}:{line}: {comment!r} needs a code and a reason"
    if not is_test:
        yield from (f"{file}:{breach}" for breach in _tree_breaches(ast.parse(text)))


def _tree_breaches(tree: ast.Module) -> Iterator[str]:
    errors = {method for kind in _classes(tree) if _is_error(kind) for method in kind.body}
    for kind in _classes(tree):
        methods = [node for node in kind.body if _is_public_method(node)]
        if len(methods) > METHODS:
            yield f"{kind.lineno}: {kind.name}: {len(methods)} public methods, at most {METHODS}"
    for node in ast.walk(tree):
        if not isinstance(node, Function):
            continue
        size = (node.end_lineno or node.lineno) - node.lineno + 1
        if size > FUNCTION_LINES:
            yield f"{node.lineno}: {node.name}: {size} lines, at most {FUNCTION_LINES}"
        count = len(_parameters(node))
        # The constructor of an error lists its attributes: it is the record.
        if count > PARAMETERS and not (node.name == "__init__" and node in errors):
            yield f"{node.lineno}: {node.name}: {count} parameters, at most {PARAMETERS}"


def _classes(tree: ast.Module) -> list[ast.ClassDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def _is_error(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)


def _is_public_method(node: ast.stmt) -> bool:
    return isinstance(node, Function) and not node.name.startswith("_")


def _parameters(node: Function) -> list[str]:
    names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return [name for name in names if name not in {"self", "cls"}]


def _suppressions(file: Path) -> Iterator[tuple[str, int]]:
    with file.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.COMMENT and SUPPRESSION.search(token.string):
                yield token.string, token.start[0]


def _too_many_suppressions(files: list[Path]) -> Iterator[str]:
    lines = sum(file.read_text(encoding="utf-8").count("\n") for file in files)
    found = sum(1 for file in files for _ in _suppressions(file))
    if found * LINES_PER_SUPPRESSION > max(lines, LINES_PER_SUPPRESSION):
        yield f"{found} suppressions in {lines} lines, at most 1 per {LINES_PER_SUPPRESSION}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
