"""Has a worker start the lying target; Python imports this where its folder is on the path."""

from __future__ import annotations

import sys
from pathlib import Path

# The target itself heeds no variable of Python's: what starts it has to be told.
if "connector_assets.engines.worker" in sys.orig_argv:
    from connector_assets.engines import meltano_overlay

    _lie = f"sys.path.append({str(Path(__file__).parent)!r}); import lying_target\n"
    _program = meltano_overlay._PROGRAM
    meltano_overlay._PROGRAM = _program.replace("sys.exit(", f"{_lie}sys.exit(")
