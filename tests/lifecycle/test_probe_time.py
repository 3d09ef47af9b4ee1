"""Probes of sources that hang: ended in time, with everything that they started."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector_assets.errors import EngineTimeout, FailureClass
from connector_assets.ledger.store import Ledger

from .probing import Probing, find_processes

pytestmark = pytest.mark.fault

FUNCTION = """\
name: shop
engine: dlt
source: python:hangs_%s:orders
destination: warehouse.shop_data
streams:
  orders: {write: append}
"""
HANGS = """\
import pathlib, signal, subprocess, time
import dlt

@dlt.resource(name="orders")
def orders():
    subprocess.Popen(["sleep", "600"])
    pathlib.Path("asked").touch()
    time.sleep(600)
    yield {"id": 1}
"""
TAP = """\
name: shop
engine: meltano
source: tap-offers
config: {file: not-there.json}
secrets: {password: "env:SHOP_PASSWORD"}
destination: warehouse.shop_data
streams:
  orders: {write: append}
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / '.connectors' / 'ledger.db'}") as opened:
        yield opened


def check_ended(probing: Probing, *, sign: str, timeout: float = 5) -> None:
    """Probe a source that makes the file ``sign`` when it begins to hang."""
    began = time.monotonic()

    probed = probing.probe(timeout=timeout)

    if not (probing.root / sign).exists() and timeout < 60:
        # A busy machine: it did not come as far as that.
        check_ended(probing, sign=sign, timeout=timeout * 3)
        return
    assert (probing.root / sign).exists()
    assert isinstance(probed.error, EngineTimeout)
    assert (probed.error.failure_class, probed.exit_code) == (FailureClass.TRANSIENT, 7)
    assert f"did not answer within {timeout:g} seconds" in probed.error.problem
    assert "connectors probe shop --timeout" in probed.error.fix
    assert find_processes(probing.root) == []
    # With the time that it has to leave, and to be ended; far from what the source takes.
    assert time.monotonic() - began < timeout + 30


def test_function_that_hangs_is_ended_with_its_children(tmp_path: Path, ledger: Ledger) -> None:
    name = tmp_path.name
    (tmp_path / f"hangs_{name}.py").write_text(HANGS)
    probing = Probing(tmp_path, ledger, connector=FUNCTION % name)

    check_ended(probing, sign="asked")


def test_tap_that_hangs_is_ended_and_leaves_no_secret(
    tmp_path: Path,
    ledger: Ledger,
    declare_taps: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret-of-the-shop")
    declare_taps(tmp_path)
    probing = Probing(tmp_path, ledger, connector=TAP)

    check_ended(probing, sign="not-there.json.hangs")

    texts = [
        path.read_text(errors="replace")
        for path in tmp_path.rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    assert not any("s3cret" in text for text in texts)
