"""Kill any process of ours at any moment: no job is lost, doubled or misreported, no log line missing, no fen astray.

`make kill-test` kills a hundred times under 300 jobs; the everyday run is a small one. WUTONG_KILLS, WUTONG_KILL_JOBS and WUTONG_KILL_SEED set
the size.
"""

import os
import random
import time
from contextlib import closing

import httpx2
import pytest
from tests.kill import story

from wutong.app.trial import TrialCentre
from wutong.centre.engines.local.client import LocalEngine
from wutong.centre.engines.protocol import UsageBatch

KILLS, JOBS = int(os.environ.get("WUTONG_KILLS", "4")), int(os.environ.get("WUTONG_KILL_JOBS", "10"))
SEED = int(os.environ.get("WUTONG_KILL_SEED", "0")) or random.SystemRandom().randrange(10**6)


@pytest.fixture
def centre(tmp_path_factory):
    """A centre of eight slots, stopped in the end whatever happened."""
    home = tmp_path_factory.mktemp("kill")
    centre = TrialCentre(home, slots=8, allow_unconfined_tenants=True)
    try:
        centre.start()
        # So dear that a job of a second costs something.
        centre.call("POST", "/admin/prices", token=centre.operator(), body={"flavour": "cpu.1", "fen_per_card_hour": 36_000})
        yield centre
    finally:
        centre.stop()


@pytest.mark.timeout(3000)
def test_every_accepted_job_ends_once_with_its_right_result(centre):
    chance = random.Random(SEED)
    accounts = [centre.tenant(f"Tenant {number}", top_up_fen=story.TOP_UP_FEN) for number in range(5)]
    jobs = story.want_jobs(accounts, JOBS, chance)
    print(f"\nseed {SEED}: {JOBS} jobs of 5 tenants, {KILLS} kills")
    began = time.monotonic()
    submitters = story.submit_all(centre, jobs, seconds=KILLS * 0.5, patience_s=KILLS * 3 + 300)
    killed = story.kill_often(centre, KILLS, chance)
    print(f"killed {killed} in {time.monotonic() - began:.0f} s")
    for thread in submitters:
        thread.join()
    seen = story.await_ended(centre, jobs, patience_s=600)
    print(f"all ended and settled after {time.monotonic() - began:.0f} s")

    check_results(jobs, seen)
    check_logs(centre, jobs)
    check_money(centre, accounts, seen)
    check_usage(centre)
    assert story.processes_of(centre.home) == []


def check_results(jobs, seen):
    """Each job was accepted as one job, ended in its right state, and ran once."""
    assert all(len(wanted.job_ids) == 1 for wanted in jobs)
    assert len(seen) == len(jobs)
    for wanted in jobs:
        job = seen[next(iter(wanted.job_ids))]
        assert (job["state"], job["exit_code"]) == ("succeeded" if wanted.exit_code == 0 else "failed", wanted.exit_code), job
        assert job["attempt"] == 1, job


def check_logs(centre, jobs):
    """Every log is whole, to the byte."""
    for wanted in jobs:
        headers = {"Authorization": f"Bearer {wanted.account.token}"}
        answer = httpx2.get(f"{centre.url}/api/v1/jobs/{next(iter(wanted.job_ids))}/logs", headers=headers, timeout=30)
        assert answer.content == wanted.log, (wanted.number, answer.status_code, answer.content[:200])


def check_money(centre, accounts, seen):
    """The ledger has no problem, and what each tenant paid is what its jobs were charged."""
    check = centre.call("GET", "/admin/ledger-check", token=centre.operator())
    assert check["problems"] == []
    for account in accounts:
        balance = centre.call("GET", "/balance", token=account.token)
        charged = sum(job["charged_fen"] for job in centre.listed("/jobs", token=account.token))
        assert balance["cash_fen"] - balance["debt_fen"] == story.TOP_UP_FEN - charged
        assert balance["held_fen"] == 0
    assert sum(job["charged_fen"] for job in seen.values()) > 0


def check_usage(centre):
    """The journal of the centre says of every run what the agent recorded, to the millisecond, and the bill says the same."""
    with closing(LocalEngine(centre.home / "agent")) as engine:
        batch = engine.usage("")
    assert isinstance(batch, UsageBatch)
    recorded = {(r.name, r.restart, round(r.window_start * 1000)): round(r.seconds * 1000) * r.slots for r in batch.records}
    journal = centre.call("GET", "/admin/usage-totals", token=centre.operator())
    assert sum(recorded.values()) == journal["card_ms"] == journal["charged_card_ms"]
    assert len({name for name, _, _ in recorded}) == journal["runs"]
