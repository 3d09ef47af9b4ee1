"""``python -m connector_assets.cli`` is the connectors command."""

import sys

from connector_assets.cli import main

if __name__ == "__main__":
    sys.exit(main())
