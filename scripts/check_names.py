"""Check that nothing committed names a machine: no package index, no address, no private folder.

Prints ``file:line`` for each breach, never the line itself, and exits with 1 if there is one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LOCKS = Path("requirements")
# A lock holds requirements, hashes and comments: no option with an address, no address.
IN_A_LOCK = re.compile(r"://|^\s*--?(?!hash=)[a-z]|\s@\s|^/|\s/")
ANYWHERE = {
    "an option that names a package index": re.compile(
        r"(?<!no-emit-)\b(?:extra-)?index-url\b|--find-links\b|\b(?:PIP|UV)_\w*INDEX\w*\b"
    ),
    "a folder of one machine": re.compile(r"(?<![\w.~-])/(?:root|work|Users|home/\w+)/\w"),
}


def main() -> int:
    """Print where a committed text names a machine; return 1 if there is such a place."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    files = [Path(name) for name in listed.splitlines() if Path(name).is_file()]
    breaches = [breach for file in files if file != _this() for breach in _breaches(file)]
    sys.stdout.write("".join(f"{breach}\n" for breach in breaches) or "names: ok\n")
    return int(bool(breaches))


def _this() -> Path:
    return Path(__file__).resolve().relative_to(Path.cwd())


def _breaches(file: Path) -> Iterator[str]:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if LOCKS in file.parents and IN_A_LOCK.search(line):
            yield f"{file}:{number}: a lock holds requirements and hashes only"
        for what, pattern in ANYWHERE.items():
            if pattern.search(line):
                yield f"{file}:{number}: {what}"


if __name__ == "__main__":
    sys.exit(main())
