"""Hostile jobs in the bubblewrap sandbox: what they try, and that it does not work."""

import os
import re
import sys
from pathlib import Path

import pytest
from tests.centre.engines.agents import is_alive, kill

from wutong.centre.engines.local import processes, sandbox
from wutong.centre.engines.local.folders import RunFolder
from wutong.centre.engines.protocol import EndReason, Mount, RunSpec

# Not our own: a virtual environment may hold a copy of the interpreter, and the sandbox shows only the installation it stands on.
PYTHON = os.path.realpath(f"{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}")
pytestmark = pytest.mark.needs_bubblewrap


@pytest.fixture
def run(confined_agent, request):
    numbers = iter(range(100))

    def run(script, **changes):
        name = re.sub(r"[^\w-]+", "-", request.node.name)[:60] + f"-{next(numbers)}"
        confined_agent.submit(name, script, **changes)
        end = confined_agent.ended(name)
        return confined_agent.text(name), end

    return run


def test_says_that_it_confines(confined_agent):
    size = confined_agent.engine.capabilities()
    assert (size.isolated, size.isolation) == (True, "bubblewrap")


def test_a_job_sees_only_its_own_files(confined_agent, run):
    text, end = run("echo mine > secret.txt; ls -A / /wutong; find / -xdev -name secret.txt 2>/dev/null; sleep 0.2")
    assert end.exit_code == 0
    assert "home" not in text.split()
    assert "var" not in text.split()
    text, _end = run("find / -name secret.txt 2>/dev/null; true")
    assert text == ""
    hidden = [
        confined_agent.home,
        confined_agent.home / "agent.db",
        confined_agent.home / "agent.sock",
        Path("/root"),
        Path("/var/lib/postgresql"),
        Path("/home"),
    ]
    text, _end = run("\n".join(f"cat {path} 2>&1; ls {path} 2>&1" for path in hidden))
    assert all("No such file" in line or "Permission denied" in line or "Is a directory" in line for line in text.splitlines()), text


def test_mounts_are_read_only_and_work(run, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("content\n")
    (tmp_path / "data").chmod(0o755)
    text, _end = run(
        "cat /data/set/x; echo evil > /data/set/x; rm /data/set/x; touch /data/set/y", mounts=(Mount(str(tmp_path / "data"), "/data/set"),)
    )
    assert text.startswith("content\n")
    assert text.count("Read-only file system") == 3
    assert [path.read_text() for path in (tmp_path / "data").iterdir()] == ["content\n"]


@pytest.mark.parametrize("path", ["/usr/bin/evil", "/etc/evil", "/evil", "/dev/evil", "/wutong/evil", "/sys/evil"])
def test_the_system_cannot_be_written(run, path):
    text, _end = run(f"touch {path} && echo WROTE")
    assert "WROTE" not in text


def test_its_own_places_can_be_written(run):
    text, end = run(
        'touch here "$WUTONG_OUTPUTS/o" "$WUTONG_CHECKPOINT/c" /tmp/t /dev/shm/s "$HOME/h" && pwd && id -u && echo ok', environment={"HOME": "/"}
    )
    assert text.splitlines()[-1] == "ok"
    assert (Path(end.outputs_path) / "o").exists()
    assert not (Path(end.outputs_path).parent / "tmp").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="an identity for each tenant needs root")
def test_each_tenant_has_an_identity_of_its_own(run):
    ids = {tenant: run("id -u", tenant=tenant)[0].strip() for tenant in ("a", "b", "a")}
    assert int(ids["a"]) > 200_000
    assert ids["a"] != ids["b"]
    assert run("id -u", tenant="a")[0].strip() == ids["a"]


def test_other_processes_cannot_be_seen_killed_or_traced(confined_agent, run):
    confined_agent.submit("victim", "sleep 30", environment={"SECRET": "victims-secret"})
    confined_agent.running("victim")
    keeper = confined_agent.keeper("victim")
    script = f"""
import glob, os
seen = b""
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    try: seen += open(path, "rb").read()
    except OSError: pass
secrets = [{"victims-secret"[::-1]!r}[::-1], {str(confined_agent.home)[::-1]!r}[::-1]]
print("LEAK" if any(secret.encode() in seen for secret in secrets) else "blind")
try:
    os.kill({keeper}, 9); print("KILLED")
except OSError as error: print(error.strerror)
for pid in range(1, 400):
    if pid != os.getpid():
        try: os.kill(pid, 9)
        except OSError: pass
print(len(glob.glob("/proc/[0-9]*")))
"""
    text, _end = run([PYTHON, "-c", script])
    assert "blind" in text
    assert "KILLED" not in text
    assert int(text.split()[-1]) <= 3
    assert confined_agent.see("victim").reason is None
    confined_agent.engine.cancel("victim")
    confined_agent.ended("victim")


def test_no_new_privileges_name_spaces_or_mounts(run):
    tries = ("unshare -Ur true && echo NAMESPACE", "mount -t tmpfs none /tmp && echo MOUNTED", "su -c id && echo ROOT", "true")
    text, _end = run("grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status; " + "; ".join(tries))
    assert "CapEff:\t0000000000000000" in text
    assert "NoNewPrivs:\t1" in text
    assert "Seccomp:\t2" in text
    assert not {"NAMESPACE", "MOUNTED", "ROOT"} & set(text.split())


def test_the_network_is_only_there_when_asked_for(run):
    script = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
