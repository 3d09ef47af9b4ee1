"""Files that others read while they are written: replaced as a whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_file(path: Path, text: str, *, mode: int = 0o644, durable: bool = False) -> bool:
    """Give a file a text; return whether it had another one. A reader sees the old or the new.

    One that has the text already is not touched. Everybody may read it, unless ``mode`` says who.
    With ``durable`` it is on the disk when this returns, and not only on its way there.

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
            if durable:
                file.flush()
                os.fsync(file.fileno())
        # mkstemp gives a file to its owner alone; one that is committed is shared.
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True
