"""Foretold against real starts on recorded logs, beside what limits alone foretell; predictions a second; a known slowdown replayed.

Logs are read from `traces` in WUTONG_TEST_DATA (../shared/data by default), every *.swf.gz there. WUTONG_BENCH_JOBS says how many jobs of each: the
first 20,000 by default, 0 for all. "Real" starts are those of an EASY replay, so limits and policy are known to both forecasts; the log's own
waits come after, under a policy that nobody wrote down.
"""

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from zlib import crc32

from rows import Row, show

from wutong.centre.forecast.course import Course
from wutong.centre.forecast.forecaster import Forecaster
from wutong.centre.forecast.mirror import Known, Mirror
from wutong.centre.forecast.planner import at_load, cut, extended, what_if
from wutong.centre.forecast.replay import replay
from wutong.centre.forecast.rules import WAITS_S, Ask, Machine, Past, Policy, Prediction, Running
from wutong.centre.forecast.traces import load_trace

DATA = Path(os.environ.get("WUTONG_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "traces"
JOBS = int(os.environ.get("WUTONG_BENCH_JOBS", "20000"))
EVERY = 5
"""The limits' forecast is worked out anew for every so many waiting jobs: it is the slow part."""
VENUS, PHILLY = Machine(800), Machine(2_400)
ROUND_H = (0.1, 0.25, 0.5, 1, 2, 4, 8, 12, 24, 48)
END, START, SUBMIT = 0, 1, 2


@dataclass(frozen=True)
class Waited:
    """A job's real wait, beside what was foretold."""

    real_s: float
    told_s: float
    bound_s: float
    limits_s: float | None


def rows() -> list[Row]:
    """Run every log that is there."""
    logs = sorted(DATA.glob("*.swf.gz"))
    if not logs:
        return [Row("forecast", f"skipped: no *.swf.gz in {DATA}; name the folder above it in WUTONG_TEST_DATA")]
    found = []
    for path in logs:
        trace = load_trace(path)
        jobs = cut(trace.jobs)[: JOBS or None]
        found += log_rows(trace.name, jobs, replay(jobs, Machine(trace.cards), Policy()), trace.cards)
        recorded = [job for job in jobs if job.waited_s is not None]
        starts = [job.ask.submit_s + (job.waited_s or 0.0) for job in recorded]
        found += log_rows(f"{trace.name}, waits as recorded", recorded, starts, trace.cards, target="")
        if trace.name.startswith("SDSC-BLUE"):
            found.append(slowdown_row(trace.jobs, trace.cards))
    if (DATA / "venus_gpu_jobs.csv.gz").exists():
        jobs = at_load(load_trace(DATA / "venus_gpu_jobs.csv.gz").jobs, VENUS, 0.92)[: JOBS or None]
        for name, limited in (("limits of 48 h", [with_limit(job, 48.0) for job in jobs]), ("padded limits", [padded(job) for job in jobs])):
            found += log_rows(f"venus, {name}", cut(limited), replay(cut(limited), VENUS, Policy()), VENUS.cards)
    if (DATA / "philly_vc.csv.gz").exists():
        jobs = cut([padded(job) for job in at_load(load_trace(DATA / "philly_vc.csv.gz").jobs, PHILLY, 0.92)[: JOBS or None]])
        found += log_rows("philly, padded limits", jobs, replay(jobs, PHILLY, Policy()), PHILLY.cards)
    return [*found, all_at_once_row()]


def log_rows(name: str, jobs: Sequence[Past], starts: Sequence[float], cards: int, target: str = "<= 0.22x") -> list[Row]:
    """Foretell each job at its submission, and hold it against its start."""
    events = list(in_order(jobs, starts))
    predictions, seconds = foretell(jobs, events, cards)
    limits = by_limits(jobs, events, cards)
    waits = [
        Waited(start - ask.submit_s, told.start_s - ask.submit_s, told.bound_s - ask.submit_s, limits.get(number))
        for number, (ask, start, told) in enumerate(zip((job.ask for job in jobs), starts, predictions, strict=True))
        if told.start_s < inf
    ]
    waited = [wait for wait in waits if wait.real_s >= WAITS_S]
    beside = [wait for wait in waited if wait.limits_s is not None]
    foretold = [wait for wait in waits if wait.told_s >= WAITS_S]
    ours = statistics.median(abs(wait.told_s - wait.real_s) for wait in waited)
    same = statistics.median(abs(wait.told_s - wait.real_s) for wait in beside)
    theirs = statistics.median(abs((wait.limits_s or 0.0) - wait.real_s) for wait in beside)
    covered = statistics.fmean(wait.real_s <= wait.bound_s for wait in foretold)
    return [
        Row(f"{name}: median error of {len(waited):,} starts", f"{ours:,.0f} s", f"{theirs:,.0f} s by limits", f"{same / theirs:.3f}x", target),
        Row(f"{name}: started by the bound, {len(foretold):,} foretold to wait", f"{covered:.1%}", target="88-92 %" if target else ""),
        Row(f"{name}: predictions a second, learning included", f"{len(jobs) / seconds:,.0f}/s", target=">= 5,000/s" if target else ""),
    ]


def in_order(jobs: Sequence[Past], starts: Sequence[float]) -> Iterator[tuple[float, int, int]]:
    """Yield (time, what, job): at one time ends come first, then starts of those that waited, then submissions, each with its start if at once."""
    events = []
    for number, (job, start) in enumerate(zip(jobs, starts, strict=True)):
        submit = job.ask.submit_s
        events.append((submit, SUBMIT, number, 0, SUBMIT))
        events.append((start, SUBMIT if start == submit else START, number, 1, START))
        events.append((start + job.run_s, END, number, 0, END))
    for now, _, number, _, kind in sorted(events):
        yield now, kind, number


def foretell(jobs: Sequence[Past], events: Sequence[tuple[float, int, int]], cards: int) -> tuple[list[Prediction], float]:
    """Tell a forecaster everything as it happens; return its predictions and the processor seconds it took."""
    forecaster = Forecaster(cards, limits=False)
    predictions = [Prediction(inf, inf)] * len(jobs)
    begun = time.process_time()
    for now, kind, number in events:
        if kind == SUBMIT:
            predictions[number] = forecaster.observe_submit(now, jobs[number].ask)
        elif kind == START:
            forecaster.observe_start(now, jobs[number].ask.name)
        else:
            forecaster.observe_end(now, jobs[number].ask.name)
    return predictions, time.process_time() - begun


def by_limits(jobs: Sequence[Past], events: Sequence[tuple[float, int, int]], cards: int) -> dict[int, float]:
    """Replay the queue by limits alone, afresh at every so many submissions that find it full: what Slurm's own estimate rests on."""
    mirror, waits, count = Mirror(cards), {}, 0
    for now, kind, number in events:
        ask = jobs[number].ask
        if kind == START:
            mirror.start(now, ask.name)
        elif kind == END:
            mirror.end(ask.name)
        else:
            at_once = mirror.is_last(ask) and mirror.fits_now(now, ask)
            mirror.submit(Known(ask, ask.most_s, draws=[ask.most_s]))
            count += not at_once
            if not at_once and count % EVERY == 0:
                busy = [(max(end, now + 1.0), end, held) for end, held in mirror.ends]
                queue = [(known.ask.cards, known.most_s, known.most_s, known.ask.name) for _, known in mirror.waiting]
                wait = Course(now, mirror.free, busy, mirror.ends.copy(), queue).start_of(ask.name) - now
                if wait < inf:
                    waits[number] = wait
    return waits


def slowdown_row(jobs: list[Past], cards: int) -> Row:
    """Replay the whole log under EASY."""
    begun = time.process_time()
    ours = what_if(extended(jobs), Machine(cards), Policy()).all.slowdown
    seconds = time.process_time() - begun
    name = f"EASY on SDSC-BLUE, mean bounded slowdown ({len(jobs):,} jobs in {seconds:.0f} s)"
    return Row(name, f"{ours:.2f}", "36.5 published", f"{ours / 36.5:.3f}x", "within 5 %")


def all_at_once_row() -> Row:
    """Foretell 10,000 waiting jobs behind 1,000 running ones in one look."""
    forecaster = Forecaster(1_000, limits=False)
    shapes = [(1, 3600.0), (2, 7200.0), (8, 14_400.0), (16, 43_200.0), (4, 86_400.0)]
    running = [Running(Ask(f"r{n}", 1, 36_000.0, 0.0, f"u{n % 186}"), 0.0) for n in range(1_000)]
    queued = [Ask(f"q{n}", *shapes[n % 5], float(n) / 10, f"u{n % 186}") for n in range(10_000)]
    begun = time.process_time()
    forecaster.predict(1_000.0, running, queued)
    first = time.process_time() - begun
    begun = time.process_time()
    forecaster.predict(1_060.0, running, queued)
    again = time.process_time() - begun
    return Row("10,000 queued jobs in one look", f"{again:.2f} s", f"{first:.2f} s the first time", target="< 1 s")


def with_limit(job: Past, hours: float) -> Past:
    """Set one limit."""
    return replace(job, ask=replace(job.ask, limit_s=hours * 3600))


def padded(job: Past) -> Past:
    """Ask, as people do, for a round time of one to five times the need: the same for the same job in every run."""
    need_h = job.run_s / 3600 * (1 + 4 * crc32(job.ask.name.encode()) / 2**32)
    return with_limit(job, next((hours for hours in ROUND_H if hours >= need_h), ROUND_H[-1]))


if __name__ == "__main__":
    show(rows())
