"""The supervisor's pid file: what it says counts only while its lock is held, and a moment without a word is waited for."""

import fcntl
import threading
import time
from pathlib import Path

import pytest

from wutong.app.plan import make_plan
from wutong.app.supervise import _supervisor_pid
from wutong.kit.settings import Settings


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "supervisor.pid"


def test_a_pid_counts_only_while_its_lock_is_held(tmp_path: Path, pid_file: Path) -> None:
    plan = make_plan(Settings(home=tmp_path))
    assert _supervisor_pid(plan) is None
    pid_file.write_text("4711")
    assert _supervisor_pid(plan) is None
    with pid_file.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert _supervisor_pid(plan) == 4711


@pytest.mark.parametrize(("later", "seen"), [("4711", 4711), ("", None)], ids=["begins", "ends"])
def test_a_held_lock_without_a_word_is_waited_for(tmp_path: Path, pid_file: Path, later: str, seen: int | None) -> None:
    plan = make_plan(Settings(home=tmp_path))
    with pid_file.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def speak() -> None:
            time.sleep(0.05)
            if later:
                pid_file.write_text(later)
            else:
                fcntl.flock(lock, fcntl.LOCK_UN)

        thread = threading.Thread(target=speak)
        thread.start()
        assert _supervisor_pid(plan) == seen
        thread.join()
