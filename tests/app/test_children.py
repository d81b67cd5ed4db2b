"""A kept process: started, started again with growing pauses, stopped in good order, and what it left behind ended."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from wutong.app.children import Child


def wait_until(condition: Callable[[], bool], patience_s: float = 20) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def script(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_pauses_grow_while_it_keeps_dying(capfd) -> None:
    child = Child("dying", script("raise SystemExit(3)"))
    pauses = []
    for _ in range(3):
        child._not_before = 0
        child.keep()
        wait_until(lambda: not child.is_running())
        child.reap()
        pauses.append(child._pause_s)
    assert pauses == [0.2, 0.4, 0.8]
    assert "status 3" in capfd.readouterr().err


def test_it_is_not_started_before_its_pause_is_over() -> None:
    child = Child("dying", script("raise SystemExit(3)"))
    child.keep()
    wait_until(lambda: not child.is_running())
    child.keep()
    assert not child.is_running()
    assert child._not_before > time.monotonic() - 0.2


def test_one_that_ends_when_asked_and_one_that_does_not(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    stubborn = f"import signal, time, pathlib; signal.signal(15, signal.SIG_IGN); pathlib.Path({str(ready)!r}).touch(); time.sleep(60)"
    polite, deaf = Child("polite", script("import time; time.sleep(60)")), Child("deaf", script(stubborn))
    for child in (polite, deaf):
        child.keep()
    wait_until(ready.exists)
    for child in (polite, deaf):
        child.terminate()
        child.end_by(time.monotonic() + 0.5)
        assert not child.is_running()


def test_what_it_left_behind_ends_with_it(tmp_path: Path) -> None:
    left = tmp_path / "left"
    code = f"import subprocess, pathlib, os; p = subprocess.Popen(['sleep', '60']); pathlib.Path({str(left)!r}).write_text(str(p.pid)); os._exit(1)"
    child = Child("parent", script(code))
    child.keep()
    wait_until(lambda: not child.is_running())
    pid = int(left.read_text())
    child.reap()
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or ") Z " in Path(f"/proc/{pid}/stat").read_text())


def test_the_pid_file_tells_who_runs(tmp_path: Path) -> None:
    child = Child("named", script("import time; time.sleep(60)"), pid_file=tmp_path / "named.pid")
    child.keep()
    assert child._process is not None
    assert int((tmp_path / "named.pid").read_text()) == child._process.pid
    child.terminate()
    child.end_by(time.monotonic() + 5)
    assert not (tmp_path / "named.pid").exists()


def test_a_program_that_is_not_there_is_told_and_tried_later(capfd) -> None:
    child = Child("missing", ("/does/not/exist",))
    child.keep()
    assert not child.is_running()
    assert "does not start" in capfd.readouterr().err
