"""The shape check finds each kind of breach, and nothing where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "check_shape.py"
# Put together here: this file is checked too.
IGNORE = "type" + ": ignore"


def check_shape(folder: Path, name: str, text: str) -> tuple[int, str]:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    command = [sys.executable, str(SCRIPT), name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "text", "breach"),
    [
        pytest.param("shop.py", "x = 1\n" * 301, "shop.py:1: 301 lines", id="module"),
        pytest.param("tests/test_x.py", "x = 1\n" * 401, "401 lines, at most 400", id="test"),
        pytest.param("def_.py", "def f():\n" + " x = 1\n" * 40, "f: 41 lines", id="function"),
        pytest.param("a.py", "def f(a, /, b, *, c, d, e, g): ...\n", "6 parameters", id="many"),
        pytest.param(
            "b.py",
            "class A:\n" + "".join(f" def m{i}(self): ...\n" for i in range(11)),
            "A: 11 public methods",
            id="class",
        ),
        pytest.param("utils.py", "", "a name that says nothing", id="name"),
        pytest.param("helpers/x.py", "", "a name that says nothing", id="folder"),
        pytest.param("c.py", f"x = 1  # {IGNORE}\n", "needs a code and a reason", id="no-code"),
        pytest.param("d.py", f"x = 1  # {IGNORE}[misc]\n", "a code and a reason", id="no-reason"),
    ],
)
def test_shape_check_names_the_breach(tmp_path: Path, name: str, text: str, breach: str) -> None:
    code, output = check_shape(tmp_path, name, text)

    assert code == 1
    assert breach in output


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("a.py", "class A:\n def f(self, a, b, c, d, e): ...\n", id="self"),
        pytest.param(
            "b.py",
            "class SyncError(Exception):\n def __init__(self, a, b, c, d, e, f): ...\n",
            id="error-attributes",
        ),
        pytest.param("c.py", f"x = 1  # {IGNORE}[misc] # the library has no types\n", id="reason"),
        pytest.param("d.py", f'x = "# {IGNORE}"\n', id="in-a-string"),
        pytest.param("tests/test_x.py", "def f(a, b, c, d, e, g): ...\n", id="fixtures"),
    ],
)
def test_shape_check_accepts_what_is_in_shape(tmp_path: Path, name: str, text: str) -> None:
    assert check_shape(tmp_path, name, text) == (0, "shape: ok\n")
