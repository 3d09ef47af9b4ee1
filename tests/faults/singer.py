"""Shops that are synced through Meltano, by a tap that waits half-way when it is told to."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psutil

from connector_assets.model import Verdict

from .killing import check_ledger, live_version
from .pairs import list_cases, select_pairwise
from .processes import find_process, find_worker, wait_for, wait_until_none
from .shop import Shop

FACTORS = {
    "killed": ("tap", "target", "meltano", "worker", "step"),
    "moment": ("middle", "end", "load"),
    "destination": ("duckdb", "ducklake"),
}
#: Who is there: the tap ends with its rows, and only the worker loads.
_THERE = {
    "middle": ("tap", "target", "meltano", "worker", "step"),
    "end": ("target", "meltano", "worker", "step"),
    "load": ("worker", "step"),
}
_POINTS = {"end": "normalize", "load": "first_load_job"}
FIRST_ROWS, ALL_ROWS = 4, 10

CASES = list_cases(FACTORS, allowed=lambda case: case["killed"] in _THERE[case["moment"]])
SELECTED = select_pairwise(CASES)


def declare_tap(shop: Shop, tap: str, **options: Any) -> Shop:
    """Return the shop with a connector of a tap instead of the usual one."""
    connector = {
        "engine": "meltano",
        "source": tap,
        "streams": {"orders": {"write": "merge", "primary_key": "id"}},
        **options,
    }
    return shop.having(connector={"defaults": {}, **connector})


def declare_waiting(shop: Shop, *, rows: int) -> Shop:
    """Return the shop with the tap that waits, and so many rows at its source."""
    config = {"rows": rows, "hold": str(shop.root / "hold")}
    streams = {"orders": {"write": "merge", "primary_key": "id", "cursor": "id"}}
    return declare_tap(shop, "tap-waits", config=config, streams=streams)


def ids_of(shop: Shop) -> list[int]:
    """Return the ids in the destination's table, each as often as it is there."""
    return sorted(int(row["id"] or 0) for row in shop.dump().get("shop_data.orders", ()))


def kill(shop: Shop, case: Mapping[str, str]) -> None:
    """Sync, and kill one of the processes at a moment; return when nothing is left of it."""
    point = _POINTS.get(case["moment"])
    hold = shop.root / "hold"
    # A tap that was killed while it waited has left this.
    held = hold.with_name(f"{hold.name}.held")
    held.unlink(missing_ok=True)
    if point is None:
        hold.touch()
    sync = shop.start(fault=f"{point}:sleep" if point else "")
    if point is None:
        wait_for(held.exists)
    else:
        wait_for(lambda: f"fault point {point}: sleep" in shop.log())
    _FIND[case["killed"]](shop, sync).send_signal(signal.SIGKILL)
    output, errors = sync.communicate(timeout=120)
    expected = -signal.SIGKILL if case["killed"] == "step" else 8
    assert sync.returncode == expected, output + errors
    wait_until_none(shop.root)
    hold.unlink(missing_ok=True)


def check_killed(shop: Shop, cases: Sequence[Mapping[str, str]]) -> None:
    """Kill a sync as each case says, one after the other; check what is left, and the next one."""
    before, version = shop.dump(), live_version(shop)
    killed = []
    for case in cases:
        kill(shop, case)
        assert shop.dump() == before
        killed.append(shop.last())

    row = shop.sync()

    assert row.verdict is Verdict.SUCCEEDED, row.cause
    assert ids_of(shop) == list(range(1, ALL_ROWS + 1))
    assert live_version(shop) == version + 1
    assert row.result["cursors"] == {"orders": ALL_ROWS}
    for each in killed:
        check_ledger(shop, each, arrived=False)


def _find_step(_shop: Shop, sync: subprocess.Popen[str]) -> psutil.Process:
    return psutil.Process(sync.pid)


def _find_worker(_shop: Shop, sync: subprocess.Popen[str]) -> psutil.Process:
    return find_worker(sync.pid)


def _find_by(*words: str) -> Callable[[Shop, subprocess.Popen[str]], psutil.Process]:
    def find(_shop: Shop, sync: subprocess.Popen[str]) -> psutil.Process:
        return find_process(sync.pid, having=words)

    return find


_FIND: Mapping[str, Callable[[Shop, subprocess.Popen[str]], psutil.Process]] = {
    "tap": _find_by("taps/waits.py"),
    "target": _find_by("/connector-target"),
    "meltano": _find_by("/meltano", " run "),
    "worker": _find_worker,
    "step": _find_step,
}
