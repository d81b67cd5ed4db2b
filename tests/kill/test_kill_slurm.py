"""The kill test on a real Slurm cluster: its daemons are killed as well, and Slurm's own accounting must agree with the books to the second.

`make kill-test` runs it at full size where Slurm is installed, `make test-all` a small one.
"""

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.kill import story, test_kill

from wutong.app.trial import TrialCentre
from wutong.centre.engines.slurm.lab.checks import why_not
from wutong.centre.engines.slurm.lab.cluster import Lab
from wutong.centre.engines.slurm.tenants.identities import PasswdIdentities
from wutong.kit.errors import Problem

KILLS, JOBS = int(os.environ.get("WUTONG_KILLS", "0")) or 6, int(os.environ.get("WUTONG_KILL_JOBS", "0")) or 12
CENTRE = "killtest"
FLAVOUR = "ascend910b.1"
OURS = ("api-0", "worker", "postgres")
THEIRS = ("slurmctld", "slurmdbd", "slurmd")
BACK_S = 2.0
PASSING = (Problem, OSError, subprocess.SubprocessError)
WHY_NOT = why_not(accounting=True, rest=False)

pytestmark = [pytest.mark.slow, pytest.mark.needs_slurm, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)]


@pytest.fixture
def lab():
    """A cluster of four nodes with accounting."""
    with Lab.start(nodes=4, accelerators={"ascend910b": 8}, cpus=32) as lab:
        yield lab
    PasswdIdentities(CENTRE).remove_all()


@pytest.fixture
def centre(lab):
    """A centre whose jobs run on the lab."""
    root = lab.folder / "shared"
    root.mkdir(mode=0o755)
    home = lab.folder / "home"
    slurm = [{"conf": str(lab.slurm_conf), "root": str(root), "users": "make"}]
    centre = TrialCentre(home, slots=1, centre=CENTRE, slurm=json.dumps(slurm)).start()
    try:
        story.until(lambda: any(pool["engine"] == "slurm" for pool in centre.listed("/admin/pools?", token=centre.operator())), "no nodes were found")
        centre.call("POST", "/admin/prices", token=centre.operator(), body={"flavour": FLAVOUR, "fen_per_card_hour": 600})
        yield centre
    finally:
        centre.stop()


@pytest.mark.timeout(3000)
def test_every_accepted_job_ends_once_though_slurm_is_killed_too(centre, lab):
    chance = random.Random(test_kill.SEED)
    accounts = [centre.tenant(f"Tenant {number}", top_up_fen=story.TOP_UP_FEN) for number in range(5)]
    story.until(lambda: accounts_on(lab) >= len(accounts), "the tenants have no accounts on the cluster")
    jobs = story.want_jobs(accounts, JOBS, chance, flavour=FLAVOUR)
    print(f"\nseed {test_kill.SEED}: {JOBS} jobs of 5 tenants on Slurm, {KILLS} kills")
    began = time.monotonic()
    with kept_alive(lab):
        submitters = story.submit_all(centre, jobs, seconds=KILLS * 0.5, patience_s=KILLS * 3 + 300)
        killed = kill_often(centre, lab, chance)
        print(f"killed {killed} in {time.monotonic() - began:.0f} s")
        for thread in submitters:
            thread.join()
        seen = story.await_ended(centre, jobs, patience_s=900)
        print(f"all ended and settled after {time.monotonic() - began:.0f} s")
        story.until(lambda: not queue(lab), lambda: f"jobs are left in the queue: {queue(lab)}; {machines(lab)}", patience_s=300)
    test_kill.check_results(jobs, seen)
    test_kill.check_logs(centre, jobs)
    test_kill.check_money(centre, accounts, seen)
    check_against_accounting(centre, lab)


