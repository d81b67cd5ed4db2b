"""The agent and its keepers when things break: kills, floods of output, hiding processes, limits."""

import contextlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.centre.engines.agents import AgentUnderTest, is_alive, kill

from wutong.centre.engines.local import processes
from wutong.centre.engines.local.client import LocalEngine
from wutong.centre.engines.protocol import Absent, Accepted, EndReason, Mount, Phase, Refused, Unknown
from wutong.kit import seal


def test_a_killed_agent_loses_nothing(agent):
    agent.submit("runs", "echo begin; sleep 1.5; echo end; exit 4")
    agent.submit("ends", "sleep 0.4; echo done")
    for number in range(4):
        agent.submit(f"fills-{number}", "sleep 3")
    agent.submit("waits", "echo waited")
    agent.says("runs", "begin")
    before = agent.see("runs")
    agent.kill()
    time.sleep(0.6)
    agent.start()
    assert agent.see("runs").started_at == before.started_at
    end = agent.ended("runs")
    assert (end.exit_code, end.restart, agent.text("runs")) == (4, 0, "begin\nend\n")
    assert end.ended_at - end.started_at == pytest.approx(1.5, abs=0.6)
    assert sum(record.seconds for record in agent.usage("runs")) == pytest.approx(end.ended_at - end.started_at, abs=0.002)
    assert agent.ended("ends").ended_at < end.ended_at
    assert agent.ended("waits").reason is EndReason.COMPLETED
    assert agent.text("waits") == "waited\n"


def test_killed_at_any_moment_nothing_is_lost_or_doubled(agent, tmp_path):
    names = [f"job-{number}" for number in range(40)]
    mark = tmp_path / "mark"
    for number, name in enumerate(names):
        spec = agent.spec(name, f"echo {name} >> {mark}; sleep 0.{number % 4}; exit {number % 3}", memory_mb=16)
        while agent.engine.submit(spec) != Accepted():
            time.sleep(0.01)
        if number % 8 == 7:
            agent.kill()
            agent.start()
    for number, name in enumerate(names):
        end = agent.ended(name)
        assert (end.exit_code, end.restart) == (number % 3, 0), end
        assert sum(record.seconds for record in agent.usage(name)) == pytest.approx(end.ended_at - end.started_at, abs=0.002)
    assert sorted(mark.read_text().split()) == sorted(names)


def test_a_cancel_survives_the_agent(agent):
    agent.submit("runs", "trap '' TERM; echo begin; while true; do sleep 0.1; done", grace_s=1)
    agent.says("runs", "begin")
    agent.engine.cancel("runs")
    agent.kill()
    agent.start()
    assert agent.ended("runs").reason is EndReason.CANCELLED


def test_a_killed_keeper_takes_its_job_along_and_it_is_our_fault(agent):
    agent.submit("runs", "sleep 77.1 & sleep 77.2 & echo begin; wait")
    agent.says("runs", "begin")
    time.sleep(0.3)
    below = processes.tree(agent.keeper("runs"))
    assert len(below) == 3
    kill(agent.keeper("runs"))
    end = agent.ended("runs")
    assert end.reason is EndReason.ENGINE_FAULT
    assert 0.3 <= end.ended_at - end.started_at < 10
    agent.until(lambda: not any(map(is_alive, below)))
    assert sum(record.seconds for record in agent.usage("runs")) == pytest.approx(end.ended_at - end.started_at, abs=0.002)
    assert agent.usage("runs")[-1].final


def test_keeper_and_agent_killed_together(agent):
    agent.submit("runs", "sleep 77.3 & echo begin; wait")
    agent.says("runs", "begin")
    below = processes.tree(agent.keeper("runs"))
    keeper = agent.keeper("runs")
    agent.kill()
    kill(keeper)
    agent.start()
    end = agent.ended("runs")
    assert end.reason is EndReason.ENGINE_FAULT
    assert end.ended_at >= end.started_at
    agent.until(lambda: not any(map(is_alive, below)))


