"""The runner by itself, as Slurm would start it: one start after another in a run's folder."""

import ast
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wutong.centre.engines.devices import NUMBER, SHOW
from wutong.centre.engines.protocol import Mount, RunSpec
from wutong.centre.engines.slurm import plans
from wutong.centre.engines.slurm.runner import devices, facts, plan
from wutong.centre.engines.slurm.ship import ship

HEAVY = {"dataclasses", "enum", "typing", "re", "json", "pathlib", "subprocess", "contextlib", "signal", "inspect", "ctypes", "shutil", "datetime"}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return ship(tmp_path_factory.mktemp("root"), python=sys.executable, machine="x86_64")


class Started:
    """A run's folder, and starts of it."""

    def __init__(self, home, shipped, script, **changes):
        self.folder, self.told = home / "run", home / "told"
        self.shipped = shipped
        self.folder.mkdir()
        self.told.mkdir()
        given = {"argv": ("sh", "-c", script), "memory_mb": 256, "time_limit_s": 30, "grace_s": 3, "slots": 2, **changes}
        self.spec = RunSpec(name="run", tenant="t", **given)
        text = plans.make(self.spec, confine_with=None, machine="x86_64", uid=1, kind="ascend910b", shipped=shipped, code=None, former=None)
        (self.told / "plan").write_bytes(text)
        (self.told / "orders").touch()

    def begin(self, count=0, first=0, job="7", **variables):
        environment = {"SLURM_JOB_ID": job, "SLURM_RESTART_COUNT": str(count), "SLURMD_NODENAME": "n1", "PATH": "/usr/bin:/bin", **variables}
        line = [sys.executable, "-ISE", self.shipped / "batch", self.folder, self.told, str(first)]
        return subprocess.Popen(line, env=environment)

    def run(self, **arguments):
        return self.begin(**arguments).wait(30)

    def result(self, number=0):
        return json.loads((self.folder / f"result-{number}.json").read_text())

    def log(self, number=0):
        return (self.folder / "logs" / str(number) / "000000.log").read_text()

    def says(self, text, number=0):
        deadline = time.monotonic() + 20
        while not ((self.folder / "logs" / str(number) / "000000.log").exists() and text in self.log(number)):
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def start(tmp_path, shipped):
    return lambda script, **changes: Started(tmp_path, shipped, script, **changes)


def test_a_start_leaves_facts_log_outputs_and_result(start):
    run = start('echo "$WUTONG_RUN $WUTONG_RESTART $ASCEND_RT_VISIBLE_DEVICES"; echo kept > $WUTONG_OUTPUTS/o; exit 3')
    assert run.run(SLURM_JOB_GPUS="4,6") == 3
    assert (run.result()["reason"], run.result()["exit_code"]) == ("failed", 3)
    assert run.log() == "run 0 4,6\n"
    assert (run.folder / "starts/0/outputs/o").read_text() == "kept\n"
    known = json.loads((run.folder / "facts-0.json").read_text())
    assert (known["job"], known["count"], known["node"]) == ("7", 0, "n1")
    assert known["started_ms"] == run.result()["started_ms"]


def test_a_start_that_slurm_forgot_keeps_its_folder(start):
    run = start("echo $WUTONG_RESTART; sleep 0.2")
    assert run.run() == 0
    assert run.run() == 0  # the same job, the same count: the controller has forgotten the first
    assert (run.log(0), run.log(1)) == ("0\n", "1\n")


def test_the_count_and_the_first_number_add_up(start):
    run = start("echo $WUTONG_RESTART")
    assert run.run(count=2, first=3) == 0
    assert run.log(5) == "5\n"


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGTERM, "preempted"), (signal.SIGUSR1, "preempted")])
def test_slurms_wish_to_end_becomes_the_checkpoint_signal(start, number, reason):
    run = start("trap 'echo saved > $WUTONG_CHECKPOINT/s; exit 0' USR2; echo ready; while :; do sleep 0.05; done", checkpoint_signal="SIGUSR2")
    process = run.begin()
    run.says("ready")
    process.send_signal(number)
    process.wait(20)
    assert run.result()["reason"] == reason
    (run.told / "plan").write_bytes((run.told / "plan").read_bytes().replace(b"trap", b"cat $WUTONG_CHECKPOINT/s; exit 0; trap"))
    assert run.run(count=1) == 0
    assert run.log(1) == "saved\n"


