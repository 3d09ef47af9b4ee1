"""``python -m airflow_bridge compile``: the same as ``connectors bridge compile``."""

from __future__ import annotations

import sys

from connector_assets.cli import main

if __name__ == "__main__":
    sys.exit(main(["bridge", *sys.argv[1:]]))
