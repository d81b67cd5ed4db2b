"""Jobs on a real Slurm in a box, through the whole platform and by Slurm's own commands on the same cluster in the same run.

`python benchmarks/slurm.py` starts a cluster and a centre of its own; it needs root and Slurm's programs.
"""

import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import jobs
from rows import Row, show

# ruff: noqa: SLF001 - what is measured has no name outside of the adapter
from wutong.app.trial import Account, TrialCentre
from wutong.centre.engines.protocol import RunSpec
from wutong.centre.engines.slurm.config import SlurmConfig
from wutong.centre.engines.slurm.engine import SlurmEngine
from wutong.centre.engines.slurm.lab.checks import why_not
from wutong.centre.engines.slurm.lab.cluster import Lab
from wutong.centre.engines.slurm.one_user import OneUser
from wutong.centre.engines.slurm.tenants.identities import PasswdIdentities

CENTRE, FLAVOUR = "bench", "ascend910b.1"
TRIVIAL, CLIENTS = int(os.environ.get("WUTONG_BENCH_JOBS", "1000")), 8
SUBMISSIONS, QUEUED, ENDS = 300, 10_000, 8


def rows() -> list[Row]:
    """Run all on a cluster of eight nodes."""
    if reason := why_not(accounting=True, rest=False):
        return [Row("Slurm", "not measured", reason)]
    with Lab.start(nodes=8, accelerators={"ascend910b": 8}, cpus=32, enforce=False) as lab:
        through = through_the_platform(lab)
        return [*through, *submissions(lab), *looks(lab)]


def through_the_platform(lab: Lab) -> list[Row]:
    """Time trivial jobs from acceptance to settlement against raw sbatch, and how long after its end a job is charged."""
    raw = raw_sbatch(lab, TRIVIAL)
    with a_centre(lab) as (centre, account):
        seconds = jobs.settle(centre, account, TRIVIAL, ["true"], "true", flavour=FLAVOUR)
        lags = [end_to_charge(centre, account) for _ in range(ENDS)]
    figures = f"{statistics.median(lags):.1f} s; {max(lags):.1f} s"
    ours = f"{seconds:.1f} s ({TRIVIAL / seconds:.1f}/s)"
    return [
        Row(f"{TRIVIAL} trivial jobs on Slurm, accepted to settled", ours, f"sbatch: {raw:.1f} s", f"{seconds / raw:.2f}x", "<= 1.3x"),
        Row("job end in Slurm to its charge: median; worst", figures, target="<= 2 s; <= 15 s"),
    ]


def raw_sbatch(lab: Lab, count: int) -> float:
    """Submit trivial jobs by sbatch with the same concurrency, and wait until all have ended."""
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        argv = ["sbatch", "--parsable", "--output=/dev/null", "--gres=gpu:ascend910b:1", "--mem=100M", "--wrap=true"]
        list(pool.map(lambda _: lab.run(*argv), range(count)))
    wait_until(lambda: not lab.run("squeue", "-h", "-a").stdout.strip())
    return time.perf_counter() - began


def end_to_charge(centre: TrialCentre, account: Account) -> float:
    """Return how long after a job's end, as Slurm dates it to the second, its charge is there."""
    body = jobs.body("end", ["sleep", "1"], flavour=FLAVOUR)
    job = centre.call("POST", "/jobs", token=account.token, body=body)
    done = centre.await_settled(job["id"], token=account.token, patience_s=60)
    return (datetime.now(UTC) - datetime.fromisoformat(done["ended_at"])).total_seconds()


