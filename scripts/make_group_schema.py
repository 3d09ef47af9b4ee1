"""Make docs/group.schema.json from the records of a compiled group.

``make_group_schema.py`` writes the file; ``make_group_schema.py --check`` exits with 1 if it is not
what it would write.
"""

from __future__ import annotations

import sys
from pathlib import Path

from airflow_bridge.group_schema import render_group_schema

FILE = Path(__file__).parents[1] / "docs" / "group.schema.json"


def main(words: list[str]) -> int:
    """Write the schema, or compare it with what is there; return 1 if it is stale."""
    text = render_group_schema()
    if "--check" not in words:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.is_file() or FILE.read_text(encoding="utf-8") != text:
        sys.stdout.write("docs/group.schema.json is stale: run scripts/make_group_schema.py\n")
        return 1
    sys.stdout.write("schema of a group: fresh\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