def test_what_forks_and_hides_is_found(agent):
    hide = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear(); os.closerange(0, 3); time.sleep(77.4)
    os._exit(0)
os.wait()
"""
    agent.submit("hides", [sys.executable, "-c", hide])
    assert agent.ended("hides").reason is EndReason.COMPLETED
    assert subprocess.run(["pgrep", "-f", "time.sleep.77.4"], capture_output=True, check=False).stdout == b""


def test_a_chatty_job_hurts_only_itself(agent):
    agent.submit("chatty", "yes 0123456789abcdef0123456789abcdef | head -c 100000000; echo last words", log_limit_bytes=20_000_000)
    began = time.monotonic()
    agent.submit("quiet", "echo quick")
    agent.ended("quiet")
    assert time.monotonic() - began < 5
    end = agent.ended("chatty")
    assert end.reason is EndReason.COMPLETED
    assert "reached its limit of 20000000 bytes" in end.detail
    files = list((agent.home / "runs" / "chatty" / "logs" / "0").iterdir())
    assert sum(file.stat().st_size for file in files) < 20_001_000
    assert len(files) == 3
    assert agent.text("chatty", 19_999_980).endswith("was not kept.\n")


def test_log_pieces_join_over_segments(agent):
    script = "import sys\nfor n in range(1_200_000): sys.stdout.write(f'{n:07}\\n')"
    agent.submit("counts", [sys.executable, "-c", script])
    agent.ended("counts")
    text = agent.text("counts", 8 * 1024 * 1024 - 80, 160)
    numbers = [int(line) for line in text.split("\n") if len(line) == 7]
    assert numbers == list(range(numbers[0], numbers[0] + 20))
    assert agent.engine.logs("counts", 9_600_000, 10).complete


def test_a_shell_does_not_take_its_program_down_before_it_saved(agent):
    """The usual `sh -c "python train.py; ..."`: the shell would die of the signal at once, and the run with it."""
    program = """
import signal, sys, time
def save(*_):
    time.sleep(0.5); print('saved', flush=True); sys.exit(0)
