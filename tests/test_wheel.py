"""The wheel, installed by plain pip into empty environments, used outside the repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
FULL = pytest.mark.full
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "build", "--quiet", "--wheel", "--out-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.parametrize(
    "extra", ["bare", pytest.param("dagster", marks=FULL), pytest.param("airflow", marks=FULL)]
)
def test_wheel_initialises_discovers_and_syncs(wheel: Path, tmp_path: Path, extra: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "try_wheel.py"), str(wheel), extra]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert " ok, " in done.stdout
