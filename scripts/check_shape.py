"""Check the limits of shape: lines of a module and a function, parameters, suppressions."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES, TEST_LINES, FUNCTION_LINES, PARAMETERS, METHODS = 300, 400, 40, 5, 10
BANNED = {"utils", "helpers", "common", "manager", "service"}


def main() -> int:
    """Print each breach; return 1 if there is one."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    files = [Path(name) for name in listed.stdout.split() if Path(name).exists()]
    breaches = [breach for file in files for breach in _breaches(file)]
    breaches += _suppressions(files)
    sys.stdout.write("".join(f"{breach}\n" for breach in breaches) or "shape: ok\n")
    return int(bool(breaches))


def _breaches(file: Path) -> Iterator[str]:
    text = file.read_text()
    is_test = file.parts[0] == "tests"
    lines = text.count("\n")
    if lines > (TEST_LINES if is_test else MODULE_LINES):
        yield f"{file}: {lines} lines"
    if file.stem in BANNED:
        yield f"{file}: a name that says nothing"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_test:
            yield from _function_breaches(file, node)
        if isinstance(node, ast.ClassDef) and not is_test:
            public = [m for m in node.body if _is_public_method(m)]
            if len(public) > METHODS:
                yield f"{file}:{node.lineno} {node.name}: {len(public)} public methods"


def _function_breaches(file: Path, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    size = (node.end_lineno or node.lineno) - node.lineno + 1
    if size > FUNCTION_LINES:
        yield f"{file}:{node.lineno} {node.name}: {size} lines"


def _is_public_method(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and not node.name.startswith("_")


def _suppressions(files: list[Path]) -> Iterator[str]:
    total = sum(file.read_text().count("\n") for file in files)
    pattern = re.compile(r"#\s*(?:noqa|type:\s*ignore)(\S*)")
    found = [match for file in files for match in pattern.finditer(file.read_text())]
    if len(found) * 1000 > max(total, 1000):
        yield f"{len(found)} suppressions in {total} lines; at most 1 per 1,000"


if __name__ == "__main__":
    sys.exit(main())
