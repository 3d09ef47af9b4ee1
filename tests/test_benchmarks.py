"""The benchmark's harness: what it runs, how it measures, and what its page says."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest

from benchmarks.__main__ import make_page
from benchmarks.measure import Aim, Row, Subject, Target, measure_row, unmade
from benchmarks.page import render_page
from benchmarks.peers import install_peer
from benchmarks.run import Command, CommandFailed, run_command
from benchmarks.subjects import count_file

ABOUT = {"date": "2026-01-01", "rounds": 2, "machine": "2 cores", "versions": "duckdb 1.5.5"}
HOLD = "held = bytearray(b'x') * 40_000_000; "


def python(text: str, folder: Path, **given: Any) -> Command:
    return Command(argv=(sys.executable, "-S", "-c", text), cwd=folder, **given)


def subject(name: str, text: str, folder: Path, **given: Any) -> Subject:
    return Subject(name=name, command=python(text, folder), **given)


def measure(*subjects: Subject, **given: Any) -> dict[str, Any]:
    row = Row(key="shop", title="orders", subjects=subjects, **given)
    return {**measure_row(row, rounds=2, tell=lambda _: None), "about": ABOUT}


def page(*rows: dict[str, Any]) -> str:
    return render_page(rows, notes={}, keys=("shop",))


def test_each_runs_once_to_warm_up_and_a_slow_one_once_in_all(tmp_path: Path) -> None:
    def note(name: str) -> str:
        return f"open('runs.txt', 'a').write('{name} ')"

    found = measure(
        subject("ours", note("ours"), tmp_path, ours=True),
        subject("slow", note("slow"), tmp_path, slow=True),
        subject("peer", note("peer"), tmp_path),
    )

    assert (tmp_path / "runs.txt").read_text() == "ours slow peer ours peer ours peer "
    assert [len(one["seconds"]) for one in found["subjects"]] == [2, 1, 2]


def test_a_peer_that_fails_stays_in_the_table_with_its_reason(tmp_path: Path) -> None:
    found = measure(
        subject("ours", "pass", tmp_path, ours=True),
        subject("peer", "raise SystemExit('no such file: /var/tmp/shop/a.csv')", tmp_path),
        subject("other", "pass", tmp_path, problem="cannot be installed: it is too old"),
        targets=(Target(aim=Aim.RATIO, value=2, peer="peer"),),
    )

    text = page(found)
    assert "| peer | failed: exit code 1: no such file: a.csv |" in text
    assert "| other | failed: cannot be installed: it is too old |" in text
    assert "| at most 2 times the wall time of peer | ours: not known |" in text


def test_a_peer_that_ends_well_and_has_loaded_nothing_has_failed(tmp_path: Path) -> None:
    def count() -> int:
        return count_file(tmp_path / "peer.duckdb", "shop.orders")

    duckdb.connect(str(tmp_path / "peer.duckdb")).close()

    found = measure(subject("peer", "pass", tmp_path, count=count))

    assert found["subjects"][0]["failure"].startswith("nothing to count: Catalog Error")


def test_a_row_whose_data_cannot_be_made_says_why() -> None:
    found = measure_row(unmade("shop", reason="exit code 1: full"), rounds=1, tell=lambda _: None)

    assert "| making its data | failed: exit code 1: full |" in page({**found, "about": ABOUT})


@pytest.mark.parametrize(
    ("aim", "value", "found"),
    [
        (Aim.RATIO, 0.5, "0.50, reached"),
        (Aim.RATIO, 0.4, "0.50, **missed**"),
        (Aim.SPEED, 2, "2.0, reached"),
        (Aim.SPEED, 2.1, "2.0, **missed**"),
        (Aim.EXTRA, -2, "-2.00 s, reached"),
        (Aim.EXTRA, -3, "-2.00 s, **missed**"),
        (Aim.PEAK, 600, "524 MB, reached"),
        (Aim.PEAK, 500, "524 MB, **missed**"),
    ],
)
def test_each_target_is_judged_beside_its_figure(aim: Aim, value: float, found: str) -> None:
    measured = {"seconds": [2.0], "rows_per_second": 50, "peak_mib": 500, "counted": 100}
    ours = {"name": "ours", "ours": True, "median_seconds": 2.0, **measured}
    peer = {"name": "peer", "ours": False, "median_seconds": 4.0, **measured, "counted": 99}
    target = {
        "aim": aim.name,
        "value": value,
        "peer": "" if aim is Aim.PEAK else "peer",
        "ours": "",
    }
    row = {"key": "shop", "title": "orders", "rows": 100, "total": 100, "about": ABOUT}

    text = page({**row, "subjects": [ours, peer], "targets": [target]})

    assert f"ours: {found} |" in text
    assert "| peer | 4.00 s | 50 | 2.00 | 524 MB | **99 of 100** | 1 |" in text


def test_the_part_of_a_run_is_what_the_run_tells(tmp_path: Path) -> None:
    text = 'import time; time.sleep(0.2); print(\'{"seconds": {"gate": 0.15}}\')'

    found = measure(subject("ours", text, tmp_path, ours=True), part="gate")

    whole, rest = found["subjects"]
    assert rest["name"] == "ours without its gate"
    assert "Of ours: gate 0.15 s; besides, " in page({**found, "about": ABOUT})
    assert whole["median_seconds"] - rest["median_seconds"] == pytest.approx(0.15, abs=0.002)


def test_what_prints_lines_of_json_tells_no_layers(tmp_path: Path) -> None:
    text = "for _ in '12': print('{\"seconds\": {\"gate\": 1}}')"

    found = measure(subject("ours", text, tmp_path, ours=True))

    assert found["subjects"][0]["layers"] == {}


def test_memory_is_that_of_the_whole_tree(tmp_path: Path) -> None:
    child = f"{HOLD}import time; time.sleep(0.4)"
    both = f"{HOLD}import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {child!r}])"

    alone = run_command(python(child, tmp_path), watch=True).peak_mib
    tree = run_command(python(both, tmp_path), watch=True).peak_mib

    assert 38 < alone < 70
    assert 76 < tree < 140


def test_what_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    text = (
        "import subprocess, pathlib; child = subprocess.Popen(['sleep', '60']);"
        "pathlib.Path('child.txt').write_text(str(child.pid)); child.wait()"
    )

    with pytest.raises(CommandFailed, match=r"took longer than 0\.5 s"):
        run_command(python(text, tmp_path, within=0.5), watch=False)

    child = int((tmp_path / "child.txt").read_text())
    by = time.monotonic() + 5
    while _runs(child) and time.monotonic() < by:
        time.sleep(0.02)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_peer_that_cannot_be_installed_says_why(tmp_path: Path) -> None:
    (tmp_path / "peer.txt").write_text("not a requirement\n")

    peer = install_peer("peer", pins_in=tmp_path, made_in=tmp_path / "made")

    assert peer.problem.startswith("cannot be installed: ")
    assert str(tmp_path) not in peer.problem


def test_the_page_names_what_was_never_measured(tmp_path: Path) -> None:
    text = render_page(
        [measure(subject("ours", "pass", tmp_path))], notes={}, keys=("shop", "orders")
    )

    assert "Not measured yet: `orders`." in text


def test_the_page_is_what_its_json_says() -> None:
    file = Path(__file__).parents[1] / "docs" / "benchmarks.md"

    assert file.read_text() == make_page()
