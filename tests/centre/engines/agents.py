"""Agents for tests: real processes in a folder of their own, killed and restarted by their id."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from wutong.centre.engines.conformance import shell
from wutong.centre.engines.local import wire
from wutong.centre.engines.local.client import LocalEngine, connect
from wutong.centre.engines.protocol import Absent, Phase, RunSpec, Unknown

ROOT = Path(__file__).parents[3]


class AgentUnderTest:
    """An agent process and the engine that talks to it."""

    def __init__(self, home, *options, slots=4, sandbox="none", within=()):
        self.home = home
        self.within = within
        self.options = ["--slots", str(slots), "--cpus", "32", "--memory-mb", "8192", "--sandbox", sandbox, "--window-s", "1", *options]
        self.engine = LocalEngine(home, timeout_s=10)
        self.process = None
        home.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self):
        line = [*self.within, sys.executable, "-m", "wutong.centre.engines.local.agent", "--home", str(self.home), *self.options]
        with (self.home / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(line, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.until(lambda: not isinstance(self.engine.capabilities(), Unknown))

    def kill(self):
        """Kill -9, as a careless operator would."""
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is not None:
            self.start()
        self.engine.stop(kill_runs=True)
        try:
            self.process.wait(20)
        finally:
            if self.process.poll() is None:
                self.kill()
            self.engine.close()

    @property
    def log(self):
        return (self.home / "agent.log").read_text()

    def submit(self, name, script, **changes):
        spec = self.spec(name, script, **changes)
        answer = self.engine.submit(spec)
        assert type(answer).__name__ == "Accepted", answer
        return spec

    def spec(self, name, script, **changes):
        argv = ("sh", "-c", script) if isinstance(script, str) else tuple(script)
        return RunSpec(**{"name": name, "tenant": "tenant", "argv": argv, "memory_mb": 64, "time_limit_s": 60, "grace_s": 2, **changes})

    def see(self, name):
        seen = self.engine.observe([name])
        assert not isinstance(seen, Unknown), seen
        return seen[name]

    def ended(self, name, within=90):
        self.until(lambda: self.see(name).phase is Phase.ENDED, within)
        return self.see(name)

    def running(self, name):
        self.until(lambda: self.see(name).phase is Phase.RUNNING)

    def text(self, name, offset=0, limit=1_000_000, restart=None):
        chunk = self.engine.logs(name, offset, limit, restart)
        assert not isinstance(chunk, Unknown | Absent), chunk
        return chunk.data.decode()

    def says(self, name, text):
        self.until(lambda: text in self.text(name))

    def keeper(self, name):
        return int((self.home / "runs" / name / "keeper.lock").read_text())

    def usage(self, name):
        return [record for record in self.engine.usage("").records if record.name == name]

    def until(self, condition, within=90):
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"in vain; the agent says: {self.log[-2000:]}"
            time.sleep(0.02)


class LocalRig:
    """The local engine for the conformance suite."""

    ticks = 1500
    resolution_s = 0.0

    def __init__(self, agent):
        self.agent = agent
        self.engine = agent.engine

    def spec(self, name, behaviour, **changes):
        return self.agent.spec(name, "", **{"argv": shell(behaviour), **changes})

    def tick(self):
        time.sleep(0.02)

    def submit_unclearly(self, spec):
        with connect(self.agent.home) as sock:
            sock.sendall(wire.pack({"verb": "submit", "spec": wire.spec_to_json(spec)}))
        return Unknown("we hung up")

    def darken(self):
        self.agent.kill()

    def lighten(self):
        self.agent.start()


def is_alive(pid):
    """Tell whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def kill(pid):
    os.kill(pid, signal.SIGKILL)
