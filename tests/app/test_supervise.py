"""The supervisor with real processes: whatever is killed comes back, and nothing is left when it is told to stop."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wutong.app.trial import TrialCentre

PATIENCE_S = 90


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def is_back(centre: TrialCentre, name: str, before: int) -> bool:
    now = centre.pids().get(name, before)
    return now != before and runs(now) and centre.is_healthy()


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrialCentre]:
    centre = TrialCentre(tmp_path_factory.mktemp("supervised") / "home", sandbox="none")
    centre.start(patience_s=PATIENCE_S)
    yield centre
    centre.stop()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["worker", "api-0", "agent", "postgres"])
def test_what_is_killed_comes_back(centre: TrialCentre, name: str) -> None:
    before = centre.pids()[name]
    others = {other: pid for other, pid in centre.pids().items() if other != name}
    assert centre.kill(name)
    wait_until(lambda: is_back(centre, name, before), f"{name} did not come back")
    assert {other: pid for other, pid in centre.pids().items() if other != name} == others


@pytest.mark.timeout(300)
def test_a_caller_waits_while_the_api_starts_again(centre: TrialCentre) -> None:
    import httpx2

    url = centre.url
    before = centre.pids()["api-0"]
    centre.kill("api-0")
    wait_until(lambda: not runs(before), "it does not die")
    assert httpx2.get(f"{url}/health", timeout=PATIENCE_S).status_code == 200


@pytest.mark.timeout(300)
def test_the_supervisors_death_is_a_pause(centre: TrialCentre) -> None:
    before, url = centre.pids(), centre.url
    assert centre.kill("supervisor")
    assert centre._serve is not None
    centre._serve.wait(10)
    wait_until(lambda: not runs(before["worker"]) and not runs(before["api-0"]), "worker and API outlived the supervisor")
    assert runs(before["agent"])
    assert runs(before["postgres"])
    centre.start(patience_s=PATIENCE_S)
    after = centre.pids()
    assert (after["agent"], after["postgres"]) == (before["agent"], before["postgres"])
    assert after["worker"] != before["worker"]
    assert centre.url == url


@pytest.mark.timeout(300)
def test_a_second_supervisor_is_turned_away(centre: TrialCentre) -> None:
    argv = [sys.executable, "-m", "wutong.app", "serve"]
    done = subprocess.run(argv, env=centre.environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 1
    assert "already runs" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.timeout(300)
def test_a_stopped_centre_leaves_no_process(centre: TrialCentre) -> None:
    """Last in this module."""
    pids = centre.pids()
    centre.stop()
    wait_until(lambda: not any(runs(pid) for pid in pids.values()), "something still runs")
    assert not (centre.home / "run" / "endpoint.json").exists()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pids["worker"], signal.SIGKILL)
        raise AssertionError("the worker left something behind")
    assert centre.pids() == {}
