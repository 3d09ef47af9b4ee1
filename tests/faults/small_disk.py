"""A sync on a small disk; run as a program in a mount namespace of its own.

``python -m tests.faults.small_disk ROOT PLACE DESTINATION`` mounts a small tmpfs at a place of the
project, syncs a little, then more than fits, then again with room. Prints what it found as JSON.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .content import logical
from .processes import describe, find_processes
from .shop import FIRST, Shop, end

#: Rows of a batch that does not fit.
LARGE = 3000
_FOLDERS = {"work": ".connectors/work", "data": "data", "project": ""}
_SMALL, _ROOMY = "5m", "200m"


def mount(folder: Path, *, size: str, again: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={size}" + (",remount" if again else "")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


def large_batch() -> dict[str, Any]:
    """Rows that no compression makes smaller."""
    texts = (base64.b64encode(os.urandom(3000)).decode() for _ in range(LARGE))
    orders = [{"id": 100 + n, "updated": 100 + n, "text": text} for n, text in enumerate(texts)]
    return {**FIRST, "orders": orders}


def main(root: Path, place: str, destination: dict[str, Any]) -> dict[str, Any]:
    disk = root / _FOLDERS[place]
    mount(disk, size=_SMALL)
    shop = Shop(root=root, destination=destination, write="append").create()
    # The source stands on another disk.
    rows = root.with_name("source.json")
    (root / "source.json").unlink()
    rows.write_text(json.dumps(FIRST))
    (root / "source.json").symlink_to(rows)
    seed = shop.sync().verdict
    before = shop.dump()
    shop.offer(large_batch())
    code, row = end(shop.start())
    left = describe(find_processes(root))
    after = shop.dump()
    mount(disk, size=_ROOMY, again=True)
    freed = shop.sync().verdict
    return {
        "seed": seed,
        "code": code,
        "error": row["error"],
        "unchanged": before == after,
        "left": left,
        "freed": freed,
        "rows": {name: len(rows) for name, rows in logical(shop.dump()).items()},
    }


if __name__ == "__main__":
    found = main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
    print(json.dumps(found))
