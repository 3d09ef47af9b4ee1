"""Prints a file of Singer messages byte by byte, also those that no JSON library would write.

Config: ``file`` has one message a line; its SCHEMA messages make the catalog.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from _tap import parse_arguments


def main() -> None:
    options = parse_arguments()
    content = Path(options.config["file"]).read_bytes()
    if not options.discover:
        sys.stdout.buffer.write(content)
        return
    schemas = [json.loads(line) for line in content.splitlines() if b'"SCHEMA"' in line[:20]]
    streams = [
        {
            "tap_stream_id": each["stream"],
            "stream": each["stream"],
            "schema": each["schema"],
            "key_properties": each["key_properties"],
            "metadata": [{"breadcrumb": [], "metadata": {"inclusion": "available"}}],
        }
        for each in schemas
    ]
    json.dump({"streams": streams}, sys.stdout)


if __name__ == "__main__":
    main()