signal.signal(signal.SIGTERM, save)
print('begin', flush=True)
time.sleep(60)
"""
    agent.submit("trains", f'{sys.executable} -c "$PROGRAM"; sleep 60', environment={"PROGRAM": program}, grace_s=10)
    agent.says("trains", "begin")
    agent.engine.cancel("trains")
    end = agent.ended("trains")
    assert "saved" in agent.text("trains")
    assert end.reason is EndReason.CANCELLED


def test_memory_is_bounded(agent):
    agent.submit("grows", [sys.executable, "-c", "import time\nx=[]\nwhile True:\n x.append(bytearray(5_000_000)); time.sleep(0.02)"], memory_mb=100)
    end = agent.ended("grows")
    assert end.reason is EndReason.OUT_OF_MEMORY
    assert "100 MiB" in end.detail
    assert end.max_memory_mb >= 100


def test_disk_is_bounded(agent):
    agent.submit("writes", "for i in 1 2 3 4 5 6 7 8 9; do head -c 3000000 /dev/zero > f$i; done; sleep 60", disk_limit_mb=10)
    end = agent.ended("writes")
    assert end.reason is EndReason.DISK_FULL
    agent.submit("one-file", "head -c 30000000 /dev/zero > f", disk_limit_mb=10)
    assert agent.ended("one-file").exit_code != 0


def test_checkpoints_pass_from_run_to_run(agent):
    agent.submit("first", 'echo 42 > "$WUTONG_CHECKPOINT/state"; exit 1')
    agent.ended("first")
    agent.submit("second", 'cat "$WUTONG_CHECKPOINT/state"', resume_from="first")
    agent.ended("second")
    assert agent.text("second") == "42\n"
    stranger = agent.spec("third", "true", resume_from="second", tenant="stranger")
    assert isinstance(agent.engine.submit(stranger), Refused)


def test_code_is_copied_and_outputs_are_told(agent, tmp_path):
    code = tmp_path / "code"
    (code / "deep").mkdir(parents=True)
    (code / "deep" / "main.sh").write_text("pwd; cat ../data.txt; echo out > $WUTONG_OUTPUTS/result; echo $WUTONG_VISIBLE_DEVICES")
    (code / "data.txt").write_text("data\n")
    (code / "outside").symlink_to("/etc/hostname")
    os.mkfifo(code / "pipe")
    agent.submit("codes", "cd deep && sh main.sh; ls -l ..", code_source=str(code), slots=2)
    end = agent.ended("codes")
    text = agent.text("codes")
    assert "data\n" in text
    assert "outside -> /etc/hostname" in text
    assert "pipe" not in text
    assert (Path(end.outputs_path) / "result").read_text() == "out\n"
    assert len(text.split("\n")[2].split(",")) == 2


def test_nothing_is_inherited_and_secrets_stay_sealed(tmp_path, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "of the control plane")
    key = seal.ensure_key(tmp_path / "key")
    agent = AgentUnderTest(tmp_path / "agent", "--key-file", str(key))
    try:
        agent.submit("tells", "echo $TOKEN; env | grep PG", sealed_environment={"TOKEN": seal.seal(key, "hush-hush")})
        agent.ended("tells")
        assert agent.text("tells") == "hush-hush\n"
        agent.submit("broken", "true", sealed_environment={"TOKEN": "gibberish"})
        end = agent.ended("broken")
        assert (end.reason, end.started_at) == (EndReason.START_FAILED, None)
        kept = [file for file in agent.home.rglob("*") if file.is_file() and "logs" not in file.parts and b"hush-hush" in file.read_bytes()]
        assert kept == []
    finally:
        agent.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"argv": ("/no/such/program",)}, "could not be started"),
        ({"code_source": "/no/such/folder"}, "code of the run is no longer there"),
        ({"mounts": (Mount("/no/such/data", "/data/x"),)}, "no longer there"),
    ],
)
def test_what_cannot_start_says_why_and_costs_nothing(shared_agent, changes, words):
    name = f"cannot-{abs(hash(words))}"
    shared_agent.submit(name, "true", **changes)
    end = shared_agent.ended(name)
    assert (end.reason, end.started_at) == (EndReason.START_FAILED, None)
    assert words in end.detail
    assert shared_agent.usage(name) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../escape"},
        {"name": ""},
        {"argv": ()},
        {"environment": {"A=B": "x"}},
        {"environment": {"A": "x\0y"}},
        {"checkpoint_signal": "SIGKILL"},
        {"checkpoint_signal": "nonsense"},
        {"time_limit_s": 0},
        {"mounts": (Mount("/tmp", "/usr/lib"),)},
        {"mounts": (Mount("/tmp", "/data/../etc"),)},
        {"mounts": (Mount("/tmp", "relative"),)},
        {"slots": -1},
        {"resume_from": "../other"},
        {"environment": {"A": "\udc80"}},
        {"environment": {"A": "x" * 20_000_000}},
    ],
)
def test_nonsense_is_refused_with_a_sentence(shared_agent, changes):
    answer = shared_agent.engine.submit(shared_agent.spec(**{"name": "nonsense", "script": "true", **changes}))
    assert isinstance(answer, Refused)
    assert answer.sentence.endswith(".")


def test_a_garbled_request_harms_nobody(shared_agent):
    from wutong.centre.engines.local.client import connect

    for garbage in (b"\xff" * 4096, b"\0\0\0\4\0\0\0\0nope", b"\0\0\0\2\0\0\0\0[]", b"GET / HTTP/1.1\r\n\r\n"):
        with connect(shared_agent.home) as sock:
            sock.sendall(garbage)
            sock.settimeout(0.2)
            with contextlib.suppress(TimeoutError, ConnectionError):
                assert sock.recv(10) == b""
    assert not isinstance(shared_agent.engine.capabilities(), Unknown)


def test_many_threads_share_an_engine(agent):
    def one(number):
        agent.submit(f"thread-{number}", "true", memory_mb=1)
        return agent.ended(f"thread-{number}").exit_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(one, range(48))) == {0}


def test_waiting_returns_as_soon_as_something_changes(agent):
    cursor = agent.engine.changes("").cursor
    began = time.monotonic()
    assert not agent.engine.wait(cursor, 0.2)
    assert time.monotonic() - began >= 0.2
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(agent.engine.wait, cursor, 20)
        time.sleep(0.1)
        agent.submit("wakes", "true")
        assert waiter.result(5) is True
    assert time.monotonic() - began < 5


def test_a_cursor_of_another_memory_starts_from_the_beginning(agent):
    agent.submit("one", "true")
    agent.ended("one")
    assert {sighting.name for sighting in agent.engine.changes("deadbeef:99").sightings} == {"one"}
    assert agent.engine.usage("deadbeef:99").records


def test_an_agent_that_is_not_there_is_unknown(tmp_path):
    engine = LocalEngine(tmp_path / "nowhere", timeout_s=0.5)
    assert isinstance(engine.capabilities(), Unknown)
    assert isinstance(engine.observe(["x"]), Unknown)
    assert engine.wait("", 0.1) is False


def test_a_second_agent_leaves_quietly(agent):
    line = [sys.executable, "-m", "wutong.centre.engines.local.agent", "--home", str(agent.home)]
    second = subprocess.run(line, capture_output=True, timeout=20, check=False)
    assert second.returncode == 0
    assert b"already serves" in second.stderr
    assert not isinstance(agent.engine.capabilities(), Unknown)


def test_runs_without_sandbox_are_told_loudly(agent):
    size = agent.engine.capabilities()
    assert not size.isolated
    assert "without a sandbox" in size.problems[0]
    assert "Warning" in agent.log


def test_without_a_sandbox_mounts_are_found_where_they_lie(agent, tmp_path):
    data = tmp_path / "data set"
    data.mkdir()
    (data / "x").write_text("found\n")
    agent.submit("reads", 'cat "$DATA/x"; cat "/data/digits/x"', mounts=(Mount(str(data), "/data/digits"),), environment={"DATA": "/data/digits"})
    agent.ended("reads")
    assert agent.text("reads") == "found\nfound\n"


def test_forgotten_files_are_swept_away(agent):
    agent.submit("leaves", "mkdir -p a/b/c; echo x > a/b/c/d")
    agent.ended("leaves")
    assert agent.engine.forget("leaves") == Accepted()
    assert agent.see("leaves") == Absent()
    agent.until(lambda: not (agent.home / "trash").exists())
    assert not (agent.home / "runs" / "leaves").exists()


def test_a_damaged_run_folder_does_not_stop_the_agent(agent):
    (agent.home / "runs" / "blocked").write_text("a file where a folder should be")
    agent.submit("blocked", "true")
    assert agent.ended("blocked").reason is EndReason.ENGINE_FAULT
    agent.submit("after", "true")
    assert agent.ended("after").reason is EndReason.COMPLETED


def test_a_keeper_lost_before_the_job_began_is_started_again(agent, tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    for number in range(1000):
        (code / f"{number}").write_text("x" * 20000)
    agent.submit("slow-start", "ls | wc -l", code_source=str(code))
    agent.until(
        lambda: (agent.home / "runs" / "slow-start" / "keeper.lock").exists() and (agent.home / "runs" / "slow-start" / "keeper.lock").read_text()
    )
    kill(agent.keeper("slow-start"))
    end = agent.ended("slow-start")
    assert (end.reason, end.restart) == (EndReason.COMPLETED, 1)
    assert agent.text("slow-start") == "1000\n"
    assert {record.restart for record in agent.usage("slow-start")} == {1}


def test_an_idle_agent_is_small_and_sleeps(agent):
    agent.submit("one", "true")
    agent.ended("one")
    status = Path(f"/proc/{agent.process.pid}/status").read_text()
    resident_kb = int(status.split("VmRSS:")[1].split()[0])
    assert resident_kb < 32_000
    switches = int(status.split("voluntary_ctxt_switches:")[1].split()[0])
    time.sleep(1.0)
    after = Path(f"/proc/{agent.process.pid}/status").read_text()
    assert int(after.split("voluntary_ctxt_switches:")[1].split()[0]) - switches <= 2


def test_stop_leaves_runs_alone_unless_told(agent):
    agent.submit("goes-on", "sleep 1; echo after")
    agent.running("goes-on")
    agent.engine.stop()
    agent.process.wait(10)
    agent.start()
    assert agent.ended("goes-on").reason is EndReason.COMPLETED
    assert agent.text("goes-on") == "after\n"
    agent.submit("killed", "sleep 60")
    agent.running("killed")
    agent.engine.stop(kill_runs=True)
    agent.process.wait(10)
    agent.start()
    assert agent.see("killed").phase is Phase.ENDED


def test_a_full_disk_costs_nothing_but_time(tmp_path):
    """The agent cannot write: it answers nothing it could not keep, runs go on, and when there is room again all is well."""
    home = tmp_path / "small"
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(home)], capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        agent = AgentUnderTest(home)
        agent.submit("talks", "while [ ! -e go ]; do echo 0123456789; sleep 0.05; done; echo end", memory_mb=16)
        agent.says("talks", "0")
        (home / "runs" / "talks" / "outputs" / "ballast").write_bytes(b"")
        with contextlib.suppress(OSError), (home / "ballast").open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        answers = [agent.engine.submit(agent.spec(f"new-{number}", "echo " + "x" * 3000, memory_mb=16)) for number in range(6)]
        assert agent.process.poll() is None
        taken = [f"new-{number}" for number, answer in enumerate(answers) if answer == Accepted()]
        assert len(taken) < 6
        time.sleep(0.5)
        (home / "ballast").unlink()
        agent.until(lambda: not isinstance(agent.engine.capabilities(), Unknown))
        for name in taken:
            assert agent.ended(name).reason in {EndReason.COMPLETED, EndReason.DISK_FULL}, agent.see(name)
        (home / "runs" / "talks" / "work" / "go").write_text("")
        end = agent.ended("talks")
        assert end.reason is EndReason.COMPLETED
        assert agent.text("talks").endswith("end\n")
        agent.submit("after", "echo fine")
        assert agent.ended("after").reason is EndReason.COMPLETED
        agent.close()
    finally:
        subprocess.run(["umount", "-l", str(home)], check=False)


def test_a_keeper_keeps_one_run_after_the_other_and_then_goes(agent):
    agent.submit("first", "i=0; while test $i -lt 200000; do i=$((i+1)); done; exit 3", memory_mb=256)
    first = agent.ended("first")
    agent.submit("second", "ls /proc/self/fd; exit 4", memory_mb=256)
    second = agent.ended("second")
    assert agent.keeper("first") == agent.keeper("second")
    assert (first.exit_code, second.exit_code) == (3, 4)
    assert agent.text("second").split() == ["0", "1", "2", "3"]
    assert second.cpu_seconds < first.cpu_seconds
    agent.until(lambda: not is_alive(agent.keeper("second")))
    agent.submit("third", "true")
    assert agent.ended("third").exit_code == 0
    assert agent.keeper("third") != agent.keeper("second")


def test_a_keeper_at_rest_goes_with_its_agent(agent):
    agent.submit("one", "true")
    agent.ended("one")
    keeper = agent.keeper("one")
    agent.kill()
    agent.until(lambda: not is_alive(keeper))
    agent.start()


def test_a_keeper_killed_at_rest_costs_nothing(agent):
    agent.submit("one", "true")
    agent.ended("one")
    keeper = agent.keeper("one")
    kill(keeper)
    agent.until(lambda: not is_alive(keeper))
    agent.submit("two", "echo fine")
    assert (agent.ended("two").exit_code, agent.see("two").restart) == (0, 0)