def submissions(lab: Lab) -> list[Row]:
    """Time durable submission (held, written down, released) against sbatch one after the other; nothing runs meanwhile."""
    lab.run("scontrol", "update", "nodename=" + ",".join(lab.node_names), "state=drain", "reason=benchmark")
    began = time.perf_counter()
    for _number in range(SUBMISSIONS):
        lab.run("sbatch", "--parsable", "--output=/dev/null", "--wrap=true")
    raw = SUBMISSIONS / (time.perf_counter() - began)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        engine = an_engine(lab, Path(folder))
        specs = [RunSpec(f"sub-{number}", "tenant", ("true",), memory_mb=64, time_limit_s=60) for number in range(SUBMISSIONS)]
        engine.changes("")
        began = time.perf_counter()
        engine.submit_many(specs)
        lives = engine._rounds.runs.lives
        while any(lives.at(stage) for stage in ("new", "sent", "held")):
            engine.wait(engine.changes("").cursor, 0.2)
        ours = SUBMISSIONS / (time.perf_counter() - began)
        engine.close()
    return [
        Row(
            "durable submission to Slurm (held, recorded, released)",
            f"{ours:.0f}/s",
            f"sbatch in a row: {raw:.0f}/s",
            f"{ours / raw:.2f}x",
            ">= 1.0x",
        )
    ]


def looks(lab: Lab) -> list[Row]:
    """Weigh one look at a long queue in processor time against squeue itself."""
    fill_queue(lab)
    plain = processor_s(lambda: subprocess.run(["squeue", "-h", "-a"], env={**os.environ, **lab.environment}, stdout=subprocess.DEVNULL, check=True))
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        engine = an_engine(lab, Path(folder))
        engine.changes("")
        ours = processor_s(engine._rounds._look)
        engine.close()
    figures = f"{ours * 1000:.0f} ms"
    return [Row(f"one look at {QUEUED} queued jobs: processor time", figures, f"squeue: {plain * 1000:.0f} ms", f"{ours / plain:.2f}x", "<= 2x")]


def fill_queue(lab: Lab) -> None:
    """Submit until the queue is long enough; on a machine with other work some calls are answered too late."""
    while missing := max(0, QUEUED - len(lab.run("squeue", "-h", "-a").stdout.splitlines())):
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda _: lab.run("sbatch", "--parsable", "--output=/dev/null", "--wrap=true", check=False), range(missing)))


@contextmanager
def a_centre(lab: Lab) -> Iterator[tuple[TrialCentre, Account]]:
    """Run a centre on the lab, with one tenant and a price."""
    root = lab.folder / "shared"
    root.mkdir(mode=0o755)
    slurm = [{"conf": str(lab.slurm_conf), "root": str(root), "users": "make"}]
    centre = TrialCentre(lab.folder / "home", slots=1, centre=CENTRE, slurm=json.dumps(slurm)).start()
    try:
        wait_until(lambda: any(pool["engine"] == "slurm" for pool in centre.listed("/admin/pools?", token=centre.operator())))
        centre.call("POST", "/admin/prices", token=centre.operator(), body={"flavour": FLAVOUR, "fen_per_card_hour": 600})
        account = centre.tenant("Benchmark", top_up_fen=10**9)
        job = centre.call("POST", "/jobs", token=account.token, body=jobs.body("first", ["true"], flavour=FLAVOUR))
        centre.await_settled(job["id"], token=account.token)
        yield centre, account
    finally:
        centre.stop()
        PasswdIdentities(CENTRE).remove_all()


def an_engine(lab: Lab, folder: Path) -> SlurmEngine:
    """Return an adapter on the lab with records of its own."""
    users = OneUser("nobody")
    return SlurmEngine(SlurmConfig("bench", lab.slurm_conf, folder / "shared", folder / "home", users, gres="gpu:ascend910b", look_s=0.2))


def processor_s(work: Callable[[], object], times: int = 5) -> float:
    """Return the processor time of the best of some runs, its children's included."""

    def used() -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in both)

    best = float("inf")
    for _ in range(times):
        before = used()
        work()
        best = min(best, used() - before)
    return best


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    while not condition():
        time.sleep(0.1)


if __name__ == "__main__":
    show(rows())
