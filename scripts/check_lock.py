"""Check that a lock is what its command would make of ``pyproject.toml`` now.

``check_lock.py LOCK COMMAND...``: compiles into a copy and compares. Where no package index can be
reached it says so and passes: freshness cannot be judged offline.
"""

from __future__ import annotations

import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

UNREACHABLE = (
    "error sending request",
    "failed to fetch",
    "dns error",
    "could not connect",
    "network connectivity is disabled",
)
SHOWN_LINES = 20


def main(lock: Path, command: list[str]) -> int:
    """Return 0 if the lock is fresh or cannot be judged, else 1; says which."""
    with tempfile.TemporaryDirectory() as folder:
        # The old lock is the starting point: what still fits keeps its version.
        fresh = Path(folder) / lock.name
        fresh.write_bytes(lock.read_bytes())
        done = subprocess.run(
            [*command, "--output-file", str(fresh)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            return _report_failure(done.stderr)
        return _report_difference(lock, fresh)


def _report_failure(stderr: str) -> int:
    if any(sign in stderr.lower() for sign in UNREACHABLE):
        sys.stdout.write("lock: NOT CHECKED, no package index can be reached\n")
        return 0
    sys.stdout.write(f"lock: cannot be compiled\n{stderr}\n")
    return 1


def _report_difference(lock: Path, fresh: Path) -> int:
    old, new = (file.read_text(encoding="utf-8").splitlines() for file in (lock, fresh))
    if old == new:
        sys.stdout.write("lock: ok\n")
        return 0
    changes = list(difflib.unified_diff(old, new, str(lock), "fresh", lineterm="", n=0))
    shown = "\n".join(changes[:SHOWN_LINES])
    sys.stdout.write(f"lock: {lock} is stale; run `make lock` and commit it\n{shown}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
