"""The project's ``.env``: variables of this project alone. The real environment wins over it.

The form is python-dotenv's, which Meltano reads too; values are taken as they stand, without
putting in other variables.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from connector_assets.credentials.commands import MAX_BYTES, MissingError
from connector_assets.files import replace_file

FILE = ".env"


def read_variables(root: Path) -> dict[str, str]:
    """Return the variables of a project's ``.env``, none where there is no file.

    Raises:
        MissingError: It cannot be read.
    """
    from dotenv import dotenv_values

    values = dotenv_values(stream=io.StringIO(_read(root)), interpolate=False)
    return {name: value for name, value in values.items() if value is not None}


def replace_value(root: Path, name: str, *, value: str) -> None:
    """Give a variable of the file another value, or add it; every other byte stays.

    Whoever reads it meanwhile sees the old file or the new one, and so does a kill.

    Raises:
        MissingError: The file cannot be read or written.
    """
    text = _read(root)
    line = f"{name}={_quote(value)}"
    parts = [
        _swap(original, line) if key == name else original for key, original in _bindings(text)
    ]
    if all(key != name for key, _ in _bindings(text)):
        parts = [text, "" if not text or text.endswith("\n") else "\n", line, "\n"]
    _write(root, "".join(parts))


def rename_variables(root: Path, names: Mapping[str, str]) -> str | None:
    """Return the file's text with variables called otherwise; None where it has none of them.

    A variable whose new name is there already stays. Writes nothing.

    Raises:
        MissingError: The file cannot be read.
    """
    text = _read(root)
    known = {key for key, _ in _bindings(text)}
    # By the new name, so that no two become one.
    olds = {new: old for old, new in names.items() if old in known and new not in known}
    wanted = {old: new for new, old in olds.items()}
    if not wanted:
        return None
    return "".join(
        original.replace(key, wanted[key], 1) if key in wanted else original
        for key, original in _bindings(text)
    )


def write_text(root: Path, text: str) -> None:
    """Replace the whole file; who may read it stays.

    Raises:
        MissingError: It cannot be written.
    """
    _write(root, text)


def _bindings(text: str) -> Iterator[tuple[str, str]]:
    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(text)):
        yield binding.key or "", binding.original.string


def _swap(original: str, line: str) -> str:
    """Return a binding with another line; blank lines before it, and its end, stay."""
    before = original[: len(original) - len(original.lstrip())]
    export = "export " if original.lstrip().startswith("export") else ""
    return f"{before}{export}{line}" + ("\n" if original.endswith("\n") else "")


def _quote(value: str) -> str:
    if value and all(letter.isalnum() or letter in "-_./:+=@%~" for letter in value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _read(root: Path) -> str:
    file = root / FILE
    try:
        if not file.exists():
            return ""
        if not file.is_file():
            # A pipe would keep us waiting for ever.
            raise MissingError(f"{FILE} is not a file", fix=f"Make {FILE} a file of NAME=value.")
        with file.open("rb") as opened:
            raw = opened.read(MAX_BYTES * 16 + 1)
        if len(raw) > MAX_BYTES * 16:
            raise MissingError(f"{FILE} is too large", fix="Keep only variables in it.")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # from None: the cause holds the file's bytes.
        raise MissingError(f"{FILE} is not text in UTF-8", fix="Write it as text.") from None
    except OSError as error:
        fix = f"Let this user read {FILE}."
        raise MissingError(f"{FILE} cannot be read: {error.strerror}", fix=fix) from None


def _write(root: Path, text: str) -> None:
    # A link stays one: its file is replaced.
    file = (root / FILE).resolve()
    try:
        mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o600
        replace_file(file, text, mode=mode, durable=True)
    except OSError as error:
        fix = f"Let this user write {FILE}."
        raise MissingError(f"{FILE} cannot be written: {error.strerror}", fix=fix) from None
