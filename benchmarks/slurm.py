"""Jobs on a real Slurm in a box, through the whole platform and by Slurm's own commands on the same cluster in the same run.

`python benchmarks/slurm.py` starts a cluster and a centre of its own; it needs root and Slurm's programs.

Both sides submit with as many clients, run the same command on as many cards, and wait for the end by one look every half a second: a look of either
takes milliseconds, so ten a second, as it once was, cost a third as much as a job. Raw jobs keep no log, are in no sandbox and nobody's: leaving
that out is what they are measured for. To have them write a file, or belong to another user, costs them nothing that can be measured.
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
from processor import Meters
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
LOOK_S = 0.5
PROGRAMS = {
    "sbatch": ("clients",),
    "slurmctld, munged": ("slurmctld", "munged"),
    "accounting": ("slurmdbd", "mariadbd"),
    "nodes: slurmd, slurmstepd, the runner, the job": ("slurmd",),
    "worker, with its sbatch": ("supervisor", "worker", "agent"),
    "API": ("api-0",),
    "PostgreSQL": ("postgres",),
}


def rows() -> list[Row]:
    """Run all on a cluster of eight nodes."""
    if reason := why_not(accounting=True, rest=False):
        return [Row("Slurm", "not measured", reason)]
    with Meters() as meters, Lab.start(nodes=8, accelerators={"ascend910b": 8}, cpus=32, enforce=False) as lab:
        for which in lab.running():
            meters.put(which.partition(":")[0], lab.pid(which))
        through = through_the_platform(lab, meters)
        return [*through, *submissions(lab), *looks(lab)]


def through_the_platform(lab: Lab, meters: Meters) -> list[Row]:
    """Time trivial jobs from acceptance to settlement against raw sbatch, weigh both, and see how long after its end a job is charged."""
    with a_centre(lab) as (centre, account):
        # Beside the idle centre, as ours: the nodes of the box share its one list of processes, which each job's end is looked for in.
        raw, raw_ms = weighed(meters, lambda: raw_sbatch(lab, TRIVIAL))
        for name, pid in sorted(centre.pids().items(), key=lambda found: found[0] != "supervisor"):  # it is above the others
            meters.put(name, pid)
        seconds, ours_ms = weighed(meters, lambda: jobs.settle(centre, account, TRIVIAL, ["true"], "true", flavour=FLAVOUR, look_s=LOOK_S))
        lags = [end_to_charge(centre, account) for _ in range(ENDS)]
    figures = f"{statistics.median(lags):.1f} s; {max(lags):.1f} s"
    ours = f"{seconds:.1f} s ({TRIVIAL / seconds:.1f}/s)"
    return [
        Row(f"{TRIVIAL} trivial jobs on Slurm, accepted to settled", ours, f"sbatch: {raw:.1f} s", f"{seconds / raw:.2f}x", "<= 1.3x"),
        *budget(ours_ms, raw_ms),
        Row("job end in Slurm to its charge: median; worst", figures, target="<= 2 s; <= 15 s"),
    ]


def weighed(meters: Meters, work: Callable[[], float]) -> tuple[float, dict[str, float]]:
    """Do work on trivial jobs; return what it returns, and the processor time of each group of programs for one job, in milliseconds."""
    before, children = meters.used_ms(), children_s()
    result = work()
    after = {**meters.used_ms(), "clients": (children_s() - children) * 1000} if before else {}
    return result, {group: (used - before.get(group, 0.0)) / TRIVIAL for group, used in after.items()}


def budget(ours_ms: dict[str, float], raw_ms: dict[str, float]) -> list[Row]:
    """Show the processor time of one trivial job, in all and by program."""
    if not ours_ms:
        return [Row("processor time of a trivial job", "not measured", "there is no place for control groups here")]
    ours, raw = sum(ours_ms.values()), sum(raw_ms.values())
    rows = [Row("processor time of a trivial job", f"{ours:.0f} ms", f"sbatch: {raw:.0f} ms", f"{ours / raw:.2f}x", "<= 1.3x")]
    for name, groups in PROGRAMS.items():
        each, other = (sum(used.get(group, 0.0) for group in groups) for used in (ours_ms, raw_ms))
        rows.append(Row(f"  of that, {name}", f"{each:.1f} ms", f"{other:.1f} ms"))
    return rows


def raw_sbatch(lab: Lab, count: int) -> float:
    """Submit trivial jobs by sbatch with the same concurrency, and wait until all have ended."""
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        argv = ["sbatch", "--parsable", "--output=/dev/null", "--gres=gpu:ascend910b:1", "--mem=100M", "--wrap=true"]
        list(pool.map(lambda _: lab.run(*argv), range(count)))
    wait_until(lambda: not lab.run("squeue", "-h", "-a").stdout.strip(), LOOK_S)
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


def children_s() -> float:
    """Return the processor time of all children of ours that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def wait_until(condition: Callable[[], bool], look_s: float = 0.1) -> None:
    """Wait for something to become true."""
    while not condition():
        time.sleep(look_s)


if __name__ == "__main__":
    show(rows())
