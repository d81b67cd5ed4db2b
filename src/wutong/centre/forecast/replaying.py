"""Replays a log under several plans in a process of its own, with little priority and bounded room, so that a question of minutes holds up nobody."""

import gzip
import os
import pickle
import resource
import subprocess
import sys
import threading
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from wutong.centre.forecast.planner import Outcome, Plan, cut, outcome, what_if
from wutong.centre.forecast.rules import Machine, Past, Trace
from wutong.centre.forecast.traces import parse_swf
from wutong.kit.errors import Invalid, Problem

MOST_JOBS = 100_000
MOST_LOG_BYTES = 16 * 2**20
MOST_TEXT_BYTES = 128 * 2**20
LONGEST_S = 180
_ROOM_BYTES = 4 * 2**30
_NICE = 10
_turn = threading.Lock()


class PlanTooLarge(Problem):
    """A question that would take too long."""

    code = "plan_too_large"
    status = 422
    message = "At most {jobs} jobs are replayed at a time, for at most {seconds} s. Name a shorter span or a shorter log."


class PlanUnderWay(Problem):
    """One question at a time."""

    code = "plan_under_way"
    status = 503
    message = "Another plan is being worked out at the moment. Ask again in a minute."


class NothingToPlan(Problem):
    """Nothing was recorded that could be replayed."""

    code = "nothing_to_plan"
    status = 422
    message = "No job of {name} that ran was recorded in that time. Name another time, or another pool."


@dataclass(frozen=True, slots=True)
class PlanTask:
    """What to replay: jobs, or the bytes of a log in Standard Workload Format, packed or not. `cards` 0 stands for those that the log names.

    The plans' machines have so many cards more than that.
    """

    name: str
    jobs: list[Past]
    log: bytes
    cards: int
    now: Plan
    then: Plan


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it: as it was recorded (None where the log does not say), replayed as it is, and with the change. Times are as in the log."""

    name: str
    cards: int
    cards_then: int
    jobs: int
    first_s: float
    last_s: float
    recorded: Outcome | None
    now: Outcome
    then: Outcome


def replay_apart(task: PlanTask) -> Replayed:
    """Work a task out in a process of its own; raises `PlanTooLarge`, `PlanUnderWay`, `NothingToPlan`, or `Invalid` for a log that is none."""
    if not _turn.acquire(blocking=False):
        raise PlanUnderWay
    try:
        done = subprocess.run(
            [sys.executable, "-c", "from wutong.centre.forecast.replaying import main; main()"],
            input=pickle.dumps(task),
            stdout=subprocess.PIPE,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PlanTooLarge(jobs=MOST_JOBS, seconds=LONGEST_S) from None
    finally:
        _turn.release()
    if done.returncode != 0:
        raise PlanTooLarge(jobs=MOST_JOBS, seconds=LONGEST_S)
    found = pickle.loads(done.stdout)  # noqa: S301 - what our own program has just written
    if isinstance(found, Replayed):
        return found
    problem, params = found
    raise problem(**params)


def work_out(task: PlanTask) -> Replayed:
    """Replay what a task says."""
    trace = read_log(task.name, task.log) if task.log else Trace(task.name, task.cards, task.jobs)
    if len(trace.jobs) > MOST_JOBS:
        raise PlanTooLarge(jobs=MOST_JOBS, seconds=LONGEST_S)
    if not trace.jobs:
        raise NothingToPlan(name=task.name)
    jobs, cards = cut(trace.jobs), task.cards or trace.cards
    plans = [Plan(Machine(max(cards + plan.machine.cards, 0)), plan.policy) for plan in (task.now, task.then)]
    recorded = [job for job in jobs if job.waited_s is not None]
    starts = [job.ask.submit_s + (job.waited_s or 0.0) for job in recorded]
    return Replayed(
        task.name,
        cards,
        plans[1].machine.cards,
        len(jobs),
        jobs[0].ask.submit_s,
        jobs[-1].ask.submit_s,
        outcome(recorded, starts, Machine(cards)) if len(recorded) == len(jobs) else None,
        *(what_if(jobs, plan.machine, plan.policy) for plan in plans),
    )


def read_log(name: str, packed: bytes) -> Trace:
    """Read a log in Standard Workload Format, packed or not."""
    try:
        with gzip.open(BytesIO(packed)) if packed[:2] == b"\x1f\x8b" else BytesIO(packed) as file:
            text = file.read(MOST_TEXT_BYTES + 1)
    except (OSError, EOFError):
        raise Invalid(field="log", reason="It is packed, and cannot be unpacked.") from None
    if len(text) > MOST_TEXT_BYTES:
        raise PlanTooLarge(jobs=MOST_JOBS, seconds=LONGEST_S)
    return parse_swf(name, text.decode(errors="replace").splitlines())


def main() -> None:
    """Do the task on standard input, and write what came of it to standard output: what was found, or a problem's kind and parameters."""
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (_ROOM_BYTES, _ROOM_BYTES))
    task = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own caller wrote it
    try:
        found: Replayed | tuple[type[Problem], dict[str, Any]] = work_out(task)
    except Problem as problem:
        found = type(problem), problem.params
    sys.stdout.buffer.write(pickle.dumps(found))
