"""Engines for tests: the adapter over a real lab, in folders that the nodes' users can pass, and what the tests ask of them."""

import itertools
import shutil
import signal
import tempfile
import time
from pathlib import Path

from wutong.centre.engines.conformance import shell
from wutong.centre.engines.protocol import Absent, Accepted, LogChunk, Phase, RunSpec, Unknown
from wutong.centre.engines.slurm.config import SlurmConfig
from wutong.centre.engines.slurm.engine import SlurmEngine
from wutong.centre.engines.slurm.one_user import OneUser

numbers = itertools.count(1)


class ClusterUnderTest:
    """The adapter on a lab: it can be killed (forgotten with all its memory) and made anew over the same records."""

    def __init__(self, lab, *, transport=None, **changes):
        self.lab = lab
        self.home = Path(tempfile.mkdtemp(prefix="wutong-slurm-", dir="/var/tmp"))
        self.home.chmod(0o711)
        given = {"identities": OneUser("nobody"), "gres": "gpu:ascend910b", "window_s": 1, "look_s": 0.2, "command_s": 10.0, "lost_s": 1.0, **changes}
        self.config = SlurmConfig(name="slurm", slurm_conf=lab.slurm_conf, root=self.home / "shared", home=self.home / "home", **given)
        self.engine = SlurmEngine(self.config, transport=transport)

    def forget_everything(self, transport=None):
        """Be killed and started again: nothing but the records and the cluster remembers."""
        self.engine.close()
        self.engine = SlurmEngine(self.config, transport=transport)
        if transport is None:
            self.engine.changes("")

    def close(self):
        names = [sighting.name for sighting in self.sightings() if sighting.phase is not Phase.ENDED]
        for name in names:
            self.engine.cancel(name)
        self.engine.changes("")
        self.engine.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def sightings(self):
        found, cursor = {}, ""
        while not isinstance(batch := self.engine.changes(cursor), Unknown) and batch.sightings:
            found |= {sighting.name: sighting for sighting in batch.sightings}
            cursor = batch.cursor
        return list(found.values())

    def spec(self, script, name=None, **changes):
        argv = ("sh", "-c", script) if isinstance(script, str) else tuple(script)
        name = name or f"test-{next(numbers)}"
        return RunSpec(**{"name": name, "tenant": "tenant", "argv": argv, "memory_mb": 64, "time_limit_s": 60, "grace_s": 2, **changes})

    def submit(self, script, **changes):
        spec = self.spec(script, **changes)
        self.until(lambda: self.engine.submit(spec) == Accepted())
        return spec.name

    def see(self, name):
        seen = self.engine.observe([name])
        return seen if isinstance(seen, Unknown) else seen[name]

    def phase(self, name):
        return getattr(self.see(name), "phase", None)

    def until(self, condition, within=40):
        deadline = time.monotonic() + within
        while not (found := condition()):
            assert time.monotonic() < deadline, f"in vain; {[self.see(sighting.name) for sighting in self.sightings()]}"
            time.sleep(0.03)
        return found

    def running(self, name):
        self.until(lambda: self.phase(name) is Phase.RUNNING)

    def ended(self, name, within=40):
        self.until(lambda: self.phase(name) is Phase.ENDED, within)
        return self.see(name)

    def text(self, name, restart=None):
        chunk = self.engine.logs(name, 0, 1_000_000, restart)
        assert isinstance(chunk, LogChunk), chunk
        return chunk.data.decode()

    def says(self, name, text, restart=None):
        self.until(lambda: not isinstance(self.engine.logs(name, 0, 1, restart), Unknown | Absent) and text in self.text(name, restart))

    def usage(self, name):
        return [record for record in self.engine.usage("").records if record.name == name]

    def job(self, name):
        """Return the Slurm job's id."""
        return self.until(
            lambda: self.see(name) and (self.lab.run("squeue", "-h", "-t", "all", f"--name={name}", "-o", "%A").stdout.split() or [None])[-1]
        )


class SlurmRig:
    """The adapter for the conformance suite."""

    ticks = 1500
    resolution_s = 1.0

    def __init__(self, cluster):
        self.cluster = cluster
        self.engine = cluster.engine

    def spec(self, name, behaviour, **changes):
        return self.cluster.spec(shell(behaviour), name, **changes)

    def tick(self):
        time.sleep(0.04)

    def submit_unclearly(self, spec):
        self.engine.submit(spec)
        return Unknown("we did not listen")

    def darken(self):
        """End the controller as an operator would; killed, it would also lose what it was just told."""
        self.cluster.lab.kill("slurmctld", signal.SIGTERM)
        self.cluster.until(lambda: isinstance(self.engine.changes(""), Unknown))

    def lighten(self):
        self.cluster.lab.restart_daemon("slurmctld")
        self.cluster.until(lambda: not isinstance(self.engine.changes(""), Unknown))
