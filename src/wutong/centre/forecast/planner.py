"""Answers what-if questions from a recorded month: the same jobs on another machine or under another policy. Slurm schedules; this only compares."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from statistics import fmean, median, quantiles
from typing import Any

from wutong.centre.forecast.replay import replay
from wutong.centre.forecast.rules import Machine, Order, Past, Policy

SHORT_S = 10.0
"""Run times below this count as this in a slowdown, as in the literature, so that jobs of a second do not rule the mean."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How a group of jobs fared. Seconds, and the mean bounded slowdown."""

    jobs: int
    mean_s: float
    median_s: float
    p90_s: float
    p95_s: float
    slowdown: float
    card_hours: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a log: all its jobs, each tenant's, the part of the machine in use from first submission to last end, jobs too wide to run."""

    all: Waits
    tenants: dict[str, Waits]
    utilisation: float
    impossible: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A machine and a policy to try."""

    machine: Machine
    policy: Policy


@dataclass(frozen=True, slots=True)
class Change:
    """What might be otherwise: more cards or nodes (fewer below 0), the order, and for that by priority its weights and shares. None: as it is.

    `order_now` is how the queue goes at present, as far as a replay can do it.
    """

    more_nodes: int = 0
    more_cards: int = 0
    order_now: Order = Order.PRIORITY
    order: Order | None = None
    fair_share_weight: float | None = None
    age_weight: float | None = None
    qos_weight: float | None = None
    half_life_days: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict)

    def plans(self, more_cards: int) -> tuple[Plan, Plan]:
        """Return the plans: as it is, and with the change and so many more cards."""
        weights: dict[str, Any] = {
            "fair_share_weight": self.fair_share_weight,
            "age_weight": self.age_weight,
            "qos_weight": self.qos_weight,
            "half_life_s": None if self.half_life_days is None else self.half_life_days * 86_400.0,
        }
        given = {name: value for name, value in weights.items() if value is not None}
        then = replace(Policy(self.order or self.order_now, shares=dict(self.shares)), **given)
        return Plan(Machine(0), Policy(self.order_now)), Plan(Machine(more_cards), then)


def what_if(jobs: Sequence[Past], machine: Machine, policy: Policy) -> Outcome:
    """Replay jobs on a machine under a policy."""
    return outcome(jobs, replay(jobs, machine, policy), machine)


def compare(jobs: Sequence[Past], plans: Mapping[str, Plan]) -> dict[str, Outcome]:
    """Replay the same jobs under each of several plans."""
    return {name: what_if(jobs, plan.machine, plan.policy) for name, plan in plans.items()}


def outcome(jobs: Sequence[Past], starts: Sequence[float], machine: Machine) -> Outcome:
    """Sum up starts, in the order of jobs."""
    ran = [(job, start) for job, start in zip(jobs, starts, strict=True) if start < inf]
    tenants: dict[str, list[tuple[Past, float]]] = defaultdict(list)
    for job, start in ran:
        tenants[job.tenant].append((job, start))
    span = max((start + job.run_s for job, start in ran), default=0.0) - min((job.ask.submit_s for job, _ in ran), default=0.0)
    used = sum(job.run_s * job.ask.cards for job, _ in ran)
    return Outcome(
        _waits(ran),
        {tenant: _waits(theirs) for tenant, theirs in sorted(tenants.items())},
        used / (span * machine.cards) if span > 0 else 0.0,
        len(jobs) - len(ran),
    )


def extended(jobs: Iterable[Past]) -> list[Past]:
    """Raise each limit to what the job did run: the usual reading of logs in published simulations."""
    return [job if job.run_s <= job.ask.most_s else replace(job, ask=replace(job.ask, limit_s=job.run_s)) for job in jobs]


def cut(jobs: Iterable[Past]) -> list[Past]:
    """End each job at its limit, as Slurm does. Its limit then says nothing of its run time that a user did not know."""
    return [job if job.run_s <= job.ask.most_s else replace(job, run_s=job.ask.most_s) for job in jobs]


def at_load(jobs: Sequence[Past], machine: Machine, load: float) -> list[Past]:
    """Move submissions closer together or apart until the work submitted a second is this part of the machine."""
    first, last = jobs[0].ask.submit_s, jobs[-1].ask.submit_s
    pace = sum(job.run_s * job.ask.cards for job in jobs) / (load * machine.cards * (last - first))
    return [replace(job, ask=replace(job.ask, submit_s=(job.ask.submit_s - first) * pace)) for job in jobs]


def _waits(ran: Sequence[tuple[Past, float]]) -> Waits:
    if not ran:
        return Waits(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    waits = [start - job.ask.submit_s for job, start in ran]
    slowdowns = [max(1.0, (wait + job.run_s) / max(job.run_s, SHORT_S)) for wait, (job, _) in zip(waits, ran, strict=True)]
    parts = quantiles(waits, n=20, method="inclusive") if len(waits) > 1 else waits * 19
    card_hours = sum(job.run_s * job.ask.cards for job, _ in ran) / 3600
    return Waits(len(ran), fmean(waits), median(waits), parts[17], parts[18], fmean(slowdowns), card_hours)
