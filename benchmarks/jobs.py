"""Jobs through a whole centre: how fast they are accepted, run and settled, against the same work by the bare tool in the same run.

`python benchmarks/jobs.py` starts a centre of its own in a temporary folder.
"""

import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import load
from rows import Row, show

from wutong.app.trial import Account, TrialCentre

CLIENTS, ACCEPTED, TRUES, SLEEPS, WIDTH, FIRST_LINES = 50, 1000, 500, 200, 8, 15


def body(name: str, command: str | list[str], **more: object) -> dict[str, object]:
    """Return a small request."""
    return {"name": name, "command": command, "flavour": "cpu.1", "time_limit_s": 600} | more


def accept(centre: TrialCentre, account: Account) -> list[Row]:
    """Accept jobs from fifty clients at once on a full centre, against a trivial authenticated GET from one client and from fifty."""
    url = f"{centre.url}/api/v1"
    calm = load.run(url, lambda _: load.request("GET", f"{url}/me", account.token), count=300, clients=1)
    busy = load.run(url, lambda _: load.request("GET", f"{url}/me", account.token), count=2000, clients=CLIENTS)
    centre.call("POST", "/jobs", token=account.token, body={**body("holder", "sleep 300"), "flavour": f"cpu.{WIDTH}"})

    def make(number: int) -> bytes:
        headers = {"Idempotency-Key": f"accept-{number}"}
        return load.request("POST", f"{url}/jobs", account.token, body=body(f"accept-{number}", ["true"]), headers=headers)

    accepted = load.run(url, make, count=ACCEPTED, clients=CLIENTS)
    assert set(accepted.statuses) == {201}, accepted.statuses
    return [
        Row("trivial authenticated GET, 1 client: p50", f"{calm.quantile(0.5):.1f} ms"),
        Row("trivial authenticated GET, 50 clients: rate; p50", f"{busy.rate:.0f}/s; {busy.quantile(0.5):.1f} ms"),
        Row("accept a job, 50 clients: rate", f"{accepted.rate:.0f}/s", target=">= 100/s"),
        Row(
            "accept a job, 50 clients: p99",
            f"{accepted.quantile(0.99):.0f} ms",
            f"GET p50, 50 clients: {busy.quantile(0.5):.1f} ms",
            f"{accepted.quantile(0.99) / busy.quantile(0.5):.1f}x",
            "< 10x",
        ),
    ]


def settle(centre: TrialCentre, account: Account, count: int, command: list[str], name: str, *, flavour: str = "cpu.1", look_s: float = 0.1) -> float:
    """Submit jobs, wait until all are ended, metered and settled; return the seconds from first submission to last settlement."""
    url = f"{centre.url}/api/v1"
    began = time.perf_counter()

    request = load.request("POST", f"{url}/jobs", account.token, body=body(name, command, flavour=flavour))
    load.run(url, lambda _: request, count=count, clients=8)
    while True:
        balance = centre.call("GET", "/balance", token=account.token)
        if balance["held_fen"] == 0:
            done = list(centre.listed(f"/jobs?name={name}&state=succeeded", token=account.token))
            if len(done) == count:
                return time.perf_counter() - began
        time.sleep(look_s)


def bare_pool(count: int, command: list[str]) -> float:
    """Run the same commands by a bare pool of subprocesses of the same width."""
    began = time.perf_counter()
    with ThreadPoolExecutor(WIDTH) as pool:
        list(pool.map(lambda _: subprocess.run(command, check=True), range(count)))
    return time.perf_counter() - began


def through(centre: TrialCentre, account: Account) -> list[Row]:
    """Time 500 jobs of `true`, and 200 of `sleep 0.5` eight wide."""
    trues = settle(centre, account, TRUES, ["true"], "true")
    bare_trues = bare_pool(TRUES, ["true"])
    sleeps = settle(centre, account, SLEEPS, ["sleep", "0.5"], "sleep")
    bare_sleeps = bare_pool(SLEEPS, ["sleep", "0.5"])
    return [
        Row("500 jobs of true: accepted, run, metered, settled", f"{TRUES / trues:.1f}/s", f"pool: {TRUES / bare_trues:.0f}/s", "", ">= 20/s"),
        Row("200 jobs of sleep 0.5, width 8", f"{sleeps:.1f} s", f"pool: {bare_sleeps:.1f} s", f"{sleeps / bare_sleeps:.2f}x", "<= 1.3x"),
    ]


def first_line(centre: TrialCentre, account: Account) -> list[Row]:
    """Time from sending the submission to the first byte that a follower of the log sees, on an idle centre."""
    times = []
    headers = {"Authorization": f"Bearer {account.token}"}
    with httpx2.Client(base_url=f"{centre.url}/api/v1", headers=headers, timeout=30) as client:
        for number in range(FIRST_LINES):
            began = time.perf_counter()
            job = client.post("/jobs", json=body(f"first-{number}", "echo here; sleep 1")).raise_for_status().json()
            with client.stream("GET", f"/jobs/{job['id']}/logs?follow=true") as stream:
                next(chunk for chunk in stream.iter_bytes() if chunk)
                times.append(time.perf_counter() - began)
            time.sleep(0.3)
    figures = f"{statistics.median(times):.2f} s; {max(times):.2f} s"
    return [Row("submit to first log line at a follower: median; worst", figures, target="median < 1 s")]


def rows() -> list[Row]:
    """Run all on a centre of their own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        centre = TrialCentre(Path(folder), slots=WIDTH, allow_unconfined_tenants=True).start()
        try:
            account = centre.tenant("Benchmark", top_up_fen=10**9)
            return first_line(centre, account) + through(centre, account) + accept(centre, account)
        finally:
            centre.stop()


if __name__ == "__main__":
    show(rows())
