"""Supervised commands: how they end, what is kept of them, and that nothing of them is left."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from connector_assets.engines.process import Command, Outcome, Watch, run_supervised
from connector_assets.errors import EngineFailed, EngineTimeout, LeaseLost

# A worker with a child and a grandchild, all deaf to SIGTERM.
DEAF = "trap '' TERM"
FAMILY = f"""{DEAF}; sh -c "{DEAF}; sleep 300 & sleep 300" & touch ready; sleep 300"""
STEP = """
import os, sys, time
from pathlib import Path
from connector_assets.engines.process import Command, Watch, run_supervised
folder = Path(sys.argv[1])
def fork():
    if (folder / "fork").exists() and not (folder / "forked").exists():
        if not os.fork():
            time.sleep(60)
        (folder / "forked").touch()
command = Command(name="family", argv=("sh", "-c", sys.argv[2]), cwd=folder, env=dict(os.environ),
                  log=folder / "log", grace=0.5)
run_supervised(command, watch=Watch(poll=fork), timeout=120)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose processes are ended after the test, whatever happened."""
    yield tmp_path
    for process in find_processes(tmp_path):
        with suppress(psutil.Error):
            process.kill()


def find_processes(folder: Path) -> list[psutil.Process]:
    """All living processes that work in ``folder``, whatever group they are in."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_for(condition: Callable[[], Any], *, seconds: float = 20.0) -> Any:
    """Wait until ``condition`` is true, and return what it said last."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


def run(folder: Path, script: str, *, timeout: float = 60.0, **watch: Any) -> Outcome:
    """Run a shell script supervised, with a grace of half a second."""
    command = Command(
        name="engine of shop",
        argv=("sh", "-c", script),
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        log=folder / "engine.log",
        progress=folder / "progress.jsonl",
        grace=0.5,
    )
    return run_supervised(command, watch=Watch(**watch), timeout=timeout)


def start_step(folder: Path, script: str) -> subprocess.Popen[bytes]:
    """Start a step of its own that supervises ``script``; return it once the script is ready."""
    step = subprocess.Popen([sys.executable, "-c", STEP, str(folder), script])
    assert wait_for((folder / "ready").exists)
    return step


def find_guard(folder: Path) -> psutil.Process:
    """The guard that leads the group of the script in ``folder``."""
    return next(each for each in find_processes(folder) if "guard.py" in str(each.cmdline()))


@pytest.mark.parametrize("code", [0, 3, 143])
def test_exit_code_is_forwarded(folder: Path, code: int) -> None:
    assert run(folder, f"exit {code}").exit_code == code


def test_signal_is_told_as_a_negative_exit_code(folder: Path) -> None:
    outcome = run(folder, "kill -KILL $$")

    assert outcome.exit_code == -signal.SIGKILL
    assert "signal 9" in outcome.explain()


def test_command_that_does_not_exist_is_named(folder: Path) -> None:
    command = Command(name="tap", argv=("no-such-tap",), cwd=folder, env={}, log=folder / "log")

    with pytest.raises(EngineFailed) as caught:
        run_supervised(command, watch=Watch(), timeout=10)

    assert caught.value.place == "no-such-tap"


def test_output_of_both_streams_is_logged_and_its_end_kept(folder: Path) -> None:
    outcome = run(folder, "seq 1 50; echo oops >&2; exit 1")

    assert outcome.log.read_text().splitlines() == [*map(str, range(1, 51)), "oops"]
    assert outcome.tail == (*map(str, range(32, 51)), "oops")
    assert outcome.explain().startswith("engine of shop ended with exit code 1")


def test_output_is_redacted_before_it_is_kept(folder: Path) -> None:
    outcome = run(folder, "echo token=hunter2", redact=lambda line: line.replace(b"hunter2", b"*"))

    assert outcome.tail == ("token=*",)
    assert "hunter2" not in outcome.log.read_text()


def test_line_that_cannot_be_redacted_is_withheld(folder: Path) -> None:
    def fail(line: bytes) -> bytes:
        raise ValueError(line)

    outcome = run(folder, "echo hunter2; echo more", redact=fail)

    assert "hunter2" not in outcome.log.read_text()
    assert "withheld" in outcome.tail[0]


@pytest.mark.integration
def test_secret_across_the_cut_of_a_long_line_is_not_kept(folder: Path) -> None:
    padding = (1 << 20) - 3
    script = f'{sys.executable} -c \'print("x" * {padding} + "hunter2" * 9); print("end")\''

    outcome = run(folder, script, redact=lambda line: line.replace(b"hunter2", b"*"))

    assert "hun" not in outcome.log.read_text()
    assert outcome.tail[-1] == "end"


def test_progress_is_passed_on_complete_lines_only(folder: Path) -> None:
    events: list[dict[str, Any]] = []
    line = json.dumps({"phase": "extract", "rows": 7})
    script = f"echo {shlex.quote(line)} >>progress.jsonl; echo garbage >>progress.jsonl;"

    run(folder, f"{script} printf '{{\"cut' >>progress.jsonl", on_progress=events.append)

    assert events == [{"phase": "extract", "rows": 7}]


@pytest.mark.integration
def test_heartbeat_runs_while_the_command_does(folder: Path) -> None:
    beats: list[float] = []

    def beat() -> bool:
        beats.append(time.monotonic())
        return True

    run(folder, "sleep 1.2", heartbeat=beat, heartbeat_every=0.3)

    assert 2 <= len(beats) <= 5


@pytest.mark.integration
def test_lost_lease_ends_the_command(folder: Path) -> None:
    with pytest.raises(LeaseLost):
        run(folder, FAMILY, heartbeat=lambda: False, heartbeat_every=0.3)

    assert not find_processes(folder)


@pytest.mark.integration
def test_command_runs_in_a_thread_and_is_cancelled_by_poll(folder: Path) -> None:
    raised: list[BaseException] = []
    cancelled = threading.Event()

    def poll() -> None:
        if cancelled.is_set():
            raise KeyboardInterrupt

    def supervise() -> None:
        try:
            run(folder, FAMILY, poll=poll)
        except KeyboardInterrupt as error:
            raised.append(error)

    thread = threading.Thread(target=supervise)
    thread.start()
    assert wait_for((folder / "ready").exists)
    cancelled.set()
    thread.join(20)

    assert len(raised) == 1
    assert not find_processes(folder)


@pytest.mark.fault
def test_timeout_ends_a_family_deaf_to_sigterm(folder: Path) -> None:
    with pytest.raises(EngineTimeout) as caught:
        run(folder, f"echo working; {FAMILY}", timeout=1.0)

    assert "after 1 seconds" in caught.value.problem
    assert "working" in caught.value.problem
    assert not find_processes(folder)


@pytest.mark.fault
def test_stopped_command_is_ended_at_the_timeout(folder: Path) -> None:
    with pytest.raises(EngineTimeout):
        run(folder, "kill -STOP $$", timeout=0.5)

    assert not find_processes(folder)


@pytest.mark.fault
def test_exception_of_a_callback_ends_the_family(folder: Path) -> None:
    def poll() -> None:
        if (folder / "ready").exists():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(folder, FAMILY, poll=poll)

    assert not find_processes(folder)


@pytest.mark.fault
def test_grandchild_left_behind_by_a_normal_end_is_ended(folder: Path) -> None:
    outcome = run(folder, "(sleep 300 &) ; echo done")

    assert outcome.exit_code == 0
    assert len(outcome.left_over) == 1
    assert not find_processes(folder)


@pytest.mark.fault
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_killed_step(folder: Path, number: int) -> None:
    step = start_step(folder, FAMILY)

    step.send_signal(number)
    step.wait(20)

    assert wait_for(lambda: not find_processes(folder))


@pytest.mark.fault
def test_nothing_outlives_a_killed_step_whose_fork_holds_the_pipe(folder: Path) -> None:
    step = start_step(folder, FAMILY)
    (folder / "fork").touch()
    assert wait_for((folder / "forked").exists)
    forks = psutil.Process(step.pid).children()

    step.kill()
    step.wait(20)

    assert wait_for(lambda: not find_processes(folder))
    for fork in forks:
        with suppress(psutil.NoSuchProcess):
            fork.kill()


@pytest.mark.fault
def test_killed_guard_is_noticed_and_its_group_ended(folder: Path) -> None:
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(run(folder, FAMILY)))
    thread.start()
    assert wait_for((folder / "ready").exists)

    find_guard(folder).kill()
    thread.join(20)

    assert outcomes[0].exit_code is None
    assert not find_processes(folder)


@pytest.mark.fault
def test_hundred_megabytes_of_output_do_not_block(folder: Path) -> None:
    outcome = run(folder, "yes 'a line of output, of one hundred megabytes' | head -c 100000000")

    assert outcome.exit_code == 0
    assert outcome.log.stat().st_size >= 100_000_000 - 1
    assert len(outcome.tail) == 20
