"""The kill test on a real Slurm cluster: its daemons are killed as well, and Slurm's own accounting must agree with the books to the second.

`make kill-test` runs it at full size where Slurm is installed, `make test-all` a small one.
"""

import contextlib
import json
import os
import random
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
    test_kill.check_results(jobs, seen)
    test_kill.check_logs(centre, jobs)
    test_kill.check_money(centre, accounts, seen)
    check_against_accounting(centre, lab)


@contextmanager
def kept_alive(lab: Lab) -> Iterator[None]:
    """Start the cluster's daemons again a while after they died, as a service manager does: slurmctld 22.05 dies of a killed slurmdbd by itself."""
    wanted, over = set(lab.running()), threading.Event()

    def look() -> None:
        while not over.wait(BACK_S):
            for which in sorted(wanted - set(lab.running())):
                with contextlib.suppress(Problem):
                    lab.restart_daemon(which)

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


def accounts_on(lab: Lab) -> int:
    """Count the tenants that may work on the cluster."""
    shown = lab.run("sacctmgr", "-n", "-P", "show", "assoc", "format=account,user").stdout.splitlines()
    return sum(line.startswith(f"{CENTRE}-") and not line.endswith("|") for line in shown)


def check_against_accounting(centre: TrialCentre, lab: Lab) -> None:
    """The journal says of every card-second what slurmdbd says, starts that a lost node cut short included."""
    story.until(lambda: not lab.run("squeue", "-h", "-a").stdout.strip(), "jobs are left in the queue")
    told = centre.call("GET", "/admin/usage-totals", token=centre.operator())
    columns = ["JobName", "State", "ElapsedRaw", "AllocTRES"]

    def seconds() -> int:
        shown = lab.run("sacct", "-a", "-D", "-X", "-n", "-P", "-S", "now-1hours", "-o", ",".join(columns)).stdout.splitlines()
        rows = [line.split("|") for line in shown if line.startswith(f"{CENTRE}-")]
        return sum(int(elapsed) for _name, _state, elapsed, held in rows if "gres/gpu" in held)

    story.until(lambda: seconds() * 1000 == told["card_ms"], f"sacct does not say {told['card_ms'] / 1000} card-seconds as the journal does")
    assert story.processes_of(Path(lab.folder) / "home") == []
