"""What a sync may take of the machine, if nobody says otherwise."""

from __future__ import annotations

#: Memory of a load, in bytes.
MEMORY = 280_000_000
