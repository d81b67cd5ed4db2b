"""The world of the kill test: tenants who submit and insist, a killer, and what must be true in the end."""

import contextlib
import random
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from wutong.app.trial import Account, TrialCentre

VICTIMS = ("api-0", "worker", "agent", "postgres")
TOP_UP_FEN = 10_000_000


@dataclass
class Wanted:
    """A job as its tenant meant it, and what the centre answered."""

    number: int
    account: Account
    seconds: float
    lines: int
    exit_code: int
    flavour: str = "cpu.1"
    job_ids: set[str] = field(default_factory=set)

    @property
    def body(self) -> dict[str, object]:
        """The request: prints numbered lines over some seconds and ends with a known status."""
        pause = self.seconds / self.lines
        command = f"i=0; while [ $i -lt {self.lines} ]; do echo job-{self.number} line $i; i=$((i+1)); sleep {pause:.3f}; done; exit {self.exit_code}"
        return {"name": f"job-{self.number}", "command": command, "flavour": self.flavour, "time_limit_s": 600}

    @property
    def log(self) -> bytes:
        """Every byte the job prints."""
        return b"".join(b"job-%d line %d\n" % (self.number, index) for index in range(self.lines))


def want_jobs(accounts: list[Account], count: int, chance: random.Random, *, flavour: str = "cpu.1") -> list[Wanted]:
    """Make up jobs of mixed length, some of which fail on purpose."""
    lengths, ends = [0.0, 0.1, 0.5, 1.0, 3.0, 8.0], [0, 0, 0, 3]
    return [
        Wanted(number, chance.choice(accounts), chance.choice(lengths), chance.randint(1, 40), chance.choice(ends), flavour)
        for number in range(count)
    ]


def submit(centre: TrialCentre, wanted: Wanted, *, give_up_at: float) -> None:
    """Submit until an answer comes, then once more: a client that repeats a timed-out submission gets the same job."""
    headers = {"Idempotency-Key": f"want-{wanted.number}"}
    answers = 0
    while answers < 2:
        if time.monotonic() > give_up_at:
            raise AssertionError(f"job {wanted.number} was never accepted")
        try:
            job = centre.call("POST", "/jobs", token=wanted.account.token, body=wanted.body, headers=headers, timeout=5)
        except httpx2.HTTPStatusError as error:
            if error.response.status_code < 500:
                raise AssertionError(f"job {wanted.number} was refused: {error.response.text}") from error
            time.sleep(0.2)
        except (httpx2.HTTPError, OSError, ValueError):
            time.sleep(0.2)
        else:
            wanted.job_ids.add(job["id"])
            answers += 1


def submit_all(centre: TrialCentre, jobs: list[Wanted], *, seconds: float, patience_s: float) -> list[threading.Thread]:
    """Start submitters, one a tenant, who spread their jobs over some seconds; errors end up in the thread's `errors`."""
    give_up_at = time.monotonic() + patience_s
    threads = []
    for account in {wanted.account.tenant_id: wanted.account for wanted in jobs}.values():
        mine = [wanted for wanted in jobs if wanted.account == account]

        def work(mine: list[Wanted] = mine) -> None:
            for wanted in mine:
                submit(centre, wanted, give_up_at=give_up_at)
                time.sleep(seconds / max(1, len(mine)))

        threads.append(threading.Thread(target=work, name=account.tenant_id))
        threads[-1].start()
    return threads


def kill_often(centre: TrialCentre, count: int, chance: random.Random) -> dict[str, int]:
    """Kill processes of the centre at random moments, each kind as often; one that is still down is waited for. Returns how many of each."""
    names = [VICTIMS[number % len(VICTIMS)] for number in range(count)]
    chance.shuffle(names)
    for name in names:
        time.sleep(chance.expovariate(1 / 0.7))
        patience = time.monotonic() + 60
        while not centre.kill(name):
            assert time.monotonic() < patience, f"{name} did not come back within a minute"
            time.sleep(0.1)
    return {name: names.count(name) for name in VICTIMS}


def await_ended(centre: TrialCentre, jobs: list[Wanted], *, patience_s: float) -> dict[str, dict]:
    """Wait until every job has ended and is settled; returns the jobs by id."""
    deadline = time.monotonic() + patience_s
    seen: dict[str, dict] = {}
    accounts = list({wanted.account.tenant_id: wanted.account for wanted in jobs}.values())
    while True:
        with contextlib.suppress(httpx2.HTTPError, OSError, ValueError):
            seen = {job["id"]: job for account in accounts for job in centre.listed("/jobs", token=account.token)}
            alive = [job for job in seen.values() if job["state"] not in {"succeeded", "failed", "cancelled"}]
            if len(seen) >= len(jobs) and not alive and all(held(centre, account) == 0 for account in accounts):
                return seen
        if time.monotonic() > deadline:
            states = {wanted.number: [seen.get(job_id, {}).get("state") for job_id in wanted.job_ids] for wanted in jobs}
            open_ones = {number: state for number, state in states.items() if state not in (["succeeded"], ["failed"])}
            raise AssertionError(f"not all ended and settled: {open_ones or 'holds are left'}")
        time.sleep(1)


def until(condition: Callable[[], bool], complaint: str | Callable[[], str], patience_s: float = 60) -> None:
    """Wait for something to become true; what cannot be asked just now is asked again."""
    deadline = time.monotonic() + patience_s
    while True:
        with contextlib.suppress(httpx2.HTTPError, OSError, ValueError, subprocess.CalledProcessError):
            if condition():
                return
        assert time.monotonic() < deadline, complaint if isinstance(complaint, str) else complaint()
        time.sleep(0.2)


def held(centre: TrialCentre, account: Account) -> int:
    """Return what is still held of a tenant's money."""
    return int(centre.call("GET", "/balance", token=account.token)["held_fen"])


def processes_of(home: Path) -> list[tuple[int, str]]:
    """List processes that carry the mark of a run of this home: its agent's folder in their environment or command line."""
    mark, found = str(home / "agent" / "runs").encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes() or mark in (folder / "cmdline").read_bytes():
                found.append((int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]))
    return found
