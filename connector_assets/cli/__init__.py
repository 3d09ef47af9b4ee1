"""The connectors command: one module per command, each imported when it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from connector_assets.garbage import collect_rarely


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (by default this process's) and return its exit code."""
    if arguments is None:
        # Before anything large is imported.
        collect_rarely()
    try:
        from connector_assets.cli.app import run

        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return 130