socket.create_connection(listener.getsockname())
print(sorted(name for _index, name in socket.if_nameindex()))
"""
    text, end = run([PYTHON, "-c", script])
    assert (text, end.exit_code) == ("['lo']\n", 0)


def test_the_linker_cannot_be_turned_against_the_sandbox(run):
    """LD_PRELOAD and the like reach the job, but neither bubblewrap nor setpriv, which still have privileges."""
    text, end = run(
        "echo $LD_LIBRARY_PATH; cat /proc/1/environ | tr '\\0' '\\n' | grep -c LD_", environment={"LD_LIBRARY_PATH": "/wutong/work", "LD_PRELOAD": ""}
    )
    assert text.splitlines()[0] == "/wutong/work"
    assert end.reason in {EndReason.COMPLETED, EndReason.FAILED}


def test_a_job_inherits_its_limits_and_nothing_else(run):
    script = (
        "cat /proc/self/oom_score_adj /proc/self/limits; nice; umask; grep -E 'Sig(Ign|Blk)' /proc/self/status; ls /proc/self/fd; ps -o sid= -p $$"
    )
    text, end = run(script, disk_limit_mb=3)
    assert end.exit_code == 0, text
    limits = {line[:26].strip(): line[26:].split()[:2] for line in text.splitlines() if line.startswith("Max ")}
    assert limits["Max file size"] == ["3145728"] * 2
    assert limits["Max processes"] == ["4096"] * 2
    assert limits["Max core file size"] == ["0", "0"]
    *_, nice, mask, blocked, ignored, no, out, err, folder, _session = text.split("Max realtime timeout")[1].splitlines()
    assert (text.splitlines()[0], nice, mask) == ("500", str(min(os.nice(0) + 5, 19)), "0022")
    assert int(blocked.split()[1], 16) == 0
    assert int(ignored.split()[1], 16) & ~(1 << 31 | 1 << 32) == 0  # 32 and 33 are the C library's own
    assert [no, out, err, folder] == ["0", "1", "2", "3"]


def test_a_killed_keeper_takes_its_job_along(confined_agent):
    confined_agent.submit("runs", "sleep 77.1 & echo begin; wait")
    confined_agent.says("runs", "begin")
    keeper = confined_agent.keeper("runs")
    below = processes.tree(keeper)
    assert Path(f"/proc/{keeper}/oom_score_adj").read_text() == Path("/proc/self/oom_score_adj").read_text()
    kill(keeper)
    assert confined_agent.ended("runs").reason is EndReason.ENGINE_FAULT
    confined_agent.until(lambda: not any(map(is_alive, below)))


def test_hiding_and_fork_bombs_end_with_the_run(confined_agent, run):
    text, end = run("(setsid sleep 78.1 &) ; (setsid sleep 78.2 &); sleep 0.2; echo bye")
    assert (text, end.reason) == ("bye\n", EndReason.COMPLETED)
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"sleep\x0078." in _read(path)]
    assert left == []


def test_the_shared_memory_of_a_job_is_bounded(run):
    text, _end = run("head -c 100000000 /dev/zero > /dev/shm/x; stat -c %s /dev/shm/x", memory_mb=64)
    assert int(text.split()[-1]) <= 32 * 1024 * 1024


def test_python_and_its_environment_are_found(run, tmp_path):
    text, end = run(
        ["python3", "-c", "import sys, getpass, ssl, sqlite3; print(sys.version_info[:2], getpass.getuser())"],
        environment={"PATH": f"{sys.base_prefix}/bin:/usr/bin"},
    )
    assert (text, end.exit_code) == (f"({sys.version_info[0]}, {sys.version_info[1]}) tenant\n", 0)


def test_a_command_that_is_not_there(run):
    _text, end = run(["no-such-program"])
    assert end.reason is EndReason.START_FAILED
    assert "'no-such-program' was not found" in end.detail


@pytest.mark.parametrize("argv", [("--reuid=0", "--regid=0", "id"), ("--help",), ("-i", "id"), ("A=b", "id"), ("--", "id")])
def test_the_words_of_a_command_are_no_options_of_ours(run, argv):
    for environment in ({}, {"LD_LIBRARY_PATH": "/x"}):
        text, _end = run(argv, environment=environment)
        assert not text.startswith("uid=0")
        assert "Usage" not in text or environment


def test_a_loud_end_of_ones_own_is_not_a_failed_start(run):
    _text, end = run("echo '/usr/bin/env: nothing'; echo more; exit 127")
    assert (end.reason, end.exit_code) == (EndReason.FAILED, 127)


def test_commands_hide_the_hosts_paths(tmp_path):
    """The command line, which anyone may read, tells nothing of the host; unsafe variables come after the identity has changed."""
    spec = RunSpec(name="n", tenant="t", argv=("train",), mounts=(Mount("/host/secret", "/data/x"),))
    line = sandbox.command(
        sandbox.Sandbox("bubblewrap", "/usr/bin/bwrap", as_root=True), spec, RunFolder(tmp_path), {"LD_PRELOAD": "x.so", "A": "b"}, 200_001
    )
    assert not any("/host/secret" in part or str(tmp_path) in part for part in line.argv)
    assert list(line.argv).index("LD_PRELOAD=x.so") > list(line.argv).index("/usr/bin/setpriv")
    assert b"/host/secret" in line.inputs[-1]
    assert sandbox.safe_environment({"LD_PRELOAD": "x.so", "A": "b"}) == {"A": "b"}


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_processor_time_and_memory_are_told(run):
    _text, end = run([PYTHON, "-c", "x = bytearray(60_000_000)\nfor n in range(12_000_000): pass\nimport time; time.sleep(0.6)"], memory_mb=500)
    assert end.cpu_seconds > 0.2
    assert end.max_memory_mb > 60
