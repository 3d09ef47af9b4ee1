"""Offers what a file says, read anew by each discovery; it has no record.

Config: ``file`` names JSON with ``{"STREAM": {"properties": {}, "key": []}}``. Without the file it
hangs, with a child, both deaf to SIGTERM, and makes one beside it, with ``.hangs`` at its end.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from _tap import parse_arguments


def main() -> None:
    file = Path(parse_arguments().config["file"])
    if not file.exists():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        file.with_name(f"{file.name}.hangs").touch()
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        time.sleep(600)
    streams = json.loads(file.read_text(encoding="utf-8"))
    entries = [
        {
            "tap_stream_id": name,
            "stream": name,
            "schema": {"type": "object", "properties": one["properties"]},
            "key_properties": one["key"],
            "metadata": [{"breadcrumb": [], "metadata": {"inclusion": "available"}}],
        }
        for name, one in streams.items()
    ]
    json.dump({"streams": entries}, sys.stdout)


if __name__ == "__main__":
    main()
