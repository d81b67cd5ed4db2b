"""An idle embedded centre: how much memory all its processes hold, and how long a warm start takes until /health is well.

RSS counts memory that processes share once for each of them; PSS counts it once. Both are shown; the target is held against RSS.
Processor time is shown beside the time of the start, because other work on the machine lengthens a start and hardly changes what it costs.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

from rows import Row, show

from wutong.app.trial import TrialCentre

STARTS = 3
SETTLE_SECONDS = 10


def rows() -> list[Row]:
    """Start a centre, stop it, start it again warm a few times, let it settle, and weigh it."""
    with tempfile.TemporaryDirectory(prefix="wutong-idle-") as folder:
        centre = TrialCentre(Path(folder) / "home").start()
        starts = [warm_start(centre) for _ in range(STARTS)]
        time.sleep(SETTLE_SECONDS)
        found = processes(centre)
        rss, pss = sum(each[1] for each in found), sum(each[2] for each in found)
        centre.stop()
    each = ", ".join(f"{name} {rss_mb:.0f}" for name, rss_mb, _ in found)
    walls, cpus = zip(*starts, strict=True)
    all_walls = ", ".join(f"{wall:.1f}" for wall in sorted(walls))
    return [
        Row("idle centre: resident in all (RSS)", f"{rss:.0f} MB", each, target="<= 400 MB"),
        Row("idle centre: proportional share (PSS)", f"{pss:.0f} MB"),
        Row("warm start to healthy, median", f"{statistics.median(walls):.1f} s", f"of {all_walls}", target="<= 5 s"),
        Row("warm start: processor time of all processes", f"{statistics.median(cpus):.1f} s", f"{os.cpu_count()} processors"),
    ]


def warm_start(centre: TrialCentre) -> tuple[float, float]:
    """Stop a centre and start it again; returns the seconds until it is healthy and the processor seconds its processes took until then."""
    centre.stop()
    began = time.monotonic()
    centre.start()
    took = time.monotonic() - began
    return took, sum(processor_seconds(pid) for pid in centre.pids().values())


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and of those it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(each) for each in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def processes(centre: TrialCentre) -> list[tuple[str, float, float]]:
    """Return name, RSS and PSS in MB of every process of a centre; the database's processes are added up."""
    found: dict[str, tuple[float, float]] = {}
    for name, pid in centre.pids().items():
        for each in [pid, *(children(pid) if name == "postgres" else [])]:
            rss, pss = weigh(each)
            before = found.get(name, (0.0, 0.0))
            found[name] = (before[0] + rss, before[1] + pss)
    return [(name, *weights) for name, weights in sorted(found.items())]


def weigh(pid: int) -> tuple[float, float]:
    """Return RSS and PSS in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return kib["Rss"] / 1024, kib["Pss"] / 1024


def children(pid: int) -> list[int]:
    """Return the pids of direct children."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


if __name__ == "__main__":
    show(rows())