def test_an_order_to_cancel_is_read_when_poked(start):
    run = start("trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    process = run.begin()
    run.says("ready")
    (run.told / "orders").write_text("cancel\n")
    process.send_signal(signal.SIGUSR2)
    process.wait(20)
    assert run.result()["reason"] == "cancelled"
    assert run.log().endswith("saved\n")


def test_a_cancelled_run_does_not_start_again(start):
    run = start("echo never")
    (run.told / "orders").write_text("signal SIGUSR1\ncancel\n")
    run.run()
    assert (run.result()["reason"], run.result()["started_ms"]) == ("cancelled", None)


def test_signals_are_passed_on_once(start):
    run = start("trap 'echo heard' USR1; echo ready; i=0; while [ $i -lt 40 ]; do sleep 0.05; i=$((i+1)); done")
    process = run.begin()
    run.says("ready")
    (run.told / "orders").write_text("signal SIGUSR1\n")
    process.send_signal(signal.SIGUSR2)
    run.says("heard")
    process.send_signal(signal.SIGUSR2)
    assert process.wait(20) == 0
    assert run.log().count("heard") == 1


def test_the_time_limit_is_held_to_the_second(start):
    run = start("sleep 30", time_limit_s=1, grace_s=1)
    run.run()
    assert run.result()["reason"] == "time_limit"
    assert 1000 <= run.result()["ended_ms"] - run.result()["started_ms"] < 4000


def test_a_mount_that_is_not_on_this_node_is_told(start):
    run = start("true", mounts=(Mount("/not/there", "/data/x"),))
    assert run.run() == 1
    assert run.result()["reason"] == "start_failed"
    assert "not on this node" in run.result()["detail"]


def test_secrets_come_from_a_file_of_their_own(start):
    run = start("echo $TOKEN")
    text = (run.told / "plan").read_bytes().replace(b"secrets\x000\x00", b"secrets\x001\x00")
    (run.told / "plan").write_bytes(text)
    (run.told / "secrets").write_bytes(plan.write([("variable", "TOKEN=a=b c")]))
    assert run.run() == 0
    assert run.log() == "a=b c\n"


def test_a_killed_jobs_offspring_is_gone(start):
    run = start("setsid sleep 61.7 & sleep 0.3; exit 0")
    assert run.run() == 0
    assert subprocess.run(["pgrep", "-f", "sleep 61.7"], capture_output=True, check=False).stdout == b""


def test_starts_with_few_imports(shipped):
    code = f"import sys; sys.path.insert(0, {str(shipped)!r}); import wutong.centre.engines.slurm.runner.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-ISE", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)


def test_a_start_reads_one_file_of_code(tmp_path):
    code = ship(tmp_path / "root", python=sys.executable, machine="x86_64")
    shutil.rmtree(code / "wutong")
    run = Started(tmp_path, code, "echo $WUTONG_RUN")
    assert (run.run(), run.log()) == (0, "run\n")


def test_where_no_code_is_packed_for_a_nodes_python_it_is_imported(tmp_path):
    code = ship(tmp_path / "root", python=sys.executable, machine="x86_64")
    (packed,) = code.glob("modules-*")
    packed.unlink()
    run = Started(tmp_path, code, "echo $WUTONG_RUN")
    assert (run.run(), run.log()) == (0, "run\n")


def test_packed_code_says_where_it_is_from(shipped):
    ours = "[module for name, module in sys.modules.items() if name.startswith('wutong')]"
    found = f"import json; print(json.dumps([(module.__file__, list(getattr(module, '__path__', []))) for module in {ours}]))"
    script = (shipped / "batch").read_text().replace("main(*sys.argv[1:])", found)
    said = json.loads(subprocess.run([sys.executable, "-ISE", "-c", script], capture_output=True, check=True).stdout)
    assert len(said) > 15
    assert all(Path(file).is_relative_to(shipped) and Path(file).exists() for file, _path in said)
    assert all(path == ([str(Path(file).parent)] if file.endswith("__init__.py") else []) for file, path in said)


def test_fits_the_oldest_python_on_nodes(shipped):
    for path in shipped.rglob("*.py"):
        tree = ast.parse(path.read_text(), feature_version=(3, 9))
        body = [node for node in tree.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
        if body:
            first = body[0]
            future = isinstance(first, ast.ImportFrom) and first.module == "__future__"
            assert future or "|" not in path.read_text(), f"{path.name}: annotations would be evaluated"


def test_a_plan_is_read_as_it_was_written():
    pairs = [("argv", "a\nb"), ("argv", ""), ("number", 7), ("odd", "\udce4")]
    read = plan.read(plan.write(pairs))
    assert (read.words("argv"), read.number("number"), read.text("odd"), read.words("none")) == (["a\nb", ""], 7, "\udce4", [])


def test_facts_are_plain_json(tmp_path):
    path = str(tmp_path / "f.json")
    facts.write(path, {"detail": 'a "quoted" line\n\x01', "code": None, "n": 3, "name": "名"})
    assert json.loads(Path(path).read_text()) == {"detail": 'a "quoted" line\n\x01', "code": None, "n": 3, "name": "名"}


def test_devices_are_those_that_slurm_names():
    assert devices.numbers({"SLURM_JOB_GPUS": "2,3"}, 2) == [2, 3]
    assert devices.numbers({}, 2) == [0, 1]


def test_a_job_that_is_shown_no_others_devices_counts_its_own_from_zero(tmp_path):
    options = ["--dev", "/dev", SHOW, f"{tmp_path}/card{NUMBER}", f"{tmp_path}/card{NUMBER}", SHOW, "/dev/null", "/dev/null"]
    assert devices.seen_as(options, [2, 3]) == [2, 3], "no device file is there, so none hides the others"
    (tmp_path / "card2").touch()
    assert devices.seen_as(options, [2, 3]) == [0, 1]
