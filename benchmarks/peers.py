"""Peers in environments of their own, made on demand and kept in .tools/peers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from benchmarks.run import unplaced

_ROOT = Path(__file__).parents[1]
PINS = _ROOT / "requirements" / "peers"
FOLDER = _ROOT / ".tools" / "peers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A peer's environment: where its programs are, or the ``problem`` of installing it."""

    programs: Path
    problem: str = ""


def install_peer(name: str, *, pins_in: Path = PINS, made_in: Path = FOLDER) -> Peer:
    """Make the environment that requirements/peers/NAME.txt describes, or find it made."""
    folder, pins = made_in / name, pins_in / f"{name}.txt"
    made = folder / "made-from.txt"
    made_in.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not made.exists() or made.read_text() != pins.read_text():
            problem = _make(folder, pins)
            if problem:
                return Peer(programs=folder / "bin", problem=problem)
            shutil.copy(pins, made)
    return Peer(programs=folder / "bin")


def _make(folder: Path, pins: Path) -> str:
    """Make an environment; return why it could not be made."""
    shutil.rmtree(folder, ignore_errors=True)
    uv, python = str(Path(sys.executable).with_name("uv")), str(folder / "bin" / "python")
    install = ["pip", "install", "--compile-bytecode", "--python", python, "-r", str(pins)]
    for words in (["venv", "--python", sys.executable, str(folder)], install):
        done = subprocess.run([uv, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"cannot be installed: {unplaced(' '.join(done.stderr.split()))[-300:]}"
    return ""
