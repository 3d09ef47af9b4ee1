"""Files that others read while they are written: replaced as a whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_file(path: Path, text: str) -> bool:
    """Give a file a text; return whether it had another one. A reader sees the old or the new.

    One that has the text already is not touched. Everybody may read it.

    Raises:
        OSError: It cannot be written; the old one is as it was.
    """
    content = text.encode()
    if path.is_file() and path.read_bytes() == content:
        return False
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp gives a file to its owner alone; this one is committed and shared.
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True