@contextmanager
def kept_alive(lab: Lab) -> Iterator[None]:
    """Start the cluster's daemons again a while after they died, as a service manager does: slurmctld 22.05 dies of a killed slurmdbd by itself.

    Nodes that slurmctld drained because a job it had forgotten still ran there ("Duplicate jobid on nodes") are taken back, as their operator would.
    """
    wanted, over = set(lab.running()), threading.Event()

    def look() -> None:
        while not over.wait(BACK_S):
            for which in sorted(wanted - set(lab.running()), key=lambda name: (name != "slurmdbd", name)):
                with contextlib.suppress(
                    *PASSING
                ):  # slurmctld cannot begin while slurmdbd is away, if it was killed before it kept what that told it
                    lab.restart_daemon(which)
            with contextlib.suppress(*PASSING):
                drained = lab.run("sinfo", "-h", "-N", "-t", "drain", "-o", "%N", timeout_s=30).stdout.split()
                if drained:
                    lab.run("scontrol", "update", f"nodename={','.join(drained)}", "state=resume", timeout_s=30)

    keeper = threading.Thread(target=look)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def kill_often(centre: TrialCentre, lab: Lab, chance: random.Random) -> Counter[str]:
    """Kill processes of the centre and daemons of the cluster at random moments."""
    names = [(OURS + THEIRS)[number % 6] for number in range(KILLS)]
    chance.shuffle(names)
    for name in names:
        time.sleep(chance.expovariate(1 / 0.7))
        if name in OURS:
            story.until(lambda name=name: centre.kill(name), f"{name} did not come back")
        else:
            daemon = f"slurmd:{chance.choice(lab.node_names)}" if name == "slurmd" else name
            with contextlib.suppress(Problem):  # it is down already
                lab.kill(daemon)
    return Counter(names)


def queue(lab: Lab) -> str:
    """Return what is in the queue, with the reason."""
    return lab.run("squeue", "-h", "-a", "-o", "%i %j %u %T %r %S %R").stdout.strip()


def machines(lab: Lab) -> str:
    """Return the nodes' states, with the reason."""
    return lab.run("sinfo", "-h", "-N", "-o", "%N %T %E").stdout.strip()


def accounts_on(lab: Lab) -> int:
    """Count the tenants that may work on the cluster."""
    shown = lab.run("sacctmgr", "-n", "-P", "show", "assoc", "format=account,user").stdout.splitlines()
    return sum(line.startswith(f"{CENTRE}-") and not line.endswith("|") for line in shown)


Start = tuple[str, int]
"""A run's name, and when it began in whole seconds."""


def metered(lab: Lab) -> dict[Start, float]:
    """Return for how many seconds each start held a card, as the adapter has told."""
    (path,) = Path(lab.folder).glob("home/**/adapter.db")
    used = "select name, restart, sum(used_ms) as used from usage group by name, restart"
    with contextlib.closing(sqlite3.connect(path)) as records:
        rows = records.execute(f"select name, started, used / 1000.0 from ({used}) join starts using (name, restart)")
        return {(name, started): seconds for name, started, seconds in rows}


def counted(lab: Lab) -> dict[Start, float]:
    """Return the same as slurmdbd has it."""
    line = ["sacct", "-a", "-D", "-X", "-n", "-P", "-S", "now-1hours", "-o", "JobName,Start,ElapsedRaw,AllocTRES"]
    rows = [row.split("|") for row in lab.run("env", "SLURM_TIME_FORMAT=%s", *line).stdout.splitlines() if row.startswith(f"{CENTRE}-")]
    return {(name, int(started)): float(seconds) for name, started, seconds, held in rows if "gres/gpu" in held}


def check_against_accounting(centre: TrialCentre, lab: Lab) -> None:
    """The journal says of a start what slurmdbd says, to the second, or less.

    A slurmctld that is killed forgets what it learnt in its last seconds: that a job ended (its accounts then say a later end), or that it began.
    What was told of an end before stays, so such starts are in our journal with less, or alone.
    """
    told = centre.call("GET", "/admin/usage-totals", token=centre.operator())
    ours = metered(lab)
    assert sum(ours.values()) * 1000 == told["card_ms"]

    def more(theirs: dict[Start, float]) -> dict[Start, tuple[float, float]]:
        return {start: (ours[start], theirs[start]) for start in ours.keys() & theirs.keys() if ours[start] > theirs[start]}

    story.until(lambda: not more(counted(lab)), lambda: f"the journal says more than sacct (ours, theirs): {more(counted(lab))}")
    theirs = counted(lab)
    different = {start: (seconds, theirs.get(start)) for start, seconds in ours.items() if theirs.get(start) != seconds}
    print(f"of {len(ours)} starts {len(different)} are not in sacct as they were told (told, sacct): {different}")
    assert len(different) <= len(ours) // 2
    assert story.processes_of(Path(lab.folder) / "home") == []
